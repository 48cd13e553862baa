"""`predict`: fuses media into an answer.

The task named by --task decides which media can be given: a task with the modalities "image" and "left_camera" has the options --image and
--left-camera. So the command is made when the arguments are known (`register`). `python -m fusion predict --task NAME --help` lists them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import fusion
from fusion.cli.errors import command
from fusion.cli.options import Device, Encoders, Json, Labels, Task, given
from fusion.cli.output import answer_only, print_json
from fusion.tables import aligned
from fusion.tasks import DEFAULT, TASKS, find_task
from fusion.types import MODALITIES, FusionError, Prediction

HELP = {
    "series": "an array in a .npy file: steps x channels",
    "vector": "an array in a .npy file",
    "number": "a number",
    "category": "a word",
    "image": "a picture",
    "text": "the words themselves",
    "audio": "a sound, or a clip whose sound is taken",
    "video": "a clip",
}
FORMAT = """\b
With --json one object goes to stdout, and whatever else there is to say to stderr:
{
  "task": "digits",
  "device": "cpu",
  "notes": ["sentence about what was trimmed or assumed", ...],
  "predictions": {
    "<strategy>": {                               in screen order; baselines after the strategies
      "label": "7",
      "confidence": 0.98,                         probability of the label, in [0, 1]
      "value": 3.2 | null, "interval": [2.5, 4.1] | null,
                                                  of a lab that predicts a number: between the two with 95 % probability
      "labels": {"a": 0.9, ...} | null,           of a lab whose samples may have several labels
      "probs": {"0": 0.001, ...},                 sums to 1, in the task's label order
      "weights": {"image": 0.6, ...} | null,      learned share of each modality, where the strategy has one
      "contributions": {"image": 0.3, ...},       change of the label's probability when that modality is left out
      "votes": {"image": {"0": 0.1, ...}} | null, what each modality says alone, where the strategy asks them
      "auxiliary": {"parity": {"even": 0.1, ...}} | null,
                                                  answers to further questions, where the strategy has heads for them
      "opinion": {"belief": {"0": 0.1, ...}, "doubt": 0.2, "conflict": 0.1, "doubts": {"image": 0.4, ...}, "refuses": false} | null,
                                                  belief and doubt sum to 1; it refuses where the doubt is above a half
      "found": 0.98 | null,                       probability that what is asked for is there, where the task asks for a place
      "box": [x0, y0, x1, y1] | null,             in [0, 1] of the picture; null also where nothing was found
      "mask": {"shape": [S, S]} | null,           like the box; with --attention full also "values", in [0, 1]
      "seconds": 0.004,                           of the strategy alone; the encoders run once for all
      "attention": [                              only with --attention; "values" only with --attention full
        {"query": "text", "key": "image", "shape": [L, H, Tq, Tk], "values": [[[[...]]]]}
      ]
    }
  }
}
Where labels are typed there is also "names": {"image": [["acoustic guitar", 0.61], ...]}: the names that spoke for the first answer.
A number that is not finite is written as null. Exit codes: 0 done, 2 wrong arguments or input (one sentence on stderr), 130 interrupted.
"""


def register(app: typer.Typer, arguments: Sequence[str] = ()) -> None:
    """Adds the command, with an option for each modality of the task that the arguments name.

    Raises:
        FusionError: they name a task that does not exist.
    """
    kinds = inputs_of(named_task(arguments) if list(arguments[:1]) == ["predict"] else None)
    app.command("predict", epilog=FORMAT)(command(make_command(list(kinds), kinds)))


def inputs_of(task: str | None) -> dict[str, str]:
    """{modality or column: kind} of a task, or of a lab of one's own data, where each column of its table is an input of its own."""
    if not fusion.is_folder(task):
        found = find_task(task)
        return {m: found.kinds[m] for m in found.modalities}
    from fusion.own_data.own_task import OwnTask

    own = OwnTask.read(Path(str(task)))
    return {m: kind for m, kind in own.kinds.items() if kind in HELP} | own.table_columns


