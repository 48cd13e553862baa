"""Tables in files: CSV of any separator and encoding, TSV, JSON lines, JSON, Parquet."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from fusion.messages import Message, message
from fusion.types import FusionError

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
LARGEST = 2 << 30  # bytes of a table
MOST_COLUMNS = 5000
ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
EMPTY = {"", "na", "n/a", "nan", "null", "none", "<na>", "#n/a"}
Columns = dict[str, list[Any]]


def read_table(path: Path) -> tuple[Columns, list[Message]]:
    """{column: values} of a file; an empty cell is None, a list stays one.

    Raises:
        FusionError: it cannot be read, or holds no rows, in one sentence.
    """
    ending = path.suffix.lower()
    try:
        if path.stat().st_size > LARGEST:
            raise FusionError("{file} is larger than {count} GB, which no table here may be.", file=path.name, count=LARGEST >> 30)
        if ending == ".parquet":
            columns, notes = _read_parquet(path), list[Message]()
        elif ending in (".jsonl", ".ndjson", ".json"):
            text, notes = decoded(path)
            columns = _read_json(path, text)
        else:
            text, notes = decoded(path)
            columns = _read_csv(path, text)
    except OSError as error:
        raise FusionError("{file} cannot be read.", file=path.name) from error
    if not columns or not next(iter(columns.values())):
        raise FusionError("{file} holds no rows.", file=path.name)
    if len(columns) > MOST_COLUMNS:
        raise FusionError(
            "{file} has {count:,} columns; at most {most:,} can be read, an array in a .npy file can have more.",
            file=path.name, count=len(columns), most=MOST_COLUMNS,
        )  # fmt: skip
    return columns, notes


def decoded(path: Path) -> tuple[str, list[Message]]:
    """The text of a file in UTF-8, UTF-16 with a mark, or else in the encoding of Windows, which is said."""
    raw = path.read_bytes()
    encoding = next((name for mark, name in ENCODINGS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding), []
    except UnicodeDecodeError:
        if b"\0" in raw:
            raise FusionError("{file} is not a text file.", file=path.name) from None
        said = message("{file} is not in UTF-8; it was read as Windows-1252.", file=path.name)
        return raw.decode("cp1252", errors="replace"), [said]


def _read_csv(path: Path, text: str) -> Columns:
    if "\0" in text:
        raise FusionError("{file} is not a text file.", file=path.name)
    separator = "\t" if path.suffix.lower() == ".tsv" else separator_of(text)
    csv.field_size_limit(1 << 24)
    try:
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=separator) if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise FusionError("{file} is not a table of comma-separated values.", file=path.name) from error
    if not lines:
        return {}
    header = [name.strip() for name in lines[0]]
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise FusionError("{file} has two columns named {name!r}.", file=path.name, name=twice)
    if uneven := next((n for n, line in enumerate(lines, 1) if len(line) > len(header)), 0):
        raise FusionError("{file}: row {row} has more cells than the heading.", file=path.name, row=uneven)
    rows = [line + [""] * (len(header) - len(line)) for line in lines[1:]]
    return {name: [cell_of(row[i]) for row in rows] for i, name in enumerate(header)}


def separator_of(text: str) -> str:
    """The separator that cuts the heading into most columns, and the next lines into as many."""
    head = text[: 1 << 16].splitlines()[:20]
    best, most = ",", 1
    for separator in (",", ";", "\t", "|"):
        widths = [len(line) for line in csv.reader(head, delimiter=separator) if line]
        if widths and widths[0] > most and sum(w == widths[0] for w in widths) * 2 >= len(widths):
            best, most = separator, widths[0]
    return best


def cell_of(value: str) -> str | None:
    """A cell without spaces around it; None where it is empty or says so."""
    value = value.strip()
    return None if value.lower() in EMPTY else value


def _read_json(path: Path, text: str) -> Columns:
    """Objects, one per line or in one list."""
    stripped = text.lstrip("\ufeff \t\r\n")
    if stripped.startswith("["):
        rows = _parsed(stripped, path, message("the list"))
    else:
        lines = enumerate(stripped.splitlines(), 1)
        rows = [_parsed(line, path, message("line {number}", number=number)) for number, line in lines if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise FusionError("{file} holds something else than one object per row.", file=path.name)
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return {name: [plain_cell(row.get(name)) for row in rows] for name in names}


def _parsed(text: str, path: Path, where: Message) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FusionError("{file} is not JSON in {where}.", file=path.name, where=where) from error


def plain_cell(value: Any) -> Any:
    """A value of JSON or Parquet as the rest of the code knows it: str, float, list of str, or None."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, str):
        return cell_of(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        numbers = bool(value) and all(isinstance(part, int | float) and not isinstance(part, bool) for part in value)
        return [float(part) for part in value] if numbers else [str(part) for part in value]
    if isinstance(value, int | float):
        return repr(value)
    if hasattr(value, "tolist"):
        return plain_cell(value.tolist())
    return str(value)


def _read_parquet(path: Path) -> Columns:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise FusionError("Reading {file} needs the package pyarrow: pip install -r requirements-data.txt.", file=path.name) from error
    try:
        table = parquet.read_table(path).to_pydict()
    except Exception as error:  # pyarrow has many errors
        raise FusionError("{file} is not a whole Parquet file.", file=path.name) from error
    return {str(name): [plain_cell(value) for value in values] for name, values in table.items()}
