"""What other runs left beside verify: conformance findings and records of measured numbers.

Neither is part of verify.  A page shows what is there, and says "not measured" where nothing is;
a file that cannot be read is named, and its content is not guessed.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONFORMANCE = Path("build/conformance")
RECORDS = Path("repro/records")
PUBLISHED = Path("repro/published.toml")


@dataclass(frozen=True)
class Table:
    """Rows of named values, in the columns that any of them has."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class Found:
    """Tables from files, and the files that could not be read with the reason."""

    tables: tuple[Table, ...] = ()
    unreadable: tuple[str, ...] = field(default=())


def shown(value: Any) -> str:
    """A value as a reader sees it in a cell."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    if isinstance(value, Mapping):
        return "; ".join(f"{k}: {shown(v)}" for k, v in value.items())
    return str(value)


def table(title: str, rows: list[Any]) -> Table:
    """Rows of mappings as a table; what is no mapping becomes a row of one value."""
    named = [r if isinstance(r, Mapping) else {"value": r} for r in rows]
    columns = tuple(dict.fromkeys(key for row in named for key in row))
    return Table(title, columns, tuple(
        {key: shown(row[key]) if key in row else "" for key in columns} for row in named
    ))


def _tables(name: str, content: Any) -> list[Table]:
    """The lists of a file as tables, and its plain values as one table of names and values."""
    if isinstance(content, list):
        return [table(name, content)] if content else []
    if not isinstance(content, Mapping):
        return [table(name, [content])]
    lists = {k: v for k, v in content.items() if _is_rows(v)}
    plain = [{"field": k, "value": v} for k, v in content.items() if k not in lists]
    found = [table(name, plain)] if plain else []
    for key, rows in lists.items():
        found += _nested(f"{name}: {key}", rows)
    return found


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _nested(title: str, rows: list[Mapping[str, Any]]) -> list[Table]:
    """Rows as a table that counts the rows within them, and then a table for each of these."""
    outer = [{k: len(v) if _is_rows(v) else v for k, v in row.items()} for row in rows]
    inner = [table(f"{row.get('name', number)}: {k}", v)
             for number, row in enumerate(rows, 1) for k, v in row.items() if _is_rows(v)]
    return [table(title, outer), *inner]


def _read(paths: list[Path]) -> Found:
    tables: list[Table] = []
    unreadable = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
            content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        except (OSError, ValueError) as error:
            unreadable.append(f"{path.name}: {error}")
        else:
            tables += _tables(path.stem, content)
    return Found(tuple(tables), tuple(unreadable))


def conformance(root: Path) -> Found:
    """The findings about implementations."""
    return _read(sorted((root / CONFORMANCE).glob("*.json")))


def records(root: Path) -> Found:
    """The numbers that runs measured."""
    return _read(sorted((root / RECORDS).glob("*.json")))


def published(root: Path) -> Found:
    """The published numbers to compare with."""
    return _read([root / PUBLISHED] if (root / PUBLISHED).exists() else [])
