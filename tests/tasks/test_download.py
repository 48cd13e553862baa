"""Downloads against a server of our own on this machine: whole, broken, interrupted, hostile and absent files."""

from __future__ import annotations

import hashlib
import io
import re
import socket
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from fusion.tasks import downloading as download
from fusion.tasks.digits import download as sets
from fusion.types import FusionError

PAYLOAD = np.random.default_rng(0).bytes(300_000)


class Server(ThreadingHTTPServer):
    """Serves `files`; knows ranges or not; may cut the first answers short. Keeps the Range header of every request in `asked`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.cuts: list[int] = []  # the n-th answer stops after so many bytes
        self.asked: list[str | None] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        payload = self.server.files.get(self.path.lstrip("/"))
        if payload is None:
            self.send_error(404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.server.ranges else 0
        if start >= len(payload):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(payload) - 1}/{len(payload)}")
        self.send_header("Content-Length", str(len(payload) - start))
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else None
        self.wfile.write(payload[start:] if cut is None else payload[start : start + cut])

    def log_message(self, *args: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        server.files["a.bin"] = PAYLOAD
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def is_payload(path: Path) -> bool:
    return path.read_bytes() == PAYLOAD


def silent(name: str, done: int, total: int | None) -> None:
    """A progress that says nothing."""


def fetch(urls: list[str], target: Path) -> Path:
    return download.fetch(urls, target, is_payload, silent)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def zipped(entries: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, payload in entries.items():
            file.writestr(name, payload)
    return packed.getvalue()


def test_whole_file_with_progress(server: Server, tmp_path: Path) -> None:
    steps = []
    target = download.fetch([server.url("a.bin")], tmp_path / "new" / "a.bin", is_payload, lambda *step: steps.append(step))
    assert is_payload(target)
    assert [path.name for path in target.parent.iterdir()] == ["a.bin"]
    assert steps[-1] == ("a.bin", len(PAYLOAD), len(PAYLOAD))
    assert [done for _, done, _ in steps] == sorted({done for _, done, _ in steps})


def test_whole_file_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(PAYLOAD)
    fetch([server.url("a.bin")], tmp_path / "a.bin")
    assert server.asked == []


def test_broken_file_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(PAYLOAD[:-1])
    assert is_payload(fetch([server.url("a.bin")], tmp_path / "a.bin"))


@pytest.mark.parametrize("ranges", [True, False])
def test_dropped_connection_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.ranges, server.cuts = ranges, [100_000]
    assert is_payload(fetch([server.url("a.bin")], tmp_path / "a.bin"))
    assert server.asked == [None, "bytes=100000-"]


@pytest.mark.parametrize("ranges", [True, False])
def test_second_command_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.ranges = ranges
    (tmp_path / "a.bin.part").write_bytes(PAYLOAD[:123_456])
    assert is_payload(fetch([server.url("a.bin")], tmp_path / "a.bin"))
    assert server.asked == ["bytes=123456-"]


def test_server_that_always_drops_leaves_a_part(server: Server, tmp_path: Path) -> None:
    server.cuts = [1000] * download.TRIES
    with pytest.raises(FusionError, match=r"closed the connection after 5000 of 300000 bytes.*continues where it stopped"):
        fetch([server.url("a.bin")], tmp_path / "a.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin.part"]
    assert (tmp_path / "a.bin.part").read_bytes() == PAYLOAD[:5000]


@pytest.mark.parametrize("stale", [b"x" * 1000, b"x" * len(PAYLOAD), b"x" * (len(PAYLOAD) + 1)], ids=["shorter", "as long", "longer"])
def test_part_of_another_file_is_dropped(server: Server, tmp_path: Path, stale: bytes) -> None:
    (tmp_path / "a.bin.part").write_bytes(stale)
    assert is_payload(fetch([server.url("a.bin")], tmp_path / "a.bin"))


def test_whole_part_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(PAYLOAD)
    assert is_payload(fetch([f"http://127.0.0.1:{closed_port()}/a.bin"], tmp_path / "a.bin"))


def test_wrong_checksum(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = PAYLOAD[::-1]
    with pytest.raises(FusionError, match="wrong checksum"):
        fetch([server.url("a.bin")], tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []


def test_next_mirror(server: Server, tmp_path: Path) -> None:
    server.files["wrong.bin"] = b"<html>moved</html>"
    urls = [f"http://127.0.0.1:{closed_port()}/a.bin", server.url("missing.bin"), server.url("wrong.bin"), server.url("a.bin")]
    assert is_payload(fetch(urls, tmp_path / "a.bin"))


def test_offline_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sets, "MNIST_MIRRORS", (f"http://127.0.0.1:{closed_port()}/", "http://no-such-host.invalid/"))
    with pytest.raises(FusionError) as caught:
        list(download.run("digits", tmp_path, silent))
    message = str(caught.value)
    assert message.startswith("train-images-idx3-ubyte.gz could not be downloaded (no connection to 127.0.0.1:")
    assert "no-such-host.invalid" in message
    assert "\n" not in message


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(FusionError, match="^Cannot write .*data"):
        list(download.run("digits", tmp_path / "data", silent))


def test_unknown_task(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match='"weather".*digits'):
        next(download.run("weather", tmp_path))


@pytest.mark.parametrize("name", ["../0_theo_0.wav", "a/../../0_theo_0.wav", "/0_theo_0.wav", "..\\0_theo_0.wav", "C:\\0_theo_0.wav"])
def test_archive_that_climbs_is_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped({"good/1_theo_0.wav": b"1", name: b"0"}))
    with pytest.raises(FusionError, match="unsafe path"):
        list(download.unpack(archive, ["0_theo_0.wav", "1_theo_0.wav"]))


def test_archive_that_explodes_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(download, "LARGEST_UNPACKED", 1_000_000)
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped({"a": bytes(1_000_001)}))
    with pytest.raises(FusionError, match="more than 1 MB"):
        list(download.unpack(archive, ["a"]))


def test_archive_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"<html>")
    with pytest.raises(FusionError, match="not a readable zip"):
        list(download.unpack(tmp_path / "a.zip", ["a"]))


# Written by Debian's `compress` (ncompress 4.2.4): an independent program, whose codes grow from 9 to 10 bits within these bytes.
COMPRESSED = bytes.fromhex(
    "1f9d902e863c69d2a488132a2060244ca820e0c0820741c4007143624381040d2294219106081a171f6a043103848c893942668ce851060e89365442"
    "4458e3a3c91a3247da903871464c872b11568cf192464aa03341bc9451d30648a4237348541a236744852f63c0806115e1c41835639cec6ad224c718"
    "349e624c5a5286d418368eae1de9316c8e9f732386e5288329d99d31a432c52b326245193b5dca2d8c702949196a1983902ad56755a857617edc4a76"
    "a28c92692fe7dd4852210d1c91839204b1b3865bb21e6394ac7183b0ea9a3214daf08b1961e28a366a93ad58f2c6ebde4a252abc819aecdb8aa8454b"
    "5608793267e41315de95ae9ae3e11b644ba29d2c03b6c9af3516df36b9d4e55f9b6ed5271ddad338d9ac456980472eb8a6ebd4492934910d30ccd059"
    "72363487dc5935d5b6df68abf5a5946be6b935d90cf28de41f49dc2505d8597d0d27916060dd67d24e3368e55c5934c0f0e074938150030cb625f5d5"
    "4e04bed89d49c5a9885c4933605522721eed944388c8850524803a9924200d3821f7dd4d389808e40d06f2a7dc473970859c80c0c19061449e7984a5"
    "97107284550d594258dc64cc99379e565526791e8f3a7ac81e49098a58170c1d8e94d5803ead4814455892455d4d398875e04435d438124759e53026"
    "42e2d534435a15726454a07a99249553684ad61a458d8a28d6649c2257a972e56989d84d972ee42951074a455bad67ed74030db1bac9a37579d2551a"
    "a2643565120d924604186831146b9893327669a20c15d516258495b11a2c8c5a4904d9a3c4c1b0ad647c79745a9dc2ea96289114294560b21dc9f8ad"
    "6a8995d9a664871555a8ab36d990a2a113e1e0de9712bd14e4814cf1082a6913d1b06978086228674da8354b935932b26baaa827d65a514da7dd9b54"
    "561cc5252d426f518696a2274af42f849e91441b591ce98a43a9aa89b7d3cee7aad612904127a529754ebdb79351458f3454710743b8947602af88ad"
    "930602"
)
PLAIN = b"".join(b".COMMENT %d %d %d\n" % (n % 10, n * 7 % 31, n * n % 997) for n in range(120))


def test_pen_digits_are_unpacked_from_their_z_files(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = zipped({"pendigits.names": b"", "pendigits-orig.tra.Z": COMPRESSED, "pendigits-orig.tes.Z": COMPRESSED})
    server.files["pendigits.zip"] = archive
    monkeypatch.setattr(sets, "PENDIGITS_URLS", (server.url("pendigits.zip"),))
    monkeypatch.setattr(sets, "PENDIGITS_SHA256", hashlib.sha256(archive).hexdigest())
    monkeypatch.setattr(sets, "PENDIGITS_TRA_SHA256", hashlib.sha256(PLAIN).hexdigest())
    monkeypatch.setattr(sets, "PENDIGITS_TES_DIGITS", 119)  # the first line has no line before it
    for _ in range(2):  # the second time there is nothing left to do
        folder = sets.get_pendigits(tmp_path, silent)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"pendigits-orig.tra": PLAIN, "pendigits-orig.tes": PLAIN}
    assert len(server.asked) == 1


def test_recordings_are_found_in_the_archive_of_their_host(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recordings = {"0_theo_0.wav": b"zero", "1_theo_0.wav": b"one"}
    server.files["fsdd.zip"] = zipped(
        {"fsdd-1.0/README.md": b"", "fsdd-1.0/recordings/": b""} | {f"fsdd-1.0/recordings/{name}": wav for name, wav in recordings.items()}
    )
    monkeypatch.setattr(sets, "FSDD_URLS", (server.url("fsdd.zip"),))
    monkeypatch.setattr(sets, "FSDD_NAMES", tuple(recordings))
    monkeypatch.setattr(sets, "FSDD_SHA256", hashlib.sha256(b"0_theo_0.wavzero1_theo_0.wavone").hexdigest())
    for _ in range(2):
        folder = sets.get_fsdd(tmp_path, silent)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == recordings
    assert len(server.asked) == 1
    (folder / "1_theo_0.wav").write_bytes(b"two")  # broken later: fetched again
    sets.get_fsdd(tmp_path, silent)
    assert (folder / "1_theo_0.wav").read_bytes() == b"one"
    assert [path.name for path in (tmp_path / "fsdd").iterdir()] == ["recordings"]


def test_mnist_lands_where_torchvision_looks(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from torchvision.datasets import MNIST

    server.files["train-images-idx3-ubyte.gz"] = PAYLOAD
    monkeypatch.setattr(sets, "MNIST_MIRRORS", (server.url(""),))
    monkeypatch.setattr(sets, "MNIST", {"train-images-idx3-ubyte.gz": hashlib.sha256(PAYLOAD).hexdigest()})
    folder = sets.get_mnist(tmp_path, silent)
    assert [path.name for path in folder.iterdir()] == ["train-images-idx3-ubyte.gz"]
    there = MNIST.__new__(MNIST)  # without its constructor, which would read the files
    there.root = tmp_path / "mnist"
    assert folder == Path(there.raw_folder)


def test_the_official_names() -> None:
    from torchvision.datasets import MNIST

    assert [name for name, _ in MNIST.resources] == list(sets.MNIST)
    assert tuple(MNIST.mirrors) == sets.MNIST_MIRRORS
    assert len(sets.FSDD_NAMES) == 3000
    assert "7_jackson_32.wav" in sets.FSDD_NAMES


def test_progress_line_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    line = download.ProgressLine()
    for done in range(0, 2_000_001, 100_000):
        line("a.gz", done, 2_000_000)
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 11
    assert said.err.splitlines()[-1] == "a.gz  100% of 2.0 MB"


def test_progress_line_without_a_length(capsys: pytest.CaptureFixture[str]) -> None:
    line = download.ProgressLine()
    for done in range(0, 3_000_000, 100_000):
        partial(line, "a.zip")(done, None)
    assert capsys.readouterr().err.splitlines() == ["a.zip  0.0 MB", "a.zip  1.1 MB", "a.zip  2.1 MB"]
