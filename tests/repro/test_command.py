"""The command as a person meets it: a whole small run, its files, and one line for each mistake."""

import json
import re
from dataclasses import replace

import pytest
import torch
from PIL import Image

from repro import command, plan, profile, records, runlog
from repro.comparison import State
from repro.weights import save_unet


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """In an empty folder, with a plan that is measured in an instant."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan, "SECONDS", 0.01)
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One whole run of `smoke`, with its folder; what it printed is in said.txt."""
    folder = tmp_path_factory.mktemp("finished")
    from contextlib import redirect_stdout

    with (folder / "said.txt").open("w") as said, redirect_stdout(said):
        status = command.main(["smoke", "--device", "cpu", "--folder", str(folder / "run"),
                               "--records", str(folder / "records")])
    assert status == 0
    return folder


def said(capsys):
    return " ".join(capsys.readouterr().out.split())


def test_a_whole_run(finished):
    text = (finished / "said.txt").read_text()
    assert max(map(len, text.splitlines())) <= 100
    for part in ("plan: smoke", "40 steps of 16 images", "NLL", "bits/dim", "histogram",
                 "encoding_error", "published numbers"):
        assert part in text
    run = finished / "run"
    assert {"checkpoints", "grids", "log.jsonl", "samples.png", "rate-distortion-test.png",
            "rate-distortion-train.png", "report.md", "report.json", "run.json"} <= {
                p.name for p in run.iterdir()}
    assert len(runlog.read(run / "log.jsonl")) == 4
    with Image.open(run / "samples.png") as picture:
        assert picture.mode == "L" and picture.width == picture.height > 400
    # smoke is no run to be kept
    assert not (finished / "records").exists()
    (path,) = run.glob("smoke-seed0-*.json")
    record = records.read(path)
    assert record.training["steps"] == 40 and record.training["images_per_second"] > 0
    assert record.dataset["complete"] and record.curve[-1][0] == 40
    numbers = {(n.quantity, n.protocol.get("steps")): n.value for n in record.numbers}
    assert 0 < numbers["NLL", 50] < 50 and numbers["encoding_error", 50] < 1
    assert dict(record.baselines)["uniform"] == pytest.approx(4.0875, abs=1e-4)  # log2 of 17
    rows = json.loads((run / "report.json").read_text())["rows"]
    assert {row["verdict"] for row in rows} == {State.NOT_MEASURED.value}  # of other data


def test_the_parts_of_the_bound_add_up(finished):
    (path,) = (finished / "run").glob("smoke-seed0-*.json")
    found = {n.quantity: n.value for n in records.read(path).numbers}
    assert found["rate"] + found["distortion"] == pytest.approx(found["NLL"], rel=1e-12)


def test_again_is_a_look_and_no_second_run(finished, capsys):
    before = {p: p.read_bytes() for p in (finished / "run" / "checkpoints").rglob("*.safetensors")}
    assert command.main(["smoke", "--device", "cpu", "--folder", str(finished / "run"),
                         "--records", str(finished / "records")]) == 0
    assert "continuing after step 40" in said(capsys)
    assert {p: p.read_bytes() for p in before} == before


def test_the_plan_alone(capsys, elsewhere):
    assert command.main(["digits", "--plan", "--device", "cpu"]) == 0
    text = said(capsys)
    for part in ("plan: DDPM, handwritten digits", "images/s in training", "disk", "memory"):
        assert part in text
    assert list(elsewhere.iterdir()) == []


def test_without_a_gpu_it_says_what_cifar_would_cost(capsys, monkeypatch):
    """The large network is measured by `nox -s repro`; here the small one takes its place."""
    load = profile.load
    monkeypatch.setattr(profile, "load", lambda name: load(name) if name == "digits" else replace(
        load("smoke"), training=replace(load("smoke").training, steps=10**8)))
    assert command.main(["--plan", "--device", "cpu"]) == 0
    text = said(capsys)
    assert text.index("There is no GPU here") < text.index("100,000,000 steps") < text.index(
        "Instead of it, a smaller one") < text.index("handwritten digits, L_hybrid")
    days = re.search(r"100,000,000 steps of 16 images, ([\d,.]+) days", text)
    assert float(days[1].replace(",", "")) > 1


def test_report_of_kept_records(finished, elsewhere, capsys):
    (path,) = (finished / "run").glob("smoke-seed0-*.json")
    record = records.read(path)
    fid = next(n for n in record.numbers if n.quantity == "FID" and "steps" in n.protocol)
    from repro import published

    row = next(r for r in published.load() if r.replications and r.quantity == "FID")
    good = replace(fid, value=float(row.value), protocol=dict(row.protocol), error=0.0)
    records.write(replace(record, numbers=(good,)), elsewhere / "records")
    assert command.main(["report", "--records", "records"]) == 0
    text = said(capsys)
    assert row.id in text and "consistent:" in text and "inconsistent" not in text
    assert row.id in (elsewhere / "build" / "repro" / "report.md").read_text()
    bad = replace(good, value=2 * good.value)
    records.write(replace(record, numbers=(bad,), seed=1), elsewhere / "bad")
    assert command.main(["report", "--records", "bad"]) == 0
    assert "inconsistent:" in said(capsys)


