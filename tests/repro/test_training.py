"""A run that is killed, stopped, broken and continued ends in the bits of an undisturbed one."""

import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from repro import checkpoints, progress, runlog
from repro.dataset import Dataset
from repro.distributed import World
from repro.errors import ReproError
from repro.training import train

ROOT = Path(__file__).resolve().parents[2]
# A run in a process of its own, to be killed: the profile of conftest with smaller intervals.
RUN = """
import sys, torch
from pathlib import Path
from rich.console import Console
sys.path.insert(0, {tests!r})
from conftest import NETWORK
from repro.checkpoints import alone_in
from repro.dataset import Dataset
from repro.distributed import join
from repro.profile import Process, Profile, Training
from repro.training import train
torch.set_num_threads(1)
images = torch.randint(0, 17, (29, 1, 8, 8), dtype=torch.uint8,
                       generator=torch.Generator().manual_seed(1))
training = Training(steps={steps}, batch=4, warmup=5, ema_decay=0.9, precision="float32",
                    checkpoint_every=3, grid_every=10_000, log_every=7)
profile = Profile("tiny", "tiny", "digits", NETWORK, training, Process(T=50))
folder = Path({folder!r})
with join("cpu") as world:
    console = Console()
    if world.leads:
        with alone_in(folder):
            outcome = train(profile, Dataset("noise", images, images, 17), folder, world, console)
    else:
        outcome = train(profile, Dataset("noise", images, images, 17), folder, world, console)
# In one write: two processes share the pipe, and torch.distributed.run does not buffer theirs.
print(f"ended {{outcome.trainer.step}} {{outcome.signal}}\\n", end="", flush=True)
"""


def start(folder, steps=40, **env):
    code = RUN.format(tests=str(Path(__file__).parent), folder=str(folder), steps=steps)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
    )


def finish(folder, steps=40, **env):
    process = start(folder, steps, **env)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return out


def final(folder):
    """The tensors of the newest checkpoint, and the losses of the log by step."""
    found, passed_over = checkpoints.newest_sound(folder / "checkpoints")
    assert passed_over == ()
    return found, {e["step"]: e["loss"] for e in runlog.read(folder / "log.jsonl")}


def assert_same(folder, other):
    (found, losses), (expected, expected_losses) = final(folder), final(other)
    assert found.step == expected.step
    for file, part in expected.tensors.items():
        assert part.keys() == found.tensors[file].keys()
        for name, tensor in part.items():
            assert torch.equal(found.tensors[file][name], tensor), (file, name)
    assert losses == expected_losses


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    assert "ended 40 0" in finish(folder)
    return folder


