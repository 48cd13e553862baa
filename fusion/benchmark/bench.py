"""`python -m fusion bench`: what each strategy costs, beside what the published implementations of the same idea cost.

    strategies  forward, and forward with backward, at batch 64 and 1; four modalities of 16 tokens and 128 numbers, two threads
    encoders    each on one worked example: preparing it, the network on it alone, the network on 64 of it
    compare     all strategies on one input against one of them, encoders included; on media in memory, and on files as browsers send them
    start       the page until it is ready to be served, against importing its three large libraries alone

A round runs every case once, so that whatever else the machine does slows all alike; reported is the median over the rounds, of which
there are fewer where they take long.

The peers were timed elsewhere: batch 64, the same sizes, two threads of a CPU on which concatenation takes 0.24 ms. Concatenation is
timed here in the same rounds, and `scaled` is what a strategy would take there if all operations scaled as concatenation does. They do
not quite, so a `scaled` near its aim says little; `--reference` also times MulT, implemented anew and plainly, on this very machine.
"""

from __future__ import annotations

import copy
import inspect
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fusion.benchmark.machine import describe_machine
from fusion.benchmark.mult_reference import PlainMulT
from fusion.benchmark.recorded import recorded
from fusion.config import CHECKPOINTS
from fusion.encoder_registry import count_parameters
from fusion.encoders import collate
from fusion.files import save_json
from fusion.lab import Lab
from fusion.model import strategy_options
from fusion.strategies import STRATEGIES, Strategy
from fusion.strategies.base import Targets
from fusion.tasks import DEFAULT, TASKS
from fusion.types import MODALITIES, Features, FusionError

THREADS, TOKENS, DIM, CLASSES, BATCHES = 2, 16, 128, 10, (64, 1)
CONCATENATION = 0.24  # ms, forward and backward at batch 64, on the machine the peers were timed on

# Most milliseconds of forward and backward at batch 64 on the peers' machine, and what they are compared to. No aim where nobody has
# published the idea (bottleneck, tcn, late with temperatures, multitask) or where the peer does a part of the work only: early is the
# unit itself with a hidden layer more, dynamic is an attention gate (0.44) with a classifier per modality and their quality more.
AIMS: dict[str, tuple[float, str]] = {
    "early_tokens": (20.0, "a tenth of MultiBench's early-fusion transformer (201)"),
    "additive_attention": (0.44, "torchmultimodal's attention gate"),
    "cross_attention": (15.9, "a tenth of MultiBench's MulT (159)"),
    "mult": (79.5, "half of MultiBench's MulT (159)"),
    "tensor": (10.0, "MultiBench's tensor fusion: 7.0 with two inputs, 2,216 with three, impossible with four"),
    "low_rank": (1.5, "MultiBench's low-rank fusion of rank 4 (1.6)"),
    "autoencoder": (6.5, "MVTCAE, the fastest of multivae"),
    "shared_space": (1.98, "torchmultimodal's contrastive pair (0.33), once for each of the six pairs"),
}
OPTIONS: dict[str, dict[str, Any]] = {"low_rank": {"rank": 4}}  # where a peer was timed at another size than ours is shipped with
MULT: dict[str, dict[str, int]] = {  # sizes that the reference is timed at
    "9 wide (MultiBench's default)": {"dim": 9, "num_heads": 3, "depth": 3},
    "40 wide (the authors' default)": {"dim": 40, "num_heads": 8, "depth": 4},
}
PATIENCE = 60.0  # seconds
COMPARED, SLOWER, SECONDS, GIGABYTES = "cross_attention", 1.6, 5.0, 2.5  # budgets of compare (ratio) and of start

IMPORTS = "import torch, transformers, gradio"
PAGE = "import app; app.build_app()"
TELL = """
# resident kilobytes, where the system says
import sys
try:
    with open("/proc/self/status") as file:
        used = next(line.split()[1] for line in file if line.startswith("VmRSS"))
except OSError:
    used = 0
print(used, file=sys.stderr)
"""

Case = Callable[[], Any]
Row = tuple[str, ...]  # of a table


class Time(NamedTuple):
    """Milliseconds: the median, and the fastest, which a busy machine spoils least."""

    median: float
    fastest: float


