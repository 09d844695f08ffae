"""Files and folders that appear whole or not at all: written beside, flushed, renamed.

After a crash a reader finds the old content or the new one, and perhaps a `.partial` beside it,
which nothing reads.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from repro.errors import ReproError


def write_file(path: Path, content: bytes | str) -> None:
    """Replace a file by content, text as UTF-8.  Errors: ReproError, the old file still there."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    partial = _beside(path)
    try:
        partial.write_bytes(data)
        flush(partial)
        partial.replace(path)
        flush(path.parent)
    except OSError as error:
        raise ReproError(f"{path} cannot be written: {error}") from error
    finally:
        with contextlib.suppress(OSError):  # the error above says more than this one could
            partial.unlink()


def write_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder that does not exist yet, with what fill writes into it.

    Errors: ReproError where the folder exists or the disk is full; nothing is left behind then.
    """
    if os.path.lexists(path):
        raise ReproError(f"{path} must not exist yet: nothing is overwritten")
    partial = _beside(path)
    try:
        partial.mkdir()
        fill(partial)
        for written in sorted(partial.rglob("*")):
            flush(written)
        flush(partial)
        partial.rename(path)
        flush(path.parent)
    except OSError as error:
        raise ReproError(f"{path} cannot be written: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal.  Errors: OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush(path: Path) -> None:
    """Have the disk hold what was written to a file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    # Drawn, not the process id: machines that share a folder have equal ids, and so has a
    # container that starts again beside what its predecessor left when it was killed.
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
