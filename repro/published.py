"""The published numbers, each with its source and the protocol under which it was measured.

    published.toml      [[group]] with what its rows share, and in it [[group.rows]]

A row is comparable with a measurement only where every field of its protocol agrees.  A field that
the source does not state is left out, and so is one that does not bear on the quantity.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro.errors import ReproError
from repro.tables import read_toml

PATH = Path(__file__).parent / "published.toml"

UNITS = {
    "FID": "", "IS": "", "KID": "",
    "NLL": "bits/dim", "rate": "bits/dim", "distortion": "bits/dim", "L_T": "bits/dim",
    "RMSE": "levels of 0..255",
    "encoding_error": "squared difference, pixels in [0, 1]",
    "loss": "squared error of eps", "parameters": "", "throughput": "steps/s",
}

CONFIRMED = ("text", "code", "repo", "issue", "page", "excerpt", "2nd-hand", "calc")

# Names and values are those of repro/profile.py where it has them.
PROTOCOL: Mapping[str, tuple[str, ...] | type] = {
    "dataset": ("cifar10", "digits"),
    "network": ("ddpm", "iddpm", "other"),
    "objective": ("simple", "variational", "hybrid"),
    "predicts": ("eps", "x_0", "v"),
    "schedule": ("linear", "cosine"),
    "T": int,
    "origin": ("trained", "released"),
    "training_steps": int,
    "batch": int,
    "selection": ("minimum FID", "last"),
    "weights": ("ema", "raw"),
    "ema_kind": ("constant", "ramp"),
    "sampler": ("ancestral", "ddim"),
    "eta": float,
    "variance": ("beta", "beta_tilde", "learned"),
    "steps": int,
    "tau": ("all", "uniform", "quadratic", "released-uniform", "released-quadratic"),
    "clip": ("off", "x_0", "x_0_and_eps"),
    "samples": int,
    "of": ("samples", "train", "test"),
    "reference": ("train", "test"),
    "extractor": ("inception-2015-12-05", "inception-2015-12-05, PyTorch's resize", "pixels"),
    "splits": int,
    "split": ("train", "test"),
    "cdf": ("tanh", "exact"),
    "first": ("beta_tilde_2", "own"),
    "reverse_time": int,
    "hardware": str,
}
KINDS = {int: "an integer, 1 or more", float: "a finite number with a decimal point",
         str: "a string"}


@dataclass(frozen=True)
class Row:
    """One published number.

    id: permanent.  value: as printed, so that its digits tell how far it was rounded.
    replications: the printed values of independent repetitions, its own among them, from which
    the spread between runs follows.  exact: nothing about it is random, so that only rounding
    parts two values.  confirmed: how the number was read, one of CONFIRMED.
    """

    id: str
    quantity: str
    value: str
    source: str
    confirmed: str
    protocol: Mapping[str, Any]
    replications: tuple[str, ...] = ()
    replicated_by: str = ""
    exact: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if not all(self.id.split(".")) or self.id != self.id.strip():
            raise ReproError(f"id must be words between dots; got {self.id!r}")
        for name, choices in (("quantity", UNITS), ("confirmed", CONFIRMED)):
            if getattr(self, name) not in choices:
                raise ReproError(f"{self.id}: {name} must be one of {', '.join(choices)}; got "
                                 f"{getattr(self, name)!r}")
        if not self.source:
            raise ReproError(f"{self.id}: source must be given")
        for name, printed in (("value", self.value),
                              *(("replications", each) for each in self.replications)):
            try:
                half_unit(printed)
            except ReproError as error:
                raise ReproError(f"{self.id}: {name} {error}") from None
        if len(self.replications) == 1 or (self.replications
                                           and self.value not in self.replications):
            raise ReproError(f"{self.id}: replications must be two or more, {self.value} among "
                             f"them; got {', '.join(self.replications)}")
        if bool(self.replications) != bool(self.replicated_by):
            raise ReproError(f"{self.id}: replicated_by must say where replications come from, "
                             f"and only then; got {self.replicated_by!r}")
        if self.replications and self.exact:
            raise ReproError(f"{self.id}: exact must be false where replications differ")
        require_protocol(self.protocol, self.id)

    @property
    def unit(self) -> str:
        """That of the quantity; empty for a plain number."""
        return UNITS[self.quantity]


def half_unit(printed: str) -> float:
    """Half a unit of the last printed digit: how far rounding may have moved the value.

    Errors: ReproError for what is no plain or scientific decimal.
    """
    digits, _, exponent = printed.partition("e")
    whole, _, fraction = digits.removeprefix("-").partition(".")
    power = exponent.removeprefix("-").removeprefix("+")
    if not (whole.isdecimal() and (fraction.isdecimal() or "." not in digits)
            and (power.isdecimal() or "e" not in printed) and printed.isascii()):
        raise ReproError(f"must be a decimal as printed, such as \"3.17\"; got {printed!r}")
    return 0.5 * 10.0 ** (int(exponent or 0) - len(fraction))


def require_protocol(protocol: Mapping[str, Any], where: str) -> None:
    """Every field known, and every value of its vocabulary.  Errors: ReproError."""
    for name, value in protocol.items():
        wanted = PROTOCOL.get(name)
        of_its_kind = type(value) is wanted
        if wanted is None:
            raise ReproError(f"{where}: {name} is no field; a protocol has {', '.join(PROTOCOL)}")
        if isinstance(wanted, tuple):
            if value not in wanted:
                raise ReproError(f"{where}: {name} must be one of {', '.join(map(repr, wanted))}; "
                                 f"got {value!r}")
        elif not of_its_kind or (wanted is int and value < 1) or (
                wanted is float and not math.isfinite(value)):
            raise ReproError(f"{where}: {name} must be {KINDS[wanted]}; got {value!r}")


def load(path: Path = PATH) -> tuple[Row, ...]:
    """Every row of a file.

    Errors: ReproError that names the row and its field, for a file that is not TOML, an unknown
    field, a missing one, an id given twice, and what `Row` refuses.
    """
    content = read_toml(path)
    if set(content) != {"group"} or not _is_tables(content["group"]):
        raise ReproError(f"{path} must hold tables [[group]] and nothing else; got "
                         f"{', '.join(content) or 'nothing'}")
    try:
        rows = tuple(row for group in content["group"] for row in _rows(group))
    except ReproError as error:
        raise ReproError(f"{path}: {error}") from error
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise ReproError(f"{path}: {row.id}: id must be given once; it is there twice")
        seen.add(row.id)
    return rows


SHARED = ("quantity", "source", "confirmed")
GROUP = ("name", "about", *SHARED, "protocol", "rows")
TEXTS = ("id", "quantity", "value", "source", "confirmed", "replicated_by", "note")


def _rows(group: dict[str, Any]) -> list[Row]:
    """Rows with what their group shares; what is no field of a Row belongs to its protocol."""
    name = group.get("name", "a group without name")
    for field in group:
        if field not in GROUP:
            raise ReproError(f"{name}: {field} is no field; a group has {', '.join(GROUP)}")
    if not _is_tables(group.get("rows")) or not isinstance(group.get("protocol"), dict):
        raise ReproError(f"{name}: protocol must be a table, and rows must be tables")
    built = []
    for row in group["rows"]:
        where = f"{name}, {row.get('id', 'a row without id')}"
        own = {field: row[field] for field in (*TEXTS, "replications", "exact") if field in row}
        shared = {field: group[field] for field in SHARED if field in group}
        values = {**shared, **own}
        for field in TEXTS:
            if field in values and not isinstance(values[field], str):
                raise ReproError(f"{where}: {field} must be a string; got {values[field]!r}")
            if field not in values and field not in ("replicated_by", "note"):
                raise ReproError(f"{where}: {field} must be given")
        replications = values.pop("replications", [])
        if not isinstance(replications, list) or not all(isinstance(v, str) for v in replications):
            raise ReproError(f"{where}: replications must be a list of strings; got "
                             f"{replications!r}")
        if type(values.get("exact", False)) is not bool:
            raise ReproError(f"{where}: exact must be true or false; got {values['exact']!r}")
        protocol = {**group["protocol"], **{k: v for k, v in row.items() if k not in own}}
        built.append(Row(**values, replications=tuple(replications), protocol=protocol))
    return built


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)
