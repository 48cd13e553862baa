"""Commands that measure the shipped models: `evaluate` and the single measurements that its report takes up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import fusion
from fusion.cli.errors import command
from fusion.cli.options import Data, Device, Json, OneTask, Seed, Task, Yamnet, data_folder, given, positive
from fusion.cli.output import answer_only, print_json
from fusion.cli.own_data import evaluate_lab
from fusion.tables import aligned, leaves, plain
from fusion.tasks import DEFAULT


def register(app: typer.Typer) -> None:
    app.command("evaluate")(command(evaluate))
    app.command("calibrate")(command(calibrate))
    app.command("seeds")(command(seeds))
    app.command("cut")(command(cut))
    app.command("missing")(command(missing))
    app.command("leave-out")(command(leave_out))
    app.command("probes")(command(probes))
    app.command("outside")(command(outside))


def evaluate(
    task: Task = DEFAULT,
    data: Data = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="folder that report.json goes to; the checkpoints of the task by default")
    ] = None,
    limit: Annotated[int | None, typer.Option(parser=positive, metavar="N", help="use N test samples only, for a trial")] = None,
    seed: Seed = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure the shipped strategies of a task.

    Writes checkpoints/TASK/report.json, the model cards and the tables of the READMEs.
    The folder of a lab of your own data is measured on the labelled data that --data names, and nothing is written.
    """
    if fusion.is_folder(task):
        with answer_only():
            report = evaluate_lab(task, data, device)
    else:
        folder = str(data_folder(data))
        with answer_only():
            from fusion.evaluation import evaluate as measure

            report = plain(measure.run(task=task, data=folder, device=device, **given(out=out, limit=limit, seed=seed)))
    if as_json:
        print_json(report)
    else:
        print("\n".join(aligned(leaves(report))))


def calibrate(task: OneTask = None, data: Data = None) -> None:
    """Fit the confidence of answers and "none of these".

    Writes temperatures into checkpoints/TASK/STRATEGY/calibration.json, what tells "none of these" into checkpoints/TASK/open_set,
    and their figures into report.json and the cards; where the labels are typed, temperatures and thresholds of each modality into
    checkpoints/TASK/calibration.json. Strategies and encoders stay as they are.
    """
    folder = data_folder(data)
    with answer_only():
        from fusion.evaluation import calibrate as fitting
        from fusion.evaluation import label_calibration
        from fusion.tasks import find_task

        typed = task is not None and find_task(task).open_labels
        found: dict[str, Any] = label_calibration.run(folder) if typed else fitting.run(folder, task)
    print_json(found)


def seeds(
    task: Task = DEFAULT,
    data: Data = None,
    seeds: Annotated[int, typer.Option(parser=positive, metavar="N", help="trainings of each strategy")] = 5,
    strategies: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="names with commas between; those that read one vector per modality by default")
    ] = None,
) -> None:
    """Measure how much a strategy varies between trainings.

    Writes mean and deviation of every figure into checkpoints/TASK/seeds.json.
    """
    folder = data_folder(data)
    with answer_only():
        from fusion.evaluation import seeds as measure

        found = measure.run(folder, task, seeds, strategies.split(",") if strategies else list(measure.SMALL))
    print_json(found)


def cut(task: Task = DEFAULT, data: Data = None) -> None:
    """Measure what the paths between modalities are worth.

    Accuracy of every strategy on tokens with all of them closed except the readout. Writes checkpoints/TASK/cut.json.
    """
    folder = data_folder(data)
    with answer_only():
        from fusion.evaluation import evaluate as measure

        found = measure.run_cut(task, folder)
    print_json(found)


def missing(
    task: Task = DEFAULT,
    data: Data = None,
    strategy: Annotated[str, typer.Option(metavar="NAME", help="one that lets you choose the policy")] = "early",
    seeds: Annotated[int, typer.Option(parser=positive, metavar="N", help="trainings with each policy")] = 3,
) -> None:
    """Compare what may stand in the place of a missing modality.

    Zero, a learned vector, or a reconstruction: each is trained and measured on every subset. Writes checkpoints/TASK/missing.json.
    """
    folder = data_folder(data)
    with answer_only():
        from fusion.evaluation import missing as measure

        found = measure.run(folder, task, strategy, seeds)
    print_json(found)


def leave_out(
    task: Task = DEFAULT,
    data: Data = None,
    epochs: Annotated[int, typer.Option(parser=positive, metavar="N")] = 12,
    samples: Annotated[int | None, typer.Option(parser=positive, metavar="N", help="per epoch; the encoder's recipe by default")] = None,
    work: Annotated[Path | None, typer.Option(metavar="DIR", help="keep the checkpoints here, and resume an interrupted run")] = None,
) -> None:
    """Measure an encoder on speakers its training never saw.

    One training for each group that the task names, shorter than the shipped one.
    Writes checkpoints/TASK/leave_one_speaker_out.json.
    """
    folder = data_folder(data)
    with answer_only():
        from fusion.evaluation import leave_out as measure

        found = measure.run(task, folder, epochs, samples, work)
    print_json(found)


def probes(yamnet: Yamnet, data: Data = None) -> None:
    """Compare distilled encoders with their teachers.

    By linear probes on the vectors of both. Writes checkpoints/TASK/distilled.json.
    """
    folder = data_folder(data)
    with answer_only():
        import torch

        from fusion.evaluation import probes as measure

        torch.set_num_threads(1)
        found = measure.run(folder, yamnet)
    print_json(found)


def outside(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="files sorted as DIR/{photos,sounds,clips}/CLASS/")
    ],
    blind: Annotated[
        Path | None, typer.Argument(metavar="BLIND", exists=True, file_okay=False, help="likewise, collected when all was chosen")
    ] = None,
) -> None:
    """Measure each modality on files from elsewhere.

    Writes checkpoints/TASK/outside.json.
    """
    with answer_only():
        from fusion.evaluation import outside as measure

        found = measure.run(folder, blind)
    print_json(found)
