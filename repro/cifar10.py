"""CIFAR-10 (Krizhevsky 2009) in its official binary layout: found or fetched, checked, parsed.

    cifar-10-binary.tar.gz          the archive
    cifar-10-batches-bin/           what it unpacks to
        data_batch_1.bin ... 5      10,000 records each: the training set
        test_batch.bin              10,000 records: the test set

    record   1 label byte, 0..9, then 1,024 red, 1,024 green and 1,024 blue bytes, row by row
"""

import gzip
import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import torch
from torch import Tensor

from repro import files
from repro.dataset import Dataset
from repro.download import Progress, fetch
from repro.errors import ReproError

VARIABLE = "CIFAR10_DIR"
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE = "cifar-10-binary.tar.gz"
ARCHIVE_SIZE = 170_052_171
ARCHIVE_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
FOLDER = "cifar-10-batches-bin"
TEST = "test_batch.bin"
SHA256 = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    TEST: "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
RECORD = 1 + 3 * 32 * 32  # bytes
RECORDS = 10_000
LIMITS = dict.fromkeys(SHA256, RECORD * RECORDS) | {"batches.meta.txt": 1 << 10,
                                                    "readme.html": 1 << 16}
CONTENT = (f"{VARIABLE} may name a folder that holds {', '.join(SHA256)}, or {FOLDER}/ with these, "
           f"or {ARCHIVE}")


def load(folder: Path | None = None, *, partial: bool = False, cache: Path,
         progress: Progress | None = None) -> Dataset:
    """CIFAR-10: 50,000 training and 10,000 test images, uint8 (N, 3, 32, 32), in published order.

    Taken from folder, else from what the environment variable CIFAR10_DIR names, else from the
    folder cache, to which the archive is fetched where it is not there; progress as in
    `repro.download.fetch`.  An archive is unpacked to cache.  partial: take a copy that lacks
    records or has other bytes than published, and call it incomplete.
    Errors: ReproError where nothing is found or can be fetched, for a copy that is not complete
    (without partial), and for a file that does not hold records.
    """
    given = folder or os.environ.get(VARIABLE)
    try:
        place = _find(Path(given), cache) if given else _cached(cache, progress)
        remedy = (f"remove {place}, and it is unpacked again" if place == cache / FOLDER
                  else "--partial-data accepts it as it is")
        return _read(place, partial, remedy)
    except OSError as error:
        raise ReproError(f"CIFAR-10 cannot be read: {error}") from error


def parse(content: bytes, where: str) -> tuple[Tensor, Tensor]:
    """Records as images, uint8 (N, 3, 32, 32), and labels, uint8 (N,), 0..9.

    Errors: ReproError, beginning with where, for a length that is no multiple of 3,073, or 0, and
    for a label above 9, as other layouts and other numbers of channels have it.
    """
    if not content or len(content) % RECORD:
        raise ReproError(f"{where} must hold whole records of {RECORD:,} bytes, a label and 3 "
                         f"channels of 32 x 32; got {len(content):,} bytes, which is "
                         f"{len(content) // RECORD:,} records and {len(content) % RECORD:,} bytes")
    records = torch.frombuffer(bytearray(content), dtype=torch.uint8).view(-1, RECORD)
    labels = records[:, 0].contiguous()
    if bool((labels > 9).any()):
        first = int((labels > 9).nonzero()[0])
        raise ReproError(f"{where} must have labels 0..9; got {int(labels[first])} in record "
                         f"{first}, counted from 0")
    return records[:, 1:].reshape(-1, 3, 32, 32).contiguous(), labels


def unpack(archive: Path, folder: Path) -> None:
    """Write the known members of an archive, and nothing else, into a folder that is not there yet.

    Names are compared, never joined to a path, and only bytes of regular files are taken: no link,
    mode or owner.  Errors: ReproError that names a member which is none of the known, no regular
    file, too large or given twice; for an archive cut short or corrupt; for a member that lacks.
    Nothing is left behind then.
    """
    def fill(partial: Path) -> None:
        for name, content in _members(archive):
            if (partial / name).exists():
                raise ReproError(f"{archive} must hold {name} once; it is there twice")
            (partial / name).write_bytes(content)
        for name in SHA256:
            if not (partial / name).exists():
                raise ReproError(f"{archive} must hold {FOLDER}/{name}, which is not there")

    files.write_folder(folder, fill)


def _find(given: Path, cache: Path) -> Path:
    """The folder of the six files that a person meant; of an archive, its unpacked copy."""
    if given.is_file() and given.name == ARCHIVE:
        return _unpacked(given, cache)
    if not given.is_dir():
        raise ReproError(f"{given} must be a folder; {CONTENT}")
    for place in (given, given / FOLDER):
        if any((place / name).exists() for name in SHA256):
            return place
    if (given / ARCHIVE).is_file():
        return _unpacked(given / ARCHIVE, cache)
    raise ReproError(f"{given} holds no CIFAR-10; {CONTENT}")


