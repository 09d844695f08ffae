"""Dataclasses from the tables of a TOML file: each field of the type that it declares."""

import math
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from repro.errors import ReproError


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds.  Errors: ReproError for one that cannot be read, or is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # nested without end
        raise ReproError(f"{path} must be a readable TOML file: {error}") from error


def build(kind: type, content: Any, where: str) -> Any:
    """A dataclass from a table: no field unknown, none missing, each of its own type.

    where: the table's name in messages, "" for the whole file.  Errors: ReproError that names the
    field, and what the dataclass refuses.
    """
    if not isinstance(content, dict):
        raise ReproError(f"{where or 'the file'} must be a table; got {content!r}")
    hints = get_type_hints(kind)
    required = {f.name for f in fields(kind)
                if f.default is MISSING and f.default_factory is MISSING}
    prefix = f"{where}." if where else ""
    for unknown in sorted(content.keys() - hints.keys()):
        raise ReproError(f"{prefix}{unknown} is no field; fields are {', '.join(hints)}")
    for missing in sorted(required - content.keys()):
        raise ReproError(f"{prefix}{missing} must be given")
    return kind(**{name: _value(hints[name], value, prefix + name)
                   for name, value in content.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    """A TOML value as the type that a field declares."""
    if hasattr(hint, "__dataclass_fields__"):
        return build(hint, value, where)
    if isinstance(hint, UnionType):
        return _value(next(kind for kind in get_args(hint) if kind is not type(None)), value, where)
    if hint is float and type(value) is int:
        return float(value)
    if getattr(hint, "__origin__", None) is tuple:
        if not isinstance(value, list):
            raise ReproError(f"{where} must be a list; got {value!r}")
        return tuple(_value(get_args(hint)[0], item, where) for item in value)
    if type(value) is not hint or (hint is float and math.isnan(value)):
        raise ReproError(f"{where} must be of type {hint.__name__}; got {value!r}")
    return value