def named_task(arguments: Sequence[str]) -> str | None:
    """The value of --task; the last one where it is given again, None where it is not given."""
    found = None
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--task" and equals:
            found = value
        elif name == "--task":
            found = next(iter(arguments[place + 1 : place + 2]), None)
    return found


def option_name(modality: str) -> str:
    """The option of a modality: --left-camera for "left_camera"."""
    return "--" + modality.replace("_", "-").replace(" ", "-")


def make_command(modalities: Sequence[str], kinds: Mapping[str, str]) -> Callable[..., None]:
    """`predict` with one option for each modality.

    Args:
        modalities: their names.
        kinds: {modality: "image", "text", "audio" or "video"}.
    """

    def run(severity: dict[str, int | tuple[str, int]] | None = None, **options: Any) -> None:
        inputs = {name: options.pop(f"medium_{i}") for i, name in enumerate(modalities)}
        inputs = {name: medium for name, medium in inputs.items() if medium is not None}
        if not inputs:
            raise FusionError("Give at least one of {known}.", known=list(map(option_name, modalities)))
        predict(inputs, severity=severity or {}, **options)

    parameters = inspect.signature(predict, eval_str=True).parameters.values()
    own = [p.replace(kind=p.KEYWORD_ONLY) for p in parameters if p.name not in ("inputs", "severity")]
    media = [_medium_option(i, name, kinds[name]) for i, name in enumerate(modalities)]
    run.__doc__ = predict.__doc__
    spoiled = {m: kinds[m] for m in modalities if kinds[m] in MODALITIES}  # what can be corrupted
    severity = [_severity_option(list(spoiled), spoiled)] if spoiled else []
    run.__signature__ = inspect.Signature([own[0], own[1], *media, *severity, *own[2:]])  # type: ignore[attr-defined]
    run.__annotations__ = {}  # typer reads the signature
    return run


def _medium_option(number: int, name: str, kind: str) -> inspect.Parameter:
    option = typer.Option(option_name(name), metavar="TEXT" if kind in ("text", "number", "category") else "FILE", help=HELP[kind])
    return inspect.Parameter(f"medium_{number}", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option])


def _severity_option(modalities: Sequence[str], kinds: Mapping[str, str]) -> inspect.Parameter:
    def parse(text: str) -> Any:
        return parse_severity(text, kinds)

    first = modalities[0]
    told = f"corrupt the input first: {first}=3 by a mix of corruptions, {first}=noise:3 by one of them; a wrong name lists all"
    option = typer.Option("--severity", parser=parse, metavar="NAME=0-5,...", help=told)
    return inspect.Parameter("severity", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[Any, option])


def parse_severity(text: str, kinds: Mapping[str, str]) -> dict[str, int | tuple[str, int]]:
    """Reads "image=3,audio=noise:2"; a modality may be written like its option, too.

    Args:
        kinds: {modality: "image", "text", "audio" or "video"}.
    """
    from fusion.media.corruptions import parse_choice  # imports what --help does not need

    names = {option_name(name)[2:]: name for name in kinds} | {name: name for name in kinds}
    severity = {}
    for pair in text.split(","):
        name, _, choice = pair.strip().partition("=")
        if name not in names:
            raise typer.BadParameter(f'"{pair}" is not MODALITY=LEVEL with one of {", ".join(kinds)} and a level from 0 to 5')
        try:
            severity[names[name]] = parse_choice(kinds[names[name]], choice)
        except FusionError as error:
            raise typer.BadParameter(str(error)) from error
    return severity


