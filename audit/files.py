"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


class Unwritable(OSError):
    """The place for a result cannot be written to; the message says which and why."""


def check_writable(path: Path) -> None:
    """Fail now rather than after a minute's work: create the folder and a file beside ``path``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise Unwritable(f"{path} is a folder: name a file")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except Unwritable:
        raise
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {error.strerror}") from None


def write_atomically(path: Path, text: str) -> None:
    """Write beside, flush to disk, rename: a reader sees the old file or the new one, whole."""
    check_writable(path)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException as error:
        Path(beside).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise Unwritable(f"cannot write {path}: {error.strerror}") from None
        raise
