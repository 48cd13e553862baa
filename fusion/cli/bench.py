"""`bench`: what strategies, encoders and the page cost on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer

from fusion.cli.errors import command
from fusion.cli.options import Json, Out, positive
from fusion.cli.output import answer_only, print_json
from fusion.tables import aligned, plain


def register(app: typer.Typer) -> None:
    app.command("bench")(command(bench))


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="few rounds and no start of the page, for a first look")] = False,
    reference: Annotated[bool, typer.Option("--reference", help="also time MulT, implemented anew from its paper")] = False,
    page: Annotated[bool, typer.Option("--page", help="measure the page instead, from an act to the drawn result, in Chromium")] = False,
    visitors: Annotated[
        int | None, typer.Option(parser=positive, metavar="N", help="measure the page instead, with so many visitors at once")
    ] = None,
    minutes: Annotated[float, typer.Option(help="how long the visitors stay")] = 10.0,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="of a page that is served already; one is started for --page and --visitors otherwise")
    ] = None,
    pid: Annotated[
        int | None,
        typer.Option(parser=positive, metavar="N", help="process of the page at --url, on this machine, whose memory is to be watched"),
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Measure what everything costs on this machine.

    Strategies, encoders, comparing and starting, on the CPU. With --page or --visitors: the page, in a browser or under load.
    The exit code is 1 where an answer was wrong or missing.
    """
    report: dict[str, Any]
    tables: Callable[[dict[str, Any]], Iterable[tuple[str, Sequence[Sequence[str]]]]]
    with answer_only():
        if page:
            from fusion.benchmark import page_bench

            report, tables = page_bench.run(url, out=out), page_bench.tables
        elif visitors:
            from fusion.benchmark import load_test

            report, tables = load_test.run(visitors, minutes, url, pid, out=out), load_test.tables
        else:
            from fusion.benchmark import bench as costs

            report, tables = costs.run(quick=quick, reference=reference, out=out), costs.tables
    report = plain(report)
    code = int(bool(report.get("wrong") or report.get("errors") or report.get("answers") == 0))
    if as_json:
        print_json(report)
        return code
    for sentence, rows in tables(report):
        columns = enumerate(zip(*rows, strict=True))
        numbers = [n for n, (_, *cells) in columns if all(cell[:1].isdigit() for cell in cells if cell)]
        print("\n".join([sentence, *aligned(rows, numbers), ""]))
    return code