def run(quick: bool = False, reference: bool = False, out: str | None = None) -> dict[str, Any]:
    """Measures everything and returns the report.

    Args:
        quick: few rounds, and no start of the page; for a first look.
        reference: also a plain implementation of MulT, which takes a while.
        out: file that the report goes to as JSON.
    """
    rounds = 2 if quick else 25
    with threads(THREADS):
        report = {
            "command": "python -m fusion bench" + " --quick" * quick + " --reference" * reference,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": describe_machine(),
            "strategies": measure_strategies(rounds, reference),
            **measure_labs(rounds),
            "start": None if quick else measure_start(),
        }
    if out:
        save_json(Path(out), report, checksum=False)
    return report


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads for torch inside, as many as before outside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def interleave(cases: Mapping[str, Case], rounds: int, repeats: int = 3) -> dict[str, Time]:
    """Milliseconds of each case; a round runs each of them once to warm its memory and `repeats` times by the clock.

    No round begins after `PATIENCE` seconds, except the second.
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    began = time.perf_counter()
    for done in range(rounds):
        if done > 1 and time.perf_counter() - began > PATIENCE:
            break
        for name, case in cases.items():
            case()
            for _ in range(repeats):
                start = time.perf_counter()
                case()
                times[name].append((time.perf_counter() - start) * 1000)
    return {name: Time(statistics.median(several), min(several)) for name, several in times.items()}


def make_features(batch: int) -> dict[str, Features]:
    """Random features of all four modalities, whole."""
    generator = torch.Generator().manual_seed(0)
    mask, weights = torch.ones(batch, TOKENS, dtype=torch.bool), torch.full((batch, TOKENS), 1 / TOKENS)
    return {
        m: Features(
            torch.randn(batch, TOKENS, DIM, generator=generator), mask, torch.randn(batch, DIM, generator=generator), weights
        )
        for m in MODALITIES
    }  # fmt: skip


def build(name: str) -> tuple[Strategy, dict[str, Any]]:
    """A strategy of the size that all are measured at, and the options that this takes."""
    kind = STRATEGIES[name]
    known = inspect.signature(kind).parameters
    options = {k: v for k, v in OPTIONS.get(name, {}).items() if k in known}
    of_task = {k: v for k, v in strategy_options(TASKS[DEFAULT], name).items() if k in known}
    return kind(MODALITIES, DIM, CLASSES, **of_task, **options), options


def gradients(module: nn.Module, loss: Tensor) -> tuple[Tensor | None, ...]:
    """Of every parameter, anew each time: nothing is added up, nothing is to be zeroed."""
    return torch.autograd.grad(loss, [*module.parameters()], allow_unused=True)


def learn(strategy: Strategy, features: dict[str, Features], present: Tensor) -> tuple[Tensor | None, ...]:
    """Forward and backward with the strategy's own loss (ELBO, contrastive), if any; plain sums stand in for the cross-entropies."""
    output = strategy(features, present)
    losses = {"label": output.fused.sum()}
    if output.unimodal_logits:
        losses["unimodal"] = torch.stack([z.sum() for z in output.unimodal_logits.values()]).sum()
    losses |= {question: answer.sum() for question, answer in (output.auxiliary or {}).items()}
    content = torch.arange(len(present))[:, None].expand(-1, len(MODALITIES)) % CLASSES
    targets = Targets(content[:, 0], content, content, history=torch.zeros(content.shape))
    return gradients(strategy, strategy.objective(losses, output, features, present, targets))


def measure_strategies(rounds: int, reference: bool) -> dict[str, Any]:
    """Milliseconds of concatenation and of the reference (empty without it), and {"rows": {strategy: milliseconds and sizes}}."""
    torch.manual_seed(0)
    built = {name: build(name) for name in STRATEGIES}
    cat = nn.Linear(len(MODALITIES) * DIM, DIM)
    features = {batch: make_features(batch) for batch in BATCHES}
    present = {batch: torch.ones(batch, len(MODALITIES), dtype=torch.bool) for batch in BATCHES}

    def concatenate() -> tuple[Tensor | None, ...]:
        return gradients(cat, cat(torch.cat([f.pooled for f in features[64].values()], -1)).sum())

    look: dict[str, Case] = {}
    train: dict[str, Case] = {"": concatenate}
    for name, (strategy, _) in built.items():
        for b in BATCHES:
            look[f"{name} {b}"] = partial(strategy, features[b], present[b])
            train[f"{name} {b}"] = partial(learn, strategy, features[b], present[b])
    for size, options in MULT.items() if reference else ():
        train[size] = partial(learn_reference, PlainMulT(MODALITIES, DIM, **options), features[64])
    sizes = {name: multiply_adds(strategy, features[1], present[1]) for name, (strategy, _) in built.items()}
    for strategy, _ in built.values():
        strategy.eval()
    repeats = 3 if rounds > 2 else 1
    with torch.inference_mode():
        forward = interleave(look, rounds, repeats)
    for strategy, _ in built.values():
        strategy.train()
    both = interleave(train, rounds, repeats)
    unit = both[""]
    rows = {}
    for name, (strategy, options) in built.items():
        aim, against = AIMS.get(name, (None, None))
        took = both[f"{name} 64"]
        scaled = took.median * CONCATENATION / unit.median
        rows[name] = {
            "options": options,
            "parameters": sum(p.numel() for p in strategy.parameters()),
            "multiply_adds": sizes[name],
            **{f"forward_ms_{b}": forward[f"{name} {b}"].median for b in BATCHES},
            **{f"forward_backward_ms_{b}": both[f"{name} {b}"].median for b in BATCHES},
            "fastest_ms_64": took.fastest,
            "scaled_ms": scaled,
            "aim_ms": aim,
            "met": None if aim is None else scaled <= aim,
            "against": against,
        }
    return {
        "concatenation_ms": unit.median,
        "concatenation_fastest_ms": unit.fastest,
        "mult_reimplemented": {size: {"ms": both[size].median, "fastest_ms": both[size].fastest} for size in MULT if size in both},
        "rows": rows,
    }


