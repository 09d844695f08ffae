"""Files broken in every way that a disk, a network or a hand breaks them, and their readers.

`attack` breaks the file of a reader once and gives it to the reader: the answer must be a result or
one of the reader's own exceptions with a message; anything else escapes as it is.
"""

import copy
import gzip
import io
import json
import math
import random
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from audit import document, errata
from audit.evidence import Control, Evidence
from audit.site import result
from audit.status import Record
from audit.summary import summarise
from core.unet import UNet
from core.unet_config import UNetConfig
from derivations import ledger
from repro import checkpoints, cifar10, profile, published, records
from repro.errors import ReproError
from repro.files import sha256
from repro.weights import CONFIG, WEIGHTS, WeightsError, load_unet, save_unet

STRANGE = (
    None, True, False, 0, -1, 2**63, 10**400, 0.5, -0.0, math.nan, math.inf, 1e308, "", " ", "nan",
    "\x00", "\ud800", "é" * 3, "x" * 5000, [], {}, [[]], {"": None}, [None, 1, "a"],
)


@dataclass(frozen=True)
class Reader:
    """A reader of one kind of file: what it reads when all is well, and how it may refuse."""

    good: Callable[[], bytes]
    read: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...]
    structured: bool = False  # JSON, whose values are exchanged too


def places(value: Any, limit: int = 4000) -> list[tuple[Any, Any]]:
    """Every (container, key) inside a JSON value, up to a limit."""
    found, waiting = [], [value]
    while waiting and len(found) < limit:
        at = waiting.pop()
        keys = list(at) if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else ()
        for key in keys:
            found.append((at, key))
            waiting.append(at[key])
    return found


def in_bytes(good: bytes, draw: random.Random) -> bytes:
    """Cut, flipped, doubled, padded, or another encoding altogether."""
    n = len(good)
    at, length = draw.randrange(n + 1), draw.randrange(1, 20)
    kind = draw.randrange(9)
    if kind == 0:
        return good[:at]
    if kind == 1:
        return good[:at] + good[at + length:]
    if kind == 2:
        return good[:at] + draw.randbytes(length) + good[at:]
    if kind == 3:
        return good[:at] + good[max(0, at - length):]
    if kind == 4:
        broken = bytearray(good)
        for _ in range(length):
            broken[draw.randrange(n)] ^= 1 << draw.randrange(8)
        return bytes(broken)
    if kind == 5:
        return draw.randbytes(draw.choice([0, 1, 7, 200]))
    if kind == 6:
        coding = draw.choice(["utf-16", "utf-8-sig", "utf-32"])
        return good.decode("utf-8", "replace").encode(coding)
    if kind == 7:
        bracket = draw.choice([b"[", b'{"a":', b"a = ["])
        return bracket * draw.choice([10, 3000, 100_000])
    return b"\x00" * length + good


def in_values(good: bytes, draw: random.Random) -> bytes:
    """Values of a JSON text exchanged, dropped, added or written twice."""
    value = json.loads(good)
    for _ in range(draw.randrange(1, 4)):
        where = places(value)
        if not where:
            break
        at, key = draw.choice(where)
        kind = draw.randrange(5)
        if kind == 0:
            del at[key]
        elif kind == 1 and isinstance(at, list):
            at.insert(key, copy.deepcopy(at[key]))
        elif kind == 2 and isinstance(at, dict):
            at[draw.choice(["", "unknown", "é", "__class__"])] = at.pop(key)
        elif kind == 3:
            other_at, other = draw.choice(where)
            at[key] = copy.deepcopy(other_at[other]) if _has(other_at, other) else None
        else:
            at[key] = copy.deepcopy(draw.choice(STRANGE))
    text = json.dumps(value)
    if draw.random() < 0.1 and text.startswith("{") and len(text) > 2:
        text = '{"schema": 1, ' + text[1:]  # a key twice
    return text.encode("utf-8", "surrogatepass")


def _has(at: Any, key: Any) -> bool:
    return key in at if isinstance(at, dict) else key < len(at)


def broken(reader: Reader, draw: random.Random) -> bytes:
    """The reader's file, broken once."""
    good = reader.good()
    if reader.structured and draw.random() < 0.7:
        return in_values(good, draw)
    return in_bytes(good, draw)


def attack(reader: Reader, draw: random.Random) -> str:
    """The message of the refusal, or "" where the broken file could still be read."""
    content = broken(reader, draw)
    try:
        reader.read(content)
    except reader.refuses as refusal:
        message = str(refusal)
        if len(message) < 10:
            raise AssertionError(f"a refusal must say why; got {message!r}") from refusal
        return message
    return ""