def predict(
    inputs: dict[str, str],
    severity: dict[str, int | tuple[str, int]],
    task: Task = DEFAULT,
    strategy: Annotated[str, typer.Option(metavar="NAME", help="all, or one by name")] = "all",
    encoders: Encoders = None,
    labels: Labels = None,
    device: Device = "auto",
    as_json: Json = False,
    attention: Annotated[Literal["shapes", "full"] | None, typer.Option(help="with --json: add the attention maps")] = None,
) -> None:
    """Fuse media into an answer.

    The media are encoded once; every strategy answers, or the one that is named. Which media can be given depends on the task.
    """
    if attention and not as_json:
        raise FusionError("--attention only works together with --json.")
    if strays := sorted(severity.keys() - inputs.keys()):
        raise FusionError("--severity is set for {known}, but no such input is given.", known=list(strays))
    with answer_only():
        lab = open_lab(task, strategy, encoders or "compact", device, **given(labels=labels))
        names = (*lab.strategies, *lab.baselines)
        if strategy not in ("all", *names, *lab.unavailable):
            raise FusionError(
                'The task "{task}" has no strategy "{strategy}"; it has: all, {known}.', task=task, strategy=strategy, known=list(names)
            )
        encoded = lab.encode(inputs, severity=severity)
        found = lab.compare(encoded) if strategy == "all" else {strategy: lab.predict(encoded, strategy=strategy)}
    typed = task in TASKS and TASKS[task].open_labels
    if as_json:
        predictions = {name: describe_prediction(prediction, attention) for name, prediction in found.items()}
        behind = {"names": lab.names_behind(encoded, answer_of(found))} if typed else {}
        print_json({"task": task, "device": str(lab.device), "notes": list(encoded.notes), "predictions": predictions} | behind)
    else:
        spoken = names_behind(lab, encoded, answer_of(found)) if typed else []
        print("\n".join([*table(found), *spoken, *encoded.notes]))


def answer_of(found: dict[str, Prediction]) -> str:
    """The label of the first strategy."""
    return next(iter(found.values())).label


def names_behind(lab: Any, encoded: Any, label: str) -> list[str]:
    """A line for each modality that is known by names: which of them spoke for a typed label."""
    return [
        f"{modality}: {', '.join(f'{name} {probability:.2f}' for name, probability in names)} -> {label}"
        for modality, names in lab.names_behind(encoded, label).items()
    ]


def open_lab(task: str, strategy: str, encoders: str | dict[str, str], device: str, **labels: str) -> Any:
    """The lab; strategies that have not been trained on these encoders yet are trained first where the answer needs them."""
    from fusion.encoder_choice import is_compact

    lab = fusion.load(task, device=device, encoders=encoders, **labels)
    if not lab.strategies or strategy in lab.untrained and not is_compact(lab.task, lab.choice):
        from fusion.training import heads

        print("No strategy has been trained on these encoders yet; this is done now and kept.")
        heads.run(task, encoders)
        lab = fusion.load(task, device=device, encoders=encoders)
    print(*unavailable(lab), sep="", end="")
    return lab


def unavailable(lab: Any) -> list[str]:
    """A line for everything of a task that cannot be used, and for what has not been trained yet."""
    missing = f"Not trained on these encoders yet: {', '.join(lab.untrained)}; `python -m fusion train` does it."
    return [f"{sentence}\n" for sentence in (*lab.unavailable.values(), *([missing] if lab.untrained else ()))]


def describe_prediction(prediction: Prediction, attention: str | None) -> dict[str, Any]:
    """A prediction as `--json` writes it; `attention` is None, "shapes" or "full"."""
    report = {
        "label": prediction.label,
        "confidence": prediction.confidence,
        "value": prediction.value,
        "interval": prediction.interval,
        "labels": prediction.labels,
        "probs": prediction.probs,
        "weights": prediction.weights,
        "contributions": prediction.contributions,
        "votes": prediction.votes,
        "auxiliary": prediction.auxiliary,
        "opinion": prediction.opinion,
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
            "  ".join(f"{q} {max(a, key=a.__getitem__)} {max(a.values()):.2f}" for q, a in (p.auxiliary or {}).items()) or "-"
            for p in found.values()
        ],
    }
    for heading, column in further.items():
        if any(cell != "-" for cell in column):
            for row, cell in zip(rows, [heading, *column], strict=True):
                row.append(cell)
    return aligned(rows, right=(2, 3))
