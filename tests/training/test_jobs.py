"""The queue of jobs, with commands that print what a worker would print."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fusion.training.jobs import CRASHED, JobQueue, Standing, Ticket
from fusion.types import FusionError

LATE = 'import time; print(\'{"what": "late", "share": 0.5}\', flush=True); '
ENDLESS = [sys.executable, "-c", LATE + "time.sleep(60)"]
QUICK = [sys.executable, "-c", LATE + "print('noise'); print('{\"done\": true}')"]


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.fixture
def jobs() -> Iterator[JobQueue]:
    queue = JobQueue(most_waiting=2)
    yield queue
    queue.close()


def end(jobs: JobQueue, ticket: Ticket) -> Standing:
    until(lambda: jobs.poll(ticket).state not in ("waiting", "running"))
    return jobs.poll(ticket)


def process_of(jobs: JobQueue, ticket: Ticket) -> int:
    until(lambda: jobs.poll(ticket).what == "late")
    assert jobs._process is not None
    return jobs._process.pid


def test_a_job_tells_how_far_it_is_and_calls_back_before_it_is_done(jobs: JobQueue) -> None:
    called: list[str] = []
    ticket = jobs.join("a", "x", QUICK, lambda: called.append("done"))
    standing = end(jobs, ticket)
    assert (standing.state, standing.what, standing.share, called) == ("done", "late", 0.5, ["done"])


def test_the_time_left_follows_the_rate_so_far(jobs: JobQueue) -> None:
    code = 'import time; print(\'{"what": "a", "share": 0.0}\', flush=True); time.sleep(0.5); '
    ticket = jobs.join("a", "x", [sys.executable, "-c", code + 'print(\'{"what": "a", "share": 0.5}\', flush=True); time.sleep(60)'])
    until(lambda: jobs.poll(ticket).share == 0.5)
    left = jobs.poll(ticket).left
    assert left is not None and 0.3 < left < 2


def test_one_runs_and_the_others_see_their_position(jobs: JobQueue) -> None:
    first, second, third = (jobs.join(owner, owner, ENDLESS) for owner in "abc")
    pid = process_of(jobs, first)
    assert [jobs.poll(t).position for t in (first, second, third)] == [0, 1, 2]
    with pytest.raises(FusionError, match="Too many trainings"):
        jobs.join("d", "d", ENDLESS)
    jobs.leave(second)
    assert jobs.poll(third).position == 1 and alive(pid)
    jobs.leave(first)
    until(lambda: jobs.poll(third).state == "running")
    assert not alive(pid)


def test_asking_again_keeps_the_place_and_asking_for_another_gives_it_up(jobs: JobQueue) -> None:
    process_of(jobs, jobs.join("a", "a", ENDLESS))
    second, third = jobs.join("b", "b", ENDLESS), jobs.join("c", "c", ENDLESS)
    again = jobs.join("b", "b", ENDLESS)
    assert jobs.poll(again).position == 1 and jobs.poll(second).state == "gone"
    jobs.leave(second)  # an old ticket has no power any more
    assert jobs.poll(again).position == 1
    jobs.cancel("b", unless="b")
    assert jobs.poll(again).position == 1
    jobs.cancel("b", unless="z")
    assert jobs.poll(again).state == "gone" and jobs.poll(third).position == 1


def test_cancelling_kills_the_process_and_its_children(jobs: JobQueue) -> None:
    code = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    tell = 'print(\'{"what": "%d", "share": 0.1}\' % p.pid, flush=True); p.wait()'
    ticket = jobs.join("a", "a", [sys.executable, "-c", code + tell])
    until(lambda: jobs.poll(ticket).what != "")
    child = int(jobs.poll(ticket).what)
    assert alive(child)
    jobs.cancel("a")
    until(lambda: not alive(child))
    assert jobs.poll(ticket).state == "gone"


def test_two_who_want_the_same_share_a_job_until_both_have_left(jobs: JobQueue) -> None:
    first, second = jobs.join("a", "x", ENDLESS), jobs.join("b", "x", ENDLESS)
    pid = process_of(jobs, first)
    assert jobs.poll(second).what == "late"
    jobs.leave(first)
    time.sleep(0.5)
    assert alive(pid) and jobs.poll(second).state == "running"
    jobs.leave(second)
    until(lambda: not alive(pid))


def test_an_owner_who_does_not_ask_any_more_is_gone() -> None:
    jobs = JobQueue(patience=0.5)
    ticket, waiting = jobs.join("a", "a", ENDLESS), jobs.join("b", "b", QUICK)
    pid = process_of(jobs, ticket)
    until(lambda: jobs.poll(waiting).state == "done")
    assert not alive(pid) and jobs.poll(ticket).state == "gone"
    jobs.close()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ([sys.executable, "-c", 'print(\'{"error": "There is no network."}\'); exit(1)'], "There is no network."),
        ([sys.executable, "-c", LATE + "exit(3)"], CRASHED),
        ([sys.executable, "-c", LATE], CRASHED),
        (["no-such-program-anywhere"], CRASHED),
    ],
)
def test_a_job_that_fails_is_one_sentence_and_the_next_one_runs(jobs: JobQueue, command: list[str], sentence: str) -> None:
    called: list[str] = []
    ticket, after = jobs.join("a", "a", command, lambda: called.append("done")), jobs.join("b", "b", QUICK)
    assert end(jobs, ticket) == Standing("failed", 0, jobs.poll(ticket).what, jobs.poll(ticket).share, None, sentence)
    assert end(jobs, after).state == "done" and called == []


def test_a_worker_gives_way_and_ends_with_its_server() -> None:
    """The server is killed, so that it cannot clean up."""
    worker = "from fusion.training.jobs import prepare_worker; import os, time; prepare_worker(); "
    worker += 'print(\'{"what": "%d %d", "share": 0.1}\' % (os.getpid(), os.nice(0)), flush=True); time.sleep(60)'
    server = f"""
import sys, time
from fusion.training.jobs import JobQueue
jobs = JobQueue()
ticket = jobs.join("a", "a", [sys.executable, "-c", {worker!r}])
while not jobs.poll(ticket).what:
    time.sleep(0.05)
print(jobs.poll(ticket).what, flush=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", server], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    pid, nice = map(int, process.stdout.readline().split())
    assert nice == 19 and alive(pid)
    process.kill()
    process.communicate()
    until(lambda: not alive(pid))
