"""Files and folders appear whole or not at all, whatever ends the writing."""

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from repro.errors import ReproError
from repro.files import sha256, write_file, write_folder

ROOT = Path(__file__).resolve().parents[2]
FULL = OSError(errno.ENOSPC, "No space left on device")


def raises(error):
    def instead(*_, **__):
        raise error
    return instead


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content, data", [(b"\x00\xff", b"\x00\xff"), ("ε\n", b"\xce\xb5\n"),
                                           (b"", b"")])
def test_a_file_is_written_and_replaced(tmp_path, content, data):
    (tmp_path / "a").write_bytes(b"old, and longer than the new")
    write_file(tmp_path / "a", content)
    assert (tmp_path / "a").read_bytes() == data
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("where", ["pathlib.Path.write_bytes", "os.fsync", "pathlib.Path.replace"])
def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch, where):
    (tmp_path / "a").write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(where, raises(FULL))
        with pytest.raises(ReproError, match=r"a cannot be written: .*No space left"):
            write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", raises(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old" and names(tmp_path) == ["a"]


@pytest.mark.parametrize("write", [lambda path: write_file(path, b"x"),
                                   lambda path: write_folder(path, lambda folder: None)])
@pytest.mark.parametrize("parent, why", [("nowhere", "No such file"), ("file", "Not a directory")])
def test_a_parent_that_is_no_folder(tmp_path, write, parent, why):
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(ReproError, match=rf"a cannot be written: .*{why}"):
        write(tmp_path / parent / "a")
    assert (tmp_path / "file").read_bytes() == b"kept" and names(tmp_path) == ["file"]


def test_content_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    events, real = [], os.fsync

    def record(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        events.append((os.path.isdir(path), (tmp_path / "a").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    write_file(tmp_path / "a", b"x")
    assert events == [(False, False), (True, True)]  # the file, then the folder with its name


def test_a_folder_is_made_with_all_that_is_written(tmp_path):
    def fill(folder):
        (folder / "deep").mkdir()
        (folder / "deep" / "b").write_bytes(b"x")
    write_folder(tmp_path / "a", fill)
    assert names(tmp_path) == ["a"] and (tmp_path / "a" / "deep" / "b").read_bytes() == b"x"


@pytest.mark.parametrize("error, shown", [(FULL, ReproError), (RuntimeError("own"), RuntimeError),
                                          (ReproError("own"), ReproError)])
def test_a_failed_folder_leaves_nothing(tmp_path, error, shown):
    def fill(folder):
        (folder / "b").write_bytes(b"x")
        raise error
    with pytest.raises(shown, match="a cannot be written: .*No space" if error is FULL else "own"):
        write_folder(tmp_path / "a", fill)
    assert names(tmp_path) == []


def test_a_folder_is_never_overwritten(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("a", "link"):
        with pytest.raises(ReproError, match=rf"{name} must not exist yet"):
            write_folder(tmp_path / name, raises(AssertionError("filled")))
    assert names(tmp_path) == ["a", "link"] and (tmp_path / "link").is_symlink()


def test_two_writers_of_one_folder(tmp_path):
    def fill(folder):
        (folder / "who").write_text("slow")
        write_folder(tmp_path / "a", lambda other: (other / "who").write_text("fast") and None)
    with pytest.raises(ReproError, match=r"a cannot be written: .*not empty"):
        write_folder(tmp_path / "a", fill)
    assert (tmp_path / "a" / "who").read_text() == "fast" and names(tmp_path) == ["a"]


KILLED = """
import os, signal, sys
from pathlib import Path
from repro.files import write_file, write_folder
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "file":
    write_file(Path("a"), b"new")
write_folder(Path("c"), lambda folder: (folder / "b").write_bytes(b"new") and None)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_writer_left_is_in_nobodys_way(tmp_path, kind, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, kind], cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -9
    left = [name for name in names(tmp_path) if name != "a"]
    assert (tmp_path / "a").read_bytes() == b"old" and len(left) == 1
    # A container that starts again has the process ids of the one that was killed.
    monkeypatch.setattr(os, "getpid", lambda: int(left[0].split(".")[-2], 16))
    write_file(tmp_path / "a", b"new")
    write_folder(tmp_path / "c", lambda folder: None)
    assert (tmp_path / "a").read_bytes() == b"new" and names(tmp_path) == sorted(["a", "c", *left])


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # the example of FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "a") == ("ba7816bf8f01cfea414140de5dae2223"
                                      "b00361a396177a9cb410ff61f20015ad")
    (tmp_path / "b").write_bytes(bytes(3_000_001))
    assert sha256(tmp_path / "b") == hashlib.sha256(bytes(3_000_001)).hexdigest()