def test_killed_at_ten_random_moments(tmp_path, undisturbed):
    folder, moments = tmp_path / "run", random.Random(4)
    for _ in range(10):
        before = sorted(folder.glob("checkpoints/step-*"))
        process = start(folder)
        # Once it writes checkpoints, or sooner: at any moment of a step, a write or a rename.
        begin, patience = time.monotonic(), moments.choice([0.5, 30, 30, 30])
        while (sorted(folder.glob("checkpoints/step-*")) == before
               and process.poll() is None and time.monotonic() - begin < patience):
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.08))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(folder)
    assert_same(folder, undisturbed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop(tmp_path, number):
    folder = tmp_path / "run"
    process = start(folder, 100_000)
    while not list(folder.glob("checkpoints/step-*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and f" {int(number)}\n" in out, out
    stopped = int(out.split("ended ")[1].split()[0])
    assert checkpoints.newest_sound(folder / "checkpoints")[0].step == stopped
    assert f"continuing after step {stopped:,}" in finish(folder, stopped + 1)


@pytest.mark.parametrize("fault", ["truncate", "empty", "flip"])
def test_a_broken_newest_checkpoint(tmp_path, undisturbed, fault):
    folder = tmp_path / "run"
    finish(folder, 20)
    newest = max(folder.glob("checkpoints/step-*")) / "network.safetensors"
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes({"truncate": data[:-99], "empty": b"", "flip": bytes(data)}[fault])
    out = finish(folder)
    assert "passed over: step-00000020 is not sound" in out
    assert "continuing after step 18" in out
    assert_same(folder, undisturbed)


def test_two_processes_give_the_weights_of_one(tmp_path):
    """Without dropout, to the rounding of a sum of gradients in another order."""
    code = RUN.replace("NETWORK, training", "replace(NETWORK, dropout=0.0), training").replace(
        "import sys, torch", "import sys, torch\nfrom dataclasses import replace")
    run = {"tests": str(Path(__file__).parent), "steps": 20}
    one = subprocess.run([sys.executable, "-c", code.format(folder=str(tmp_path / "one"), **run)],
                         capture_output=True, text=True, check=False,
                         env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert one.returncode == 0, one.stderr
    both = tmp_path / "both.py"
    both.write_text(code.format(folder=str(tmp_path / "two"), **run))
    two = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(both)], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("ended 20 0") == 2
    (first, losses), (second, expected) = final(tmp_path / "one"), final(tmp_path / "two")
    assert first.state["devices"] == 1 and second.state["devices"] == 2
    for file in ("network", "ema"):
        for name, tensor in first.tensors[file].items():
            # Twenty steps of at most 2e-4: they agree to a thousandth of that.
            torch.testing.assert_close(second.tensors[file][name], tensor, rtol=0, atol=4e-6)
    assert losses == pytest.approx(expected, rel=1e-5)
    assert "written by 2 cpu device(s) and goes on with 1" in finish_quietly(
        code.format(folder=str(tmp_path / "two"), **{**run, "steps": 22}))


def finish_quietly(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    return " ".join(done.stdout.split())


def here(profile, dataset, folder):
    return train(profile, dataset, folder, World(), Console(quiet=True))


def test_the_log_and_the_files(profile, dataset, tmp_path):
    outcome = here(profile, dataset, tmp_path)
    assert (outcome.began, outcome.trainer.step, outcome.signal) == (0, 12, 0)
    entries = runlog.read(tmp_path / "log.jsonl")
    assert [entry["step"] for entry in entries] == [3, 6, 9, 12]
    assert all(0.1 < entry["loss"] < 10 and entry["images_per_second"] > 0 for entry in entries)
    assert entries[0]["learning_rate"] == pytest.approx(2e-4 * 3 / 5)
    assert [p.name for p in sorted((tmp_path / "checkpoints").iterdir())] == [
        "step-00000004", "step-00000008", "step-00000012"]
    assert list((tmp_path / "tensorboard").iterdir())
    assert [p.name for p in (tmp_path / "grids").iterdir()] == ["step-00000012.png"]


def test_a_line_now_and_then_where_there_is_no_terminal(profile, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    said = io.StringIO()
    train(profile, dataset, tmp_path, World(), Console(file=said, width=200))
    lines = said.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [f"step {n} of 12" for n in (3, 6, 9, 12)]
    number = r"[\d.,e+]+"
    for line in lines:
        assert re.fullmatch(
            rf"step \d+ of 12, loss \d\.\d{{4}}, {number} images/s, {number} steps/s, "
            rf"{number} minutes left", line)


def test_a_finished_run_is_not_trained_again(profile, dataset, tmp_path):
    here(profile, dataset, tmp_path)
    again = here(profile, dataset, tmp_path)
    assert (again.began, again.trainer.step) == (12, 12)


def test_a_log_cut_short_by_a_kill(profile, dataset, tmp_path, changed):
    here(changed(profile, "training", steps=8), dataset, tmp_path)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 11, "loss": 1.0}\n{"step": 12, "lo')
    here(profile, dataset, tmp_path)
    assert [e["step"] for e in runlog.read(tmp_path / "log.jsonl")] == [3, 6, 8, 9, 12]


def test_a_folder_of_another_run(profile, dataset, tmp_path, changed):
    here(profile, dataset, tmp_path)
    other = changed(profile, "training", learning_rate=1e-3)
    with pytest.raises(ReproError, match="must hold a run of the same settings"):
        here(other, dataset, tmp_path)
    images = Dataset("other", dataset.test, dataset.test, 17)
    with pytest.raises(ReproError, match="must hold a run of the same images"):
        here(profile, images, tmp_path)
    here(changed(profile, "training", steps=13, keep=1, log_every=5), dataset, tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ReproError, match=r"run\.json must be what an earlier run wrote"):
        here(profile, dataset, tmp_path)


def test_a_loss_that_is_not_finite_stops_the_run(profile, dataset, tmp_path, monkeypatch):
    from repro import processes

    def poisoned(profile, levels, simple=processes.objective):
        objective, calls = simple(profile, levels), iter(range(1, 100))
        return lambda *args: objective(*args) * (float("nan") if next(calls) == 6 else 1)

    monkeypatch.setattr(processes, "objective", poisoned)
    with pytest.raises(ReproError, match=r"at step 6, at the learning rate 0\.0002; the last good "
                                         r"checkpoint is step-00000004"):
        here(profile, dataset, tmp_path)
    assert checkpoints.newest_sound(tmp_path / "checkpoints")[0].step == 4


def test_a_full_disk_names_the_last_checkpoint(profile, dataset, tmp_path, monkeypatch):
    write = checkpoints.write_folder

    def full(path, fill):
        if path.name == "step-00000008":
            raise ReproError(f"{path} cannot be written: No space left on device")
        write(path, fill)

    monkeypatch.setattr(checkpoints, "write_folder", full)
    with pytest.raises(ReproError, match=r"No space left on device; the last good checkpoint is "
                                         r"step-00000004"):
        here(profile, dataset, tmp_path)
    monkeypatch.undo()
    assert here(profile, dataset, tmp_path).began == 4
    assert json.loads((tmp_path / "run.json").read_text())["profile"] == "tiny"


def test_the_seed_matters(profile, dataset, tmp_path):
    first = here(profile, dataset, tmp_path / "a").trainer
    second = here(replace(profile, seed=1), dataset, tmp_path / "b").trainer
    assert not torch.equal(first.network.conv_in.weight, second.network.conv_in.weight)