def _as_file(read: Callable[[Path], object], name: str) -> Callable[[bytes], object]:
    def run(content: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            return read(path)

    return run


@cache
def _audit_json() -> bytes:
    """A result of three claims that rest on no other, as a run would write it."""
    where = {"commit": "0" * 40, "dirty": False, "python": "3.11", "packages": {},
             "platform": "test", "devices": ["cpu"], "seed": 0, "seconds": 1.0}
    alone = [c for c in ledger.load().values() if not c.depends_on and not c.supplied_by][:3]
    records = {}
    for claim in alone:
        evidence = tuple(Evidence(claim.id, c.kind, c.grade, c.role, True, 0.01, c.reason, "detail")
                         for c in claim.proof())
        controls = (Control(claim.id, "wrong", True, "refuted", 1),)
        records[claim.id] = Record(claim.id, claim.decide_witness(), evidence, controls, 0.1)
    made = summarise({claim.id: claim for claim in alone}, records, {}, where)
    return json.dumps(made).encode()


@cache
def _network() -> dict[str, bytes]:
    """The two files of a small network in the layout of diffusers."""
    config = UNetConfig(image_channels=1, image_size=8, channels=4, multipliers=(1, 2), blocks=1,
                        attention_resolutions=(4,), groups=2)
    with tempfile.TemporaryDirectory() as folder:
        save_unet(UNet(config), Path(folder) / "network")
        return {name: (Path(folder) / "network" / name).read_bytes() for name in (CONFIG, WEIGHTS)}


def _in_network(name: str) -> Reader:
    """One of the two files, beside the other one as it should be."""
    def read(content: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            for other, good in _network().items():
                (Path(folder) / other).write_bytes(content if other == name else good)
            return load_unet(folder)

    return Reader(lambda: _network()[name], read, (WeightsError,), structured=name == CONFIG)


CHECKPOINT = ("network.safetensors", checkpoints.STATE, checkpoints.CHECKSUMS)


@cache
def _checkpoint() -> dict[str, bytes]:
    """The files of a small checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        path = checkpoints.write(Path(folder), 3, {"profile": {"name": "small"}},
                                 {"network": {"weight": torch.ones(2, 3)}}, keep=1)
        return {name: (path / name).read_bytes() for name in CHECKPOINT}


def _in_checkpoint(name: str) -> Reader:
    """One of the files, with the checksum that it has now: so that what it holds is read."""
    def read(content: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            for other, good in _checkpoint().items():
                (path / other).write_bytes(content if other == name else good)
            if name != checkpoints.CHECKSUMS:
                sums = {file: sha256(path / file) for file in CHECKPOINT[:2]}
                (path / checkpoints.CHECKSUMS).write_text(json.dumps(sums))
            return checkpoints.read(path)

    return Reader(lambda: _checkpoint()[name], read, (ReproError,),
                  structured=name.endswith(".json"))


def _batch() -> bytes:
    """Three records of CIFAR-10's form."""
    draw = random.Random(0)
    return b"".join(bytes([label]) + draw.randbytes(cifar10.RECORD - 1) for label in (0, 9, 4))


@cache
def _archive() -> bytes:
    """An archive with the six names, and next to nothing in them."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in cifar10.SHA256:
            member = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)  # the same bytes whenever it is made


def _unpack(path: Path) -> list[Path]:
    cifar10.unpack(path, path.parent / "unpacked")
    return sorted((path.parent / "unpacked").iterdir())


READERS = {
    "config.json": _in_network(CONFIG),
    "weights": _in_network(WEIGHTS),
    "audit.json": Reader(_audit_json, _as_file(lambda p: result.read(p, {}), "audit.json"),
                         (result.Unreadable,), structured=True),
    "document": Reader(lambda: b"# a document\n" * 455, _as_file(document.read, "d.md"),
                       (document.WrongDocument,)),
    "errata.zh.toml": Reader(errata.CHINESE.read_bytes, _as_file(errata.chinese, "errata.zh.toml"),
                             (ledger.LedgerError,)),
    "published.toml": Reader(published.PATH.read_bytes,
                             _as_file(published.load, "published.toml"), (ReproError,)),
    "profile": Reader((profile.FOLDER / "digits.toml").read_bytes,
                      _as_file(lambda p: profile.load(str(p)), "mine.toml"), (ReproError,)),
    "record": Reader(min(records.FOLDER.glob("*.json")).read_bytes,
                     _as_file(records.read, "record.json"), (ReproError,), structured=True),
    **{f"checkpoint, {name}": _in_checkpoint(name) for name in CHECKPOINT},
    "CIFAR-10 batch": Reader(_batch, lambda content: cifar10.parse(content, "the batch"),
                             (ReproError,)),
    "CIFAR-10 archive": Reader(_archive, _as_file(_unpack, "cifar.tar.gz"), (ReproError,)),
}
