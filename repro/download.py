"""A file from the network: resumed where it broke off, checked, and only then given its name.

    <path>.part     what has arrived; locked while a process writes it, so that there is one writer
    <path>          the whole file, of the size and SHA-256 that were asked for

The lock belongs to the open file, and the kernel releases it however the process ends.
"""

import contextlib
import errno
import fcntl
import http.client
import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from urllib.parse import urlsplit

from repro import files
from repro.errors import ReproError

TIMEOUT = 20.0  # seconds without a byte, after which a connection counts as dropped
PAUSES = (1.0, 2.0, 4.0)  # seconds before each further attempt
CHUNK = 1 << 18  # bytes
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416
BUSY = (408, 425, 429, 500, 502, 503, 504)  # statuses that may be others in a moment

Progress = Callable[[int, int], None]


class _Dropped(Exception):
    """The connection ended early, or the server is busy: worth another attempt."""


def fetch(url: str, path: Path, *, size: int, sha256: str,
          progress: Progress | None = None) -> None:
    """Have the file of this size (bytes) and SHA-256 (hexadecimal) at path, from an http(s) URL.

    A path that holds it already needs no network.  progress(done, total) is called with bytes.
    Errors: ReproError for a server that refuses, cannot be reached, drops the connection
    repeatedly, or has another file; for a full disk; for a second process that fetches the same.
    What arrived stays, unless it is of another file, and running again resumes.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ReproError(f"url must begin with http:// or https://; got {url!r}")
    part = path.with_name(path.name + ".part")
    try:
        if _holds(path, size, sha256):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with _only_writer(part) as file:
            if _holds(path, size, sha256):  # another process has brought it meanwhile
                part.unlink()
                return
            _fill(url, file, size, progress or (lambda done, total: None))
            os.fsync(file.fileno())
            found = files.sha256(part)
            if found != sha256:
                part.unlink()
                raise ReproError(f"{url} must have SHA-256 {sha256}; got {found}: removed, and "
                                 f"running again fetches it anew")
            part.replace(path)
            files.flush(path.parent)
    except OSError as error:
        cause = "the disk is full" if error.errno in FULL else error
        raise ReproError(f"{path} cannot be written: {cause}; what has arrived stays in "
                         f"{part.name}, and running again resumes") from error


def _holds(path: Path, size: int, sha256: str) -> bool:
    return path.is_file() and path.stat().st_size == size and files.sha256(path) == sha256


@contextlib.contextmanager
def _only_writer(part: Path) -> Iterator[FileIO]:
    """The file, open for appending, and locked against every other process."""
    while True:
        with part.open("a+b", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ReproError(f"{part} must have one writer: another process is fetching it; "
                                 f"wait until it has ended") from None
            # Between the two calls another process may have renamed or removed what was opened.
            if part.exists() and os.path.samestat(part.stat(), os.fstat(file.fileno())):
                yield file
                return


def _fill(url: str, file: FileIO, size: int, progress: Progress) -> None:
    """Append what is missing of size bytes, over as many connections as it takes, within reason."""
    for pause in (*PAUSES, None):
        try:
            return _append(url, file, size, progress)
        except _Dropped as dropped:
            if pause is None:
                raise ReproError(
                    f"{url} cannot be fetched: {dropped}; {os.fstat(file.fileno()).st_size:,} of "
                    f"{size:,} bytes are there, and running again resumes") from dropped
            time.sleep(pause)


def _append(url: str, file: FileIO, size: int, progress: Progress) -> None:
    """One connection, from the end of the file up to size.  Errors: _Dropped, ReproError."""
    done = os.fstat(file.fileno()).st_size
    if done > size:  # of some other file
        file.truncate(done := 0)
    progress(done, size)
    if done == size:
        return
    response = _open(url, done)
    if response is None:  # the server has nothing from this byte on
        file.truncate(done := 0)
        response = _open(url, done)
        assert response is not None  # the whole file is never out of range
    with response:
        if response.status != PARTIAL_CONTENT:  # the whole file, asked for or not
            file.truncate(done := 0)
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            file.truncate(0)
            raise _Dropped(f"the server answered with another range than from {done:,}")
        if response.length not in (None, size - done):
            raise ReproError(f"{url} must have {size:,} bytes; the server has "
                             f"{done + response.length:,}")
        while chunk := _read(response, size - done + 1):  # one more, so that too many are noticed
            if len(chunk) > size - done:
                file.truncate(0)
                raise ReproError(f"{url} must have {size:,} bytes; the server sends more")
            _write(file, chunk)
            done += len(chunk)
            progress(done, size)
    if done < size:
        raise _Dropped("the connection was dropped")


def _open(url: str, start: int) -> http.client.HTTPResponse | None:
    """The answer to a request from byte start on; None where the server has no such byte."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        request = urllib.request.Request(url, headers=headers)
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)
        return answer
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == RANGE_NOT_SATISFIABLE and start:
            return None
        if error.code in BUSY:
            raise _Dropped(f"the server answers {error.code} {error.reason}") from None
        raise ReproError(f"{url} cannot be fetched: the server answers {error.code} "
                         f"{error.reason}") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, socket.gaierror | ssl.SSLCertVerificationError):
            raise ReproError(f"{url} cannot be fetched: {error.reason}") from error
        raise _Dropped(f"the server cannot be reached: {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:  # while the headers are read
        raise _Dropped(f"the connection was dropped: {error!r}") from error


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    """What has arrived, at most so many bytes; nothing at the end."""
    try:
        return response.read1(min(most, CHUNK))
    except TimeoutError:
        raise _Dropped(f"no byte has arrived for {TIMEOUT:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Dropped(f"the connection was dropped: {error!r}") from error


def _write(file: FileIO, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:  # an unbuffered file may take less than it is given
        view = view[file.write(view):]
