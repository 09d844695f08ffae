"""Checkpoints: whole or not at all; the newest sound one is found whatever happened to newer."""

import json
import os
import subprocess
import sys

import pytest
import torch

from repro import checkpoints
from repro.errors import ReproError

FILES = ("network.safetensors", "optimiser.safetensors", "state.json", "checksums.json")


def tensors(step):
    return {"network": {"w": torch.full((3,), float(step))},
            "optimiser": {"m": torch.arange(5), "updates": torch.tensor(step)}}


@pytest.fixture
def three(tmp_path):
    for step in (5, 10, 15):
        checkpoints.write(tmp_path, step, {"devices": 1}, tensors(step), keep=3)
    return tmp_path


def test_what_is_written_is_read(three):
    found, passed_over = checkpoints.newest_sound(three)
    assert (found.step, passed_over) == (15, ())
    assert found.state == {"step": 15, "devices": 1}
    assert torch.equal(found.tensors["network"]["w"], torch.full((3,), 15.0))
    assert torch.equal(found.tensors["optimiser"]["m"], torch.arange(5))
    assert found.tensors["optimiser"]["updates"].shape == ()


def test_nothing_there(tmp_path):
    assert checkpoints.newest_sound(tmp_path / "none") == (None, ())


def test_only_the_newest_are_kept(three):
    checkpoints.write(three, 20, {}, tensors(20), keep=2)
    assert [p.name for p in sorted(three.iterdir())] == ["step-00000015", "step-00000020"]


def truncated(path):
    path.write_bytes(path.read_bytes()[:-7])


def emptied(path):
    path.write_bytes(b"")


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(bytes(data))


def gone(path):
    path.unlink()


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("fault", [truncated, emptied, flipped, gone])
def test_a_broken_newest_is_named_and_passed_over(three, fault, file):
    fault(three / "step-00000015" / file)
    found, (reason,) = checkpoints.newest_sound(three)
    assert found.step == 10
    assert "step-00000015 is not sound" in reason
    assert (three / "step-00000015").is_dir()


def test_every_bit_of_the_small_files_counts(three):
    """A changed step or a changed list of hashes is noticed too."""
    for name in ("state.json", "checksums.json"):
        path = three / "step-00000015" / name
        sound = path.read_bytes()
        unnoticed = set()
        for place in range(len(sound)):
            path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1:])
            if checkpoints.newest_sound(three)[0].step == 15:
                unnoticed.add(sound[place:place + 1])
        path.write_bytes(sound)
        # White space between the parts of a JSON file carries nothing.
        assert b"".join(unnoticed).strip() == b""
        assert (name == "state.json") <= (unnoticed == set())


def test_all_broken(three):
    for folder in three.iterdir():
        emptied(folder / "state.json")
    found, passed_over = checkpoints.newest_sound(three)
    assert found is None and len(passed_over) == 3


@pytest.mark.parametrize("content", ["[]", "{}", '{"state.json": 3}', "null",
                                     '{"state.json": "0", "../x": "0"}'])
def test_lists_of_hashes_that_are_none(three, content):
    (three / "step-00000015" / "checksums.json").write_text(content)
    assert checkpoints.newest_sound(three)[0].step == 10


def test_a_sound_one_is_not_written_again_and_a_broken_one_is(three):
    path = checkpoints.write(three, 15, {"devices": 7}, tensors(99), keep=3)
    assert checkpoints.read(path).state["devices"] == 1
    truncated(path / "network.safetensors")
    checkpoints.write(three, 15, {"devices": 7}, tensors(15), keep=3)
    assert checkpoints.read(path).state["devices"] == 7


def test_a_full_disk_leaves_the_older_ones(three):
    """RLIMIT_FSIZE makes a write fail as a full disk does, in a process of its own."""
    code = f"""
import resource, signal, torch
from pathlib import Path
from repro import checkpoints
from repro.errors import ReproError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
try:
    tensors = {{"network": {{"w": torch.zeros(100_000)}}}}
    checkpoints.write(Path({str(three)!r}), 20, {{}}, tensors, 3)
except ReproError as error:
    print("refused:", error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "refused:" in done.stdout and "step-00000020 cannot be written" in done.stdout
    assert sorted(p.name for p in three.iterdir()) == [f"step-{n:08d}" for n in (5, 10, 15)]
    assert checkpoints.newest_sound(three)[0].step == 15


def test_two_runs_in_one_folder(tmp_path):
    code = (f"import time; from pathlib import Path; from repro.checkpoints import alone_in\n"
            f"with alone_in(Path({str(tmp_path)!r})):\n    print('in', flush=True); time.sleep(60)")
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "in\n"
        with (pytest.raises(ReproError, match=f"no other run in it; process {other.pid} is there"),
              checkpoints.alone_in(tmp_path)):
            raise AssertionError("let in")
    finally:
        other.kill()
        other.communicate()
    with checkpoints.alone_in(tmp_path):  # kill -9 lets go of the lock
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_what_a_killed_run_left_is_removed(three):
    left = three / "checkpoints" / ".step-00000020.123.partial"
    left.mkdir(parents=True)
    (left / "network.safetensors").write_text("half")
    (three / ".run.json.123.partial").write_text("half")
    with checkpoints.alone_in(three):
        assert not left.exists() and not (three / ".run.json.123.partial").exists()
    assert json.loads((three / "step-00000015" / "state.json").read_text())["step"] == 15
