"""Records: written, read again, refused where they are none, cited by rows as they are."""

import json
from dataclasses import replace

import pytest

from repro import profile, published, records
from repro.comparison import Measurement
from repro.errors import ReproError
from repro.records import Record


@pytest.fixture
def record():
    numbers = (Measurement("NLL", 3.7, {"dataset": "cifar10", "split": "test"}, "bits/dim", 0.01),
               Measurement("FID", 3.2, {"dataset": "cifar10", "eta": 0.0}, not_comparable="part"))
    return Record(
        profile="tiny", title="a title", seed=3, run="0123456789abcdef", command="nox -s repro",
        commit="unknown", finished="2026-01-02T03:04:05+00:00", seconds={"training": 1.5},
        hardware={"processor": "x"}, versions={"python": "3"}, dataset={"complete": True},
        training={"steps": 12}, numbers=numbers, curve=((6, 0.5), (12, 0.25)),
        baselines=(("uniform", 8.0),), unmeasured=("FID: no weights",))


def test_what_is_written_is_read(record, tmp_path):
    path = records.write(record, tmp_path / "new")
    assert path.name == "tiny-seed3-01234567.json"
    assert records.read(path) == record
    assert records.load(tmp_path / "new") == (record,)


def test_a_number_is_one_flat_row(record, tmp_path):
    rows = json.loads(records.write(record, tmp_path).read_text())["numbers"]
    assert rows[0] == {"quantity": "NLL", "value": 3.7, "unit": "bits/dim", "error": 0.01,
                       "not_comparable": "", "dataset": "cifar10", "split": "test"}


def test_one_run_evaluated_again_is_one_record(record, tmp_path):
    records.write(record, tmp_path)
    records.write(replace(record, finished="2026-02-02T03:04:05+00:00", commit="later"), tmp_path)
    (kept,) = records.load(tmp_path)
    assert kept.commit == "later"
    records.write(replace(record, run="fedcba98"), tmp_path)
    assert [r.commit for r in records.load(tmp_path)] == ["unknown", "later"]  # oldest first


@pytest.mark.parametrize("change, message", [
    (lambda c: c.pop("curve"), "curve is missing or unknown"),
    (lambda c: c.update(extra=1), "extra is missing or unknown"),
    (lambda c: c["numbers"][0].update(value="x"), ""),
    (lambda c: c["numbers"][0].update(quantity="nonsense"), "quantity must be one of"),
    (lambda c: c["numbers"][0].update(colour="red"), "colour is no field"),
    (lambda c: c["numbers"][0].pop("error"), "a number must have error"),
    (lambda c: c.update(numbers=[3]), "numbers must be objects; got 3"),
    (lambda c: c.update(numbers=3), ""),
    (lambda c: c.update(title=3), "title must be text; got 3"),
])
def test_what_is_no_record(record, tmp_path, change, message):
    path = records.write(record, tmp_path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ReproError, match=f"{path.name} must be a record of a run: .*{message}"):
        records.read(path)


@pytest.mark.parametrize("text", ["", "[]", "nonsense", "[" * 100_000, '{"a": 1', "\udcff"])
def test_files_that_are_none(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ReproError, match=r"x\.json must be a record of a run"):
        records.load(tmp_path)


def test_a_long_log_is_thinned_to_means():
    entries = [{"step": step, "loss": float(step)} for step in range(1, 1001)]
    curve = records.thinned(entries)
    assert len(curve) == 200 and curve[0] == (5, 3.0) and curve[-1] == (1000, 998.0)
    assert records.thinned(entries[:3]) == ((1, 1.0), (2, 2.0), (3, 3.0))
    assert records.thinned([]) == ()


def test_the_rows_of_the_digits_are_those_of_the_kept_records():
    kept = [r for r in records.load() if r.profile == "digits" and r.seed != 0]
    rows = [row for row in published.load() if row.protocol.get("dataset") == "digits"]
    assert len(kept) == 4 and len(rows) == 3
    chosen = profile.load("digits")
    for row in rows:
        assert row.protocol["training_steps"] == chosen.training.steps
        values = [n.value for r in kept for n in r.numbers if n.quantity == row.quantity
                  and row.protocol.items() <= n.protocol.items()]
        assert sorted(f"{value:.4f}" for value in values) == sorted(row.replications)


def test_every_kept_record_of_the_digits_beats_what_learned_nothing():
    kept = [r for r in records.load() if r.profile == "digits"]
    assert kept
    for record in kept:
        (nll,) = [n for n in record.numbers if n.quantity == "NLL"]
        assert len(record.baselines) == 4
        assert all(nll.value + nll.error < bits for _, bits in record.baselines)
        assert {r.run for r in kept if r.seed == record.seed} == {record.run}
