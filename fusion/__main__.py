"""The command line: `python -m fusion predict | train | evaluate | bench | download`, each with `--help`.

    python -m fusion predict --task digits --strategy all --image a.png --audio a.wav --video a.mp4 --text "seven" [--json]
    python -m fusion train --task digits --strategy late --data DIR
    python -m fusion evaluate --task digits --data DIR [--json]
    python -m fusion bench [--json] [--quick] [--reference] [--out FILE]
    python -m fusion bench --page [--url URL] [--json]
    python -m fusion bench --visitors 50 --minutes 10 [--url URL] [--json]
    python -m fusion download --task digits --data DIR

`predict --json` writes one object to stdout, and whatever else there is to say goes to stderr:

    {
      "task": "digits",
      "device": "cpu",
      "notes": ["sentence about what was trimmed or assumed", ...],
      "predictions": {
        "<strategy>": {                                   in screen order; baselines after the strategies
          "label": "7",
          "confidence": 0.98,                             probability of the label, in [0, 1]
          "probs": {"0": 0.001, ...},                     sums to 1, in the task's label order
          "weights": {"image": 0.6, ...} | null,          learned share of each modality, where the strategy has one
          "contributions": {"image": 0.3, ...},           change of the label's probability when that modality is left out
          "votes": {"image": {"0": 0.1, ...}} | null,     what each modality says alone, where the strategy asks them
          "auxiliary": {"parity": {"even": 0.1, ...}} | null,     answers to further questions, where the strategy has heads for them
          "found": 0.98 | null,                           probability that what is asked for is there, where the task asks for a place
          "box": [x0, y0, x1, y1] | null,                 in [0, 1] of the picture; null also where nothing was found
          "mask": {"shape": [S, S]} | null,               like the box; with --attention full also "values", in [0, 1]
          "seconds": 0.004,                               of the strategy alone; the encoders run once for all
          "attention": [                                  only with --attention
            {"query": "text", "key": "image", "shape": [L, H, Tq, Tk], "values": [[[[...]]]]}     values only with --attention full
          ]
        }
      }
    }

A number that is not finite is written as null. Exit codes: 0 done, 2 wrong arguments or input (one sentence on stderr), 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import fusion
from fusion.tables import aligned, leaves, plain
from fusion.tasks import DEFAULT, TASKS
from fusion.types import MODALITIES, FusionError, Prediction

HELP = {"image": "a picture", "text": "the words themselves", "audio": "a sound, or a clip whose sound is taken", "video": "a clip"}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = vars(build_parser().parse_args(argv))
    command = arguments.pop("command")
    try:
        code = command(**arguments)
        sys.stdout.flush()
        return code or 0
    except FusionError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough; a second flush at exit would complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a folder that cannot be read, a full disk
        print(f"{error.filename or 'A file'} cannot be used: {error.strerror or type(error).__name__}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted; what was finished before is kept.", file=sys.stderr)
        return 130


def build_parser() -> argparse.ArgumentParser:
    """All commands with their options. What a command's own defaults decide is left out of its arguments where it is not given."""
    parser = argparse.ArgumentParser(
        prog="python -m fusion", description="Fusion Lab: several modalities, one answer, many ways to fuse them."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="{predict,train,evaluate,bench,download}")
    _add_predict(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_bench(commands)
    _add_download(commands)
    return parser


def predict(
    task: str,
    strategy: str,
    device: str,
    encoders: str | dict[str, str],
    severity: dict[str, int],
    attention: str | None,
    as_json: bool,
    **media: str | None,
) -> None:
    """Encodes the given media once and prints what one strategy, or every one, concludes."""
    inputs = {name: medium for name, medium in media.items() if medium is not None}
    if not inputs:
        raise FusionError("Give at least one of {known}.", known=[f"--{name}" for name in MODALITIES])
    if attention and not as_json:
        raise FusionError("--attention adds to the output of --json; give both.")
    if strays := sorted(severity.keys() - inputs.keys()):
        raise FusionError("--severity names {known}, but no such medium is given.", known=list(strays))
    with redirect_stdout(sys.stderr):  # stdout is the answer's alone, whatever a library prints
        lab = fusion.load(task, device=device, encoders=encoders)
        if not lab.strategies or strategy in lab.untrained:
            from fusion.training import heads

            print("No strategy has been trained on these encoders yet; this is done now and kept.")
            heads.run(task, encoders)
            lab = fusion.load(task, device=device, encoders=encoders)
        print(*unavailable(lab), sep="", end="")
        names = (*lab.strategies, *lab.baselines)
        if strategy not in ("all", *names, *lab.unavailable):
            raise FusionError(
                'The task "{task}" has no strategy "{strategy}"; it has: all, {known}.', task=task, strategy=strategy, known=list(names)
            )
        encoded = lab.encode(inputs, severity=severity)
        found = lab.compare(encoded) if strategy == "all" else {strategy: lab.predict(encoded, strategy=strategy)}
    if as_json:
        report = {
            "task": task,
            "device": str(lab.device),
            "notes": list(encoded.notes),
            "predictions": {name: describe_prediction(prediction, attention) for name, prediction in found.items()},
        }
        print(json.dumps(plain(report), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        print("\n".join([*table(found), *encoded.notes]))


def unavailable(lab: Any) -> list[str]:
    """A line for everything of a task that cannot be used, and for what has not been trained yet."""
    missing = f"Not trained on these encoders yet: {', '.join(lab.untrained)}; `python -m fusion train --encoders ...` does it."
    return [f"{sentence}\n" for sentence in (*lab.unavailable.values(), *([missing] if lab.untrained else ()))]


def train(data: str | None, encoders: str | dict[str, str] | None = None, **options: Any) -> None:
    """Trains strategies of a task; with --encoders those that fuse embeddings or logits, on encoders of your choice, in a minute."""
    if encoders:
        from fusion.training import heads

        heads.run(options["task"], encoders, data, options["strategy"], anew=True)
    else:
        data = _data_folder(data)
        from fusion.training import train

        train.run(data=data, **options)


def evaluate(data: str | None, as_json: bool, **options: Any) -> None:
    """Measures every shipped strategy of a task and prints the report."""
    data = _data_folder(data)
    with redirect_stdout(sys.stderr):
        from fusion.evaluation import evaluate

        report = plain(evaluate.run(data=data, **options))
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        print("\n".join(aligned(leaves(report))))


def bench(as_json: bool, page: bool, visitors: int | None, minutes: float, url: str | None, pid: int | None, **options: Any) -> int:
    """Measures what strategies, encoders, comparing and starting cost on this machine's CPU; or the page, in a browser or under load.

    With --visitors the exit code is 1 where an answer was wrong or missing.
    """
    with redirect_stdout(sys.stderr):
        if page:
            from fusion.benchmark import page_bench as measure

            report = plain(measure.run(url, out=options["out"]))
        elif visitors:
            from fusion.benchmark import load_test as measure

            report = plain(measure.run(visitors, minutes, url, pid, out=options["out"]))
        else:
            from fusion.benchmark import bench as measure

            report = plain(measure.run(**options))
    code = int(bool(report.get("wrong") or report.get("errors") or report.get("answers") == 0))
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
        return code
    for sentence, rows in measure.tables(report):
        columns = enumerate(zip(*rows, strict=True))
        numbers = [n for n, (_, *cells) in columns if all(cell[:1].isdigit() for cell in cells if cell)]
        print("\n".join([sentence, *aligned(rows, numbers), ""]))
    return code


def download(task: str, data: str | None) -> None:
    """Fetches the public data of a task."""
    if not data:
        raise FusionError("Name the folder for the data sets with --data DIR or the variable FUSION_DATA.")
    from fusion.tasks import downloading

    for folder in downloading.run(task, data):
        print(f"{folder} is complete.")


def describe_prediction(prediction: Prediction, attention: str | None) -> dict[str, Any]:
    """A prediction as `--json` writes it; `attention` is None, "shapes" or "full"."""
    report = {
        "label": prediction.label,
        "confidence": prediction.confidence,
        "probs": prediction.probs,
        "weights": prediction.weights,
        "contributions": prediction.contributions,
        "votes": prediction.votes,
        "auxiliary": prediction.auxiliary,
        "found": prediction.found,
        "box": prediction.box,
        "mask": None if prediction.mask is None else _array(prediction.mask, attention),
        "seconds": prediction.seconds,
    }
    if attention:
        report["attention"] = [
            {"query": query, "key": key} | _array(maps, attention) for (query, key), maps in prediction.attention.items()
        ]
    return report


def _array(values: Any, attention: str | None) -> dict[str, Any]:
    return {"shape": list(values.shape)} | ({"values": values} if attention == "full" else {})


def table(found: dict[str, Prediction]) -> list[str]:
    """One aligned line per strategy under a line of headings; what no strategy has gets no column."""
    rows = [["strategy", "label", "confidence", "ms", "weights"]]
    for name, p in found.items():
        weights = "  ".join(f"{modality} {weight:.2f}" for modality, weight in (p.weights or {}).items())
        rows.append([name, p.label, f"{p.confidence:.1%}", f"{p.seconds * 1000:.1f}", weights or "-"])
    further = {
        "found": ["-" if p.found is None else f"{p.found:.1%}" for p in found.values()],
        "box": [" ".join(f"{v:.2f}" for v in p.box or ()) or "-" for p in found.values()],
        "auxiliary": [
            "  ".join(f"{q} {max(a, key=a.get)} {max(a.values()):.2f}" for q, a in (p.auxiliary or {}).items()) or "-"
            for p in found.values()
        ],
    }
    for heading, column in further.items():
        if any(cell != "-" for cell in column):
            for row, cell in zip(rows, [heading, *column], strict=True):
                row.append(cell)
    return aligned(rows, right=(2, 3))


def _add_predict(commands: Any) -> None:
    fields = __doc__[__doc__.index("`predict --json`") :]
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "predict", help="fuse media into an answer", description=predict.__doc__, epilog=fields, formatter_class=raw
    )
    parser.set_defaults(command=predict)
    _add_task(parser)
    parser.add_argument("--strategy", default="all", metavar="NAME", help="all (the default), or one by name")
    for name in MODALITIES:
        parser.add_argument(f"--{name}", metavar="TEXT" if name == "text" else "FILE", help=HELP[name])
    parser.add_argument(
        "--severity", type=parse_severity, default={}, metavar="NAME=0-5,...", help="corrupt the input first, such as image=3,audio=2"
    )
    _add_encoders(parser, "compact")
    _add_device(parser)
    parser.add_argument("--json", dest="as_json", action="store_true", help="write JSON, described below, instead of a table")
    parser.add_argument("--attention", choices=("shapes", "full"), help="with --json: add the attention maps")


def _add_train(commands: Any) -> None:
    parser = commands.add_parser("train", help="train a strategy", description=train.__doc__, argument_default=argparse.SUPPRESS)
    parser.set_defaults(command=train)
    _add_task(parser)
    parser.add_argument("--strategy", required=True, metavar="NAME", help="one by name, several with commas between, or all")
    _add_data(parser)
    parser.add_argument("--out", metavar="DIR", help="where the checkpoint goes")
    parser.add_argument("--epochs", type=_positive)
    parser.add_argument("--batch-size", type=_positive)
    parser.add_argument("--lr", type=float, help="the optimizer's peak learning rate")
    parser.add_argument("--optimizer", choices=("adamw", "sgd"))
    parser.add_argument("--limit", type=_positive, metavar="N", help="use N training samples only, for a trial")
    parser.add_argument("--resume", action=argparse.BooleanOptionalAction, default=True, help="go on from an interrupted run (the default)")
    _add_encoders(parser)
    parser.add_argument("--warm-start", action="store_true", help="baselines: begin with the weights that --out holds")
    _add_seed(parser)
    _add_device(parser)


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser(
        "evaluate", help="measure the shipped strategies", description=evaluate.__doc__, argument_default=argparse.SUPPRESS
    )
    parser.set_defaults(command=evaluate)
    _add_task(parser)
    _add_data(parser)
    parser.add_argument("--out", metavar="DIR", help="folder that report.json goes to; the checkpoints of the task by default")
    parser.add_argument("--limit", type=_positive, metavar="N", help="use N test samples only, for a trial")
    _add_seed(parser)
    _add_device(parser)
    parser.add_argument("--json", dest="as_json", action="store_true", default=False, help="write the report as JSON")


def _add_bench(commands: Any) -> None:
    parser = commands.add_parser("bench", help="measure what everything costs on this machine", description=bench.__doc__)
    parser.set_defaults(command=bench)
    parser.add_argument("--quick", action="store_true", help="few rounds and no start of the page, for a first look")
    parser.add_argument("--reference", action="store_true", help="also time MulT, implemented anew from its paper")
    parser.add_argument("--page", action="store_true", help="measure the page instead, from an act to the drawn result, in Chromium")
    parser.add_argument("--visitors", type=_positive, metavar="N", help="measure the page instead, with so many visitors at once")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the visitors stay; 10 if not given")
    parser.add_argument("--url", help="of a page that is served already; without it one is started for --page and --visitors")
    parser.add_argument("--pid", type=_positive, help="process of the page at --url, on this machine, whose memory is to be watched")
    parser.add_argument("--out", metavar="FILE", help="file that the report goes to as JSON")
    parser.add_argument("--json", dest="as_json", action="store_true", help="write the report as JSON")


def _add_download(commands: Any) -> None:
    parser = commands.add_parser("download", help="fetch public data from its official sources", description=download.__doc__)
    parser.set_defaults(command=download)
    _add_task(parser)
    _add_data(parser)


def _add_task(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", default=DEFAULT, metavar="NAME", help=f"{', '.join(TASKS)}; {DEFAULT} if not given")


def _add_data(parser: argparse.ArgumentParser) -> None:
    given = os.environ.get("FUSION_DATA")
    parser.add_argument("--data", default=given, metavar="DIR", help="folder with the data sets; the variable FUSION_DATA names it too")


def _add_encoders(parser: argparse.ArgumentParser, default: Any = argparse.SUPPRESS) -> None:
    text = "compact (the default), classical, or MODALITY=NAME,... with names such as image_lbp or backbone:microsoft/resnet-18"
    parser.add_argument("--encoders", type=parse_encoders, default=default, metavar="CHOICE", help=text)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto (the default), cpu, cuda, cuda:1, mps")


def _add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=_seed, help="the same seed gives the same result")


def parse_severity(text: str) -> dict[str, int]:
    """Reads "image=3,audio=2"."""
    severity = {}
    for pair in text.split(","):
        name, _, level = pair.strip().partition("=")
        if name not in MODALITIES or level not in set("012345"):
            raise argparse.ArgumentTypeError(f'"{pair}" is not MODALITY=LEVEL with one of {", ".join(MODALITIES)} and a level from 0 to 5')
        severity[name] = int(level)
    return severity


def parse_encoders(text: str) -> str | dict[str, str]:
    """Reads a set's name or "image=image_lbp,audio=audio_mfcc"; what exists is checked by `fusion.choice`."""
    if "=" not in text:
        return text
    pairs = [pair.strip().partition("=") for pair in text.split(",")]
    if any(not name for _, _, name in pairs):
        raise argparse.ArgumentTypeError(f'"{text}" is not a set\'s name or MODALITY=ENCODER,...')
    return {modality: name for modality, _, name in pairs}


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number above 0')
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from 0 to 4294967295')
    return int(text)


def _data_folder(data: str | None) -> str:
    if not data:
        raise FusionError("Name the folder with the data sets with --data DIR or the variable FUSION_DATA.")
    if os.path.isdir(data) and not os.access(data, os.R_OK | os.X_OK):
        raise FusionError("The folder {data} cannot be read.", data=data)
    if not os.path.isdir(data):
        raise FusionError("There is no folder {data}; `python -m fusion download --data {data}` makes and fills it.", data=data)
    return data


if __name__ == "__main__":
    sys.exit(main())