def learn_reference(mult: PlainMulT, features: dict[str, Features]) -> tuple[Tensor | None, ...]:
    """Forward and backward of the reference."""
    return gradients(mult, mult(features).sum())


def multiply_adds(strategy: Strategy, features: dict[str, Features], present: Tensor) -> int:
    """Of all matrix products and convolutions of one forward pass; sums, products and functions of single numbers do not count."""
    counter = FlopCounterMode(display=False)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # fused kernels of the CPU hide their products from the counter
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
            copy.deepcopy(strategy).eval().requires_grad_(False)(features, present)  # the counter cannot follow views of parameters
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return counter.get_total_flops() // 2 // len(present)


def measure_labs(rounds: int) -> dict[str, Any]:
    """Encoders of every task that has its own, and what comparing costs in every task that has weights."""
    encoders: dict[str, dict[str, float]] = {}
    compared: dict[str, Any] = {}
    for task in TASKS:
        try:
            lab = Lab(task, "cpu")
        except FusionError:
            continue  # its weights are not here
        inputs = whole_example(task)
        given = {m: inputs[m] for m in lab.modalities}
        encoders |= measure_encoders(lab, given, rounds)
        if lab.strategies:
            compared[task] = measure_compare(lab, given, rounds)
            compared[f"{task}, files"] = measure_compare(lab, {m: recorded(medium) for m, medium in given.items()}, rounds)
    return {"encoders": encoders, "compare": compared}


def whole_example(task: str) -> dict[str, Any]:
    """The first worked example that has every modality: of the task, or of one whose encoders it reads."""
    homes = [TASKS[name] for name in dict.fromkeys((task, *TASKS[task].encoder_tasks.values()))]
    made = (home.make_example(name) for home in homes for name in home.examples)
    return next(media for media in made if set(media) == set(TASKS[task].modalities))


def measure_encoders(lab: Lab, inputs: dict[str, Any], rounds: int) -> dict[str, dict[str, float]]:
    """{"task/encoder": milliseconds} of the encoders that were trained or fitted for this lab's task."""
    media = lab.encode(inputs).media
    cases: dict[str, Case] = {}
    sizes: dict[str, dict[str, float]] = {}
    own = [(m, name) for m in lab.modalities if lab.task.encoder_tasks[m] == lab.task.name for name in lab.registry.names(m)]
    for m, name in own:
        encoder = lab.registry.load(m, name)
        prepared = encoder.prepare(media[m])
        one, many = collate([prepared]), collate([prepared] * 64)
        sizes[name] = {"parameters": count_parameters(encoder), "tokens": len(prepared.layout.places)}
        cases[f"prepare {name}"] = partial(encoder.prepare, media[m])
        cases[f"forward 1 {name}"] = partial(encoder, *one)
        cases[f"forward 64 {name}"] = partial(encoder, *many)
    with torch.inference_mode():
        found = interleave(cases, rounds, 1)
    return {
        f"{lab.task.name}/{name}": sizes[name]
        | {
            "prepare_ms": found[f"prepare {name}"].median,
            "forward_ms_1": found[f"forward 1 {name}"].median,
            "forward_ms_64": found[f"forward 64 {name}"].median,
        }
        for _, name in own
    }