def test_report_of_nothing(capsys):
    assert command.main(["report", "--records", "none"]) == 0
    assert "0 record(s)" in said(capsys)


MISTAKES = [
    (["nonsense"], "profile must be one of"),
    (["none.toml"], "none.toml must be a readable TOML file"),
    (["smoke", "--steps", "0"], "steps must be 1 or more; got 0"),
    (["smoke", "--samples", "-1"], "count must be 1 or more; got -1"),
    (["smoke-cifar10", "--data", "nowhere"], "nowhere"),
    (["ddpm-cifar10", "--weights", "nowhere", "--data", "{excerpt}", "--partial-data"],
     "--weights-are must say"),
    (["report", "--records", "{broken}"], "must be a record of a run"),
]


@pytest.mark.parametrize("arguments, message", MISTAKES, ids=[m for _, m in MISTAKES])
def test_mistakes_are_one_line(arguments, message, elsewhere, capsys):
    (elsewhere / "broken").mkdir()
    (elsewhere / "broken" / "x.json").write_text('{"profile": 3}')
    excerpt = elsewhere / "excerpt"
    excerpt.mkdir()
    for name in [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]:
        (excerpt / name).write_bytes(bytes(3073))
    places = {"{excerpt}": "excerpt", "{broken}": "broken"}
    filled = [places.get(argument, argument) for argument in arguments]
    assert command.main([*filled, "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.startswith("repro: ") and "Traceback" not in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("text, message", [
    ("title = 3", "title must be of type str; got 3"),
    ("nonsense = 1", "nonsense is no field"),
    ("[training]\nsteps = 1\nbatch = 0", "batch must be 1 or more; got 0"),
    ("[training]\nsteps = 1\nclip_shards = 3", "clip_shards must be a divisor of batch"),
    ("[training]\nsteps = true", "training.steps must be of type int; got True"),
    ("[training]\nlearning_rate = nan\nsteps = 1", "learning_rate must be of type float; got nan"),
    ("[objective]\nkind = 'hybrid'", "variance must be 'learned'"),
    ("[process]\nT = 0", "T must be 1 or more; got 0"),
    ("[network]\nchannels = 30", "groups must divide channels = 30"),
    ("network = 3", "network must be a table; got 3"),
    ("[[sampling]]\ncount = 4\nsteps = 7", "sampling.steps must be T = 50 for tau 'all'"),
    ("[evaluation]\nencoding = [5]", "encoded must be above 0"),
    ("[evaluation]\nencoding = 5", "evaluation.encoding must be a list; got 5"),
    ("=", "must be a readable TOML file"),
])
def test_profiles_that_are_none(text, message, elsewhere, capsys):
    lines = {"title": "title = 'x'", "dataset": "dataset = 'digits'"}
    for name in list(lines):
        if text.startswith(name):
            del lines[name]
    tables = {"network": "[network]\nchannels = 8\ngroups = 4\nimage_channels = 1\nimage_size = 8"
                         "\nmultipliers = [1, 2]\nattention_resolutions = [4]",
              "training": "[training]\nsteps = 1", "process": "[process]\nT = 50"}
    for name in list(tables):
        if text.startswith((f"[{name}]", f"{name} =")):
            del tables[name]
    before, after = (text, "") if not text.startswith("[") else ("", text)
    (elsewhere / "own.toml").write_text("\n".join([before, *lines.values(), *tables.values(),
                                                   after]))
    assert command.main(["own.toml", "--plan", "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_weights_of_another_network(elsewhere, capsys):
    from core.unet import UNet
    from core.unet_config import UNetConfig

    save_unet(UNet(UNetConfig(channels=32)), elsewhere / "weights")
    assert command.main(["smoke", "--weights", "weights", "--weights-are", "ema",
                         "--device", "cpu"]) == 2
    assert "must hold the network of the profile" in capsys.readouterr().err


@pytest.mark.parametrize("kind, weights, origin", [
    ("raw", "raw", None), ("released-ema", "ema", "released")])
def test_weights_are_evaluated_without_training(elsewhere, capsys, kind, weights, origin):
    from core.unet import UNet

    network = UNet(profile.load("smoke").network, torch.Generator().manual_seed(3))
    save_unet(network, elsewhere / "weights")
    arguments = ["smoke", "--weights", "weights/config.json", "--weights-are", kind,
                 "--device", "cpu", "--folder", "run"]
    assert command.main(arguments) == 0
    assert "NLL" in said(capsys)
    (path,) = (elsewhere / "run").glob("smoke-*.json")
    record = records.read(path)
    assert record.training == {} and not (elsewhere / "run" / "checkpoints").exists()
    made = [n.protocol for n in record.numbers if n.protocol.get("of") != "test"]
    assert {(p.get("weights"), p.get("origin")) for p in made} == {(weights, origin)}