def _cached(cache: Path, progress: Progress | None) -> Path:
    if not (cache / FOLDER).is_dir():
        try:
            fetch(URL, cache / ARCHIVE, size=ARCHIVE_SIZE, sha256=ARCHIVE_SHA256, progress=progress)
        except ReproError as error:
            raise ReproError(f"{error}.  With a copy at hand: {CONTENT}") from error
    return _unpacked(cache / ARCHIVE, cache)


def _unpacked(archive: Path, cache: Path) -> Path:
    """The folder in cache with what the official archive holds."""
    place = cache / FOLDER
    if place.is_dir():
        return place
    if archive.stat().st_size != ARCHIVE_SIZE:
        raise ReproError(f"{archive} must have {ARCHIVE_SIZE:,} bytes; got "
                         f"{archive.stat().st_size:,}")
    found = files.sha256(archive)
    if found != ARCHIVE_SHA256:
        raise ReproError(f"{archive} must have SHA-256 {ARCHIVE_SHA256}; got {found}")
    cache.mkdir(parents=True, exist_ok=True)
    try:
        unpack(archive, place)
    except ReproError:
        if not place.is_dir():  # else another process was faster
            raise
    return place


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Names, without their folder, and contents, in the order of the archive."""
    try:
        with gzip.open(archive) as stream:
            plain = _Limited(stream)
            tar = tarfile.open(fileobj=cast(IO[bytes], plain), mode="r|")  # it only reads
            for member in tar:
                if member.isdir() and member.name == FOLDER:
                    continue
                parent, _, name = member.name.rpartition("/")
                if parent != FOLDER or name not in LIMITS:
                    raise ReproError(f"{archive} must hold {FOLDER}/ with the files of CIFAR-10 "
                                     f"and nothing else; got {member.name!r}")
                if not member.isreg() or member.issparse():
                    raise ReproError(f"{archive} must hold regular files; {member.name} is none")
                if member.size > LIMITS[name]:
                    raise ReproError(f"{archive}: {member.name} must have at most "
                                     f"{LIMITS[name]:,} bytes; got {member.size:,}")
                content = cast(IO[bytes], tar.extractfile(member)).read()
                if len(content) != member.size:
                    raise EOFError(f"{member.name} ends early")
                yield name, content
            while plain.read(1 << 16):  # to the end, where gzip keeps its checksum
                pass
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise ReproError(f"{archive} must be a whole .tar.gz archive: {error}") from error


class _Limited:
    """A stream that refuses to be longer than the known members: what inflates without end ends."""

    def __init__(self, stream: gzip.GzipFile):
        self.stream = stream
        self.left = sum(LIMITS.values()) + (1 << 20)  # the headers and the padding of a tar

    def read(self, size: int) -> bytes:
        self.left -= size
        if self.left < 0:
            raise tarfile.ReadError("it inflates to more than CIFAR-10 holds")
        return self.stream.read(size)


def _read(place: Path, partial: bool, remedy: str) -> Dataset:
    """The six files of a folder; of another copy than the published one only if partial."""
    images, faults = {}, []
    for name, published in SHA256.items():
        path = place / name
        if not path.exists():
            faults.append(f"{path} is not there")
            continue
        if not path.is_file():
            raise ReproError(f"{path} must be a regular file")
        if path.stat().st_size > RECORD * RECORDS:
            raise ReproError(f"{path} must have at most {RECORD * RECORDS:,} bytes, as published; "
                             f"got {path.stat().st_size:,}")
        content = path.read_bytes()
        images[name], _ = parse(content, str(path))
        found = hashlib.sha256(content).hexdigest()
        if len(images[name]) != RECORDS:
            faults.append(f"{path} holds {len(images[name]):,} of {RECORDS:,} records")
        elif found != published:
            faults.append(f"{path} holds {RECORDS:,} records of other bytes than published: its "
                          f"SHA-256 must be {published}; got {found}")
    if faults and not partial:
        more = f", and {len(faults) - 1} more of the six files deviate" if faults[1:] else ""
        raise ReproError(f"{faults[0]}{more}: this is not CIFAR-10 as published, and no number "
                         f"of it is comparable; {remedy}")
    train = [images[name] for name in images if name != TEST]
    if not train or TEST not in images:
        raise ReproError(f"{place} must hold {TEST} and one or more of data_batch_1.bin to 5; got "
                         f"{', '.join(images)}")
    return Dataset("cifar10", torch.cat(train), images[TEST], complete=not faults)