def measure_compare(lab: Lab, inputs: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Encoding and all strategies against encoding and one; and where the time goes."""
    single = COMPARED if COMPARED in lab.strategies else lab.strategies[0]
    encoded = lab.encode(inputs)
    cases: dict[str, Case] = {
        "all": lambda: lab.compare(lab.encode(inputs)),
        "one": lambda: lab.predict(lab.encode(inputs), single),
        "encode": lambda: lab.encode(inputs),
        **{f"predict {n}": partial(lab.predict, encoded, n) for n in lab.models},
    }
    found = interleave(cases, rounds, 1)
    ratio = found["all"].median / found["one"].median
    return {
        "strategies": len(lab.strategies),
        "one": single,
        "all_ms": found["all"].median,
        "one_ms": found["one"].median,
        "ratio": ratio,
        "aim": SLOWER,
        "met": ratio <= SLOWER,
        "encode_ms": found["encode"].median,
        "predict_ms": {n: found[f"predict {n}"].median for n in lab.models},
    }


def measure_start(tries: int = 3) -> dict[str, Any]:
    """Seconds and resident memory of two programs: one imports the three large libraries, one also builds the page."""
    took: dict[str, list[float]] = {IMPORTS: [], PAGE: []}
    memory = dict.fromkeys(took, 0.0)
    for program in (IMPORTS, PAGE) * tries:
        start = time.perf_counter()
        ran = subprocess.run([sys.executable, "-c", program + TELL], cwd=CHECKPOINTS.parent, capture_output=True, text=True)
        took[program].append(time.perf_counter() - start)
        if ran.returncode:
            raise FusionError(f"The page does not start here: {ran.stderr.strip().splitlines()[-1]}")
        memory[program] = max(memory[program], int(ran.stderr.split()[-1]) * 1024 / 1e9)
    imports, page = (statistics.median(several) for several in took.values())
    return {
        "imports_s": imports,
        "page_s": page,
        "more_s": page - imports,
        "aim_s": SECONDS,
        "imports_gb": memory[IMPORTS] or None,
        "page_gb": memory[PAGE] or None,
        "aim_gb": GIGABYTES,
        "met": page - imports <= SECONDS and memory[PAGE] <= GIGABYTES,
    }


def tables(report: Mapping[str, Any]) -> Iterator[tuple[str, list[Row]]]:
    """What a person reads of a report: a sentence, and under it rows of words with their headings first."""
    machine, strategies = report["machine"], report["strategies"]
    load = "" if machine["load"] is None else f", load {machine['load']:.1f} before"
    yield f"{machine['cpu']}, {machine['threads']} of {machine['cores']} cores{load}, torch {machine['torch']}, {report['date']}", []
    unit = strategies["concatenation_ms"]
    yield (
        f"ms; scaled: both 64 where concatenation takes {CONCATENATION} (here {unit:.2f}); both: forward and backward",
        strategy_rows(strategies["rows"]),
    )
    for size, row in strategies["mult_reimplemented"].items():
        yield f"MulT, implemented anew and plainly, {size}: {row['ms']:.1f} ms forward and backward at batch 64", []
    aims: list[Row] = [("strategy", "ms", "compared to")]
    aims += [(name, f"{row['aim_ms']:g}", row["against"]) for name, row in strategies["rows"].items() if row["against"]]
    yield "aims", aims
    yield "encoders, ms", encoder_rows(report["encoders"])
    yield f"all strategies against {COMPARED}, ms with encoders", compare_rows(report["compare"])
    if start := report["start"]:
        memory = "" if start["page_gb"] is None else f", {start['page_gb']:.2f} GB resident (aim {GIGABYTES:g})"
        yield (
            (
                f"start: {start['page_s']:.1f} s, {start['more_s']:.1f} more than importing its libraries (aim {SECONDS:g})"
                f"{memory}; met: {_word(start['met'])}"
            ),
            [],
        )


def strategy_rows(rows: Mapping[str, Any]) -> list[Row]:
    """Sizes and times of every strategy."""
    found: list[Row] = [("strategy", "parameters", "multiply-adds", "fwd 1", "fwd 64", "both 1", "both 64", "scaled", "aim", "met")]
    for name, row in rows.items():
        title = " ".join([name, *(f"{k}={v}" for k, v in row["options"].items())])
        times = [f"{row[f'{kind}_ms_{b}']:.2f}" for kind in ("forward", "forward_backward") for b in (1, 64)]
        aim = "" if row["aim_ms"] is None else f"{row['aim_ms']:g}"
        sizes = f"{row['parameters']:,}", f"{row['multiply_adds']:,}"
        found.append((title, *sizes, *times, f"{row['scaled_ms']:.2f}", aim, _word(row["met"])))
    return found


def encoder_rows(rows: Mapping[str, Any]) -> list[Row]:
    """Times and sizes of every encoder."""
    found: list[Row] = [("encoder", "prepare", "fwd 1", "fwd 64", "tokens", "parameters")]
    for name, row in rows.items():
        times = [f"{row[key]:.2f}" for key in ("prepare_ms", "forward_ms_1", "forward_ms_64")]
        found.append((name, *times, str(row["tokens"]), f"{row['parameters']:,}"))
    return found


def compare_rows(rows: Mapping[str, Any]) -> list[Row]:
    """What comparing all strategies costs in every task."""
    found: list[Row] = [("task", "strategies", "encode", "one", "all", "ratio", "aim", "met")]
    for task, row in rows.items():
        times = [f"{row[key]:.1f}" for key in ("encode_ms", "one_ms", "all_ms")]
        found.append((task, str(row["strategies"]), *times, f"{row['ratio']:.2f}", f"{SLOWER:g}", _word(row["met"])))
    return found


def _word(met: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[met]
