"""The published numbers: tables typed again from the papers, and files that are refused."""

import math
import statistics
import tomllib

import pytest

from repro import profile, published
from repro.errors import ReproError
from repro.extractor import INCEPTION, pixel_extractor
from repro.published import Row, half_unit, load

ROWS = {row.id: row for row in load()}


def values(pattern, keys):
    return [ROWS[pattern.format(key)].value for key in keys]


def test_every_row_has_an_id_a_source_and_a_number():
    assert len(ROWS) == len(load()) == 135
    for row in ROWS.values():
        assert row.source and math.isfinite(float(row.value))
        assert row.quantity in published.UNITS and row.protocol


def test_ddpm_tables():
    expected = {
        "ddpm.table1.simple.fid-train": ("FID", "3.17"),
        "ddpm.section4.simple.fid-test": ("FID", "5.24"),
        "ddpm.table1.variational.fid-train": ("FID", "13.51"),
        "ddpm.table1.simple.is": ("IS", "9.46"),
        "ddpm.table1.variational.is": ("IS", "7.67"),
        "ddpm.table1.simple.nll-test": ("NLL", "3.75"),
        "ddpm.table1.simple.nll-train": ("NLL", "3.72"),
        "ddpm.table1.variational.nll-test": ("NLL", "3.70"),
        "ddpm.table1.variational.nll-train": ("NLL", "3.69"),
        "ddpm.section4.rate": ("rate", "1.78"),
        "ddpm.section4.distortion": ("distortion", "1.97"),
        "ddpm.section4.rmse": ("RMSE", "0.95"),
        "ddpm.l_t": ("L_T", "7.45293815863e-06"),
        "ddpm.throughput": ("throughput", "21"),
    }
    assert {id: (ROWS[id].quantity, ROWS[id].value) for id in expected} == expected
    assert ROWS["ddpm.table1.simple.nll-test"].unit == "bits/dim"
    assert ROWS["ddpm.table1.simple.nll-test"].protocol["split"] == "test"
    assert ROWS["ddpm.table1.simple.nll-train"].protocol["split"] == "train"
    assert ROWS["ddpm.section4.simple.fid-test"].protocol["reference"] == "test"
    assert ROWS["ddpm.table1.variational.is"].protocol["objective"] == "variational"


def test_ddpm_table_4():
    times = range(1000, 0, -100)
    assert values("ddpm.table4.rate.{}", times) == [
        "1.77581", "0.11994", "0.05415", "0.02866", "0.01507", "0.00716", "0.00282", "0.00081",
        "0.00013", "0.00000"]
    assert values("ddpm.table4.rmse.{}", times) == [
        "0.95136", "12.02277", "18.47482", "24.43656", "30.80948", "38.03236", "46.12765",
        "54.18826", "60.97170", "67.60125"]
    for t in times:
        assert ROWS[f"ddpm.table4.rate.{t}"].protocol["reverse_time"] == t


DDIM = {
    "eta0_0": (13.36, 6.84, 4.67, 4.16, 4.04),
    "eta0_2": (14.04, 7.11, 4.77, 4.25, 4.09),
    "eta0_5": (16.66, 8.35, 5.25, 4.46, 4.29),
    "eta1_0": (41.07, 18.36, 8.01, 5.78, 4.73),
    "sigma-hat": (367.43, 133.37, 32.72, 9.99, 3.17),
}


@pytest.mark.parametrize("line", DDIM)
def test_ddim_table_1(line):
    for steps, value in zip((10, 20, 50, 100, 1000), DDIM[line], strict=True):
        row = ROWS[f"ddim.table1.{line}.steps{steps}"]
        assert float(row.value) == value and row.quantity == "FID"
        assert row.protocol["steps"] == steps
        assert row.protocol["tau"] == ("all" if steps == 1000 else "released-quadratic")
        if line == "sigma-hat":
            assert row.protocol["sampler"] == "ancestral" and row.protocol["variance"] == "beta"
        else:
            assert row.protocol["sampler"] == "ddim"
            assert row.protocol["eta"] == float(line.removeprefix("eta").replace("_", "."))


def test_ddim_table_2():
    steps = (10, 20, 50, 100, 200, 500, 1000)
    assert values("ddim.table2.steps{}", steps) == [
        "0.014", "0.0065", "0.0023", "0.0009", "0.0004", "0.0001", "0.0001"]


def test_iddpm_table_2():
    expected = {"linear1000-simple": ("3.73", "3.29"), "linear4000-simple": ("3.37", "2.90"),
                "linear4000-hybrid": ("3.26", "3.07"), "cosine4000-simple": ("3.26", "3.05"),
                "cosine4000-hybrid": ("3.17", "3.19")}
    for name, (nll, fid) in expected.items():
        assert ROWS[f"iddpm.table2.{name}.nll"].value == nll
        row = ROWS[f"iddpm.table2.{name}.fid"]
        assert row.value == fid and row.protocol["steps"] == row.protocol["T"]
        assert f"{row.protocol['schedule']}{row.protocol['T']}-{row.protocol['objective']}" == name
        assert row.protocol.get("variance") == ("learned" if "hybrid" in name else None)


def test_released_weights_and_replications():
    assert values("released.pesser.{}", ("fid-train", "fid-test", "tensorflow.fid-train",
                                         "tensorflow.fid-test", "raw.fid-train", "raw.fid-test")
                  ) == ["3.21213", "5.274105", "3.245872", "5.325035", "12.30003", "14.44705"]
    assert ROWS["released.pesser.raw.fid-train"].protocol["weights"] == "raw"
    assert values("released.{}", ("ddpmx.ancestral1000", "ddpmx.ddim100", "ddpmx.ddim20",
                                  "huggingface.raw")) == [
        "3.171527", "5.515337", "11.08184", "12.437"]
    assert values("replications.{}", (
        "w86763777.fid", "w86763777.again.fid", "w86763777.raw.fid", "lightning.fid",
        "xyfjason.fixed-small.fid", "xyfjason.fixed-large.fid", "xyfjason.x_0.fid",
        "xyfjason.v.fid")) == ["3.249", "3.210", "8.060", "3.14", "5.3727", "3.0459", "13.3310",
                               "3.9703"]
    assert values("replications.{}", (
        "w86763777.is", "w86763777.again.is", "w86763777.raw.is", "lightning.is",
        "xyfjason.fixed-small.is", "xyfjason.fixed-large.is", "xyfjason.x_0.is",
        "xyfjason.v.is")) == ["9.475", "9.493", "8.882", "9.42", "9.0118", "9.4515", "7.7624",
                              "9.0253"]


def test_few_steps_by_even_spacing():
    steps = (10, 20, 50, 100)
    assert values("replications.xyfjason.ddim.steps{}", (*steps, 1000)) == [
        "18.9559", "11.6506", "7.7011", "6.0508", "4.1892"]
    assert values("replications.xyfjason.fixed-small.steps{}", steps) == [
        "41.0479", "24.5131", "15.0471", "11.2191"]
    assert values("replications.xyfjason.fixed-large.steps{}", steps) == [
        "266.7540", "183.3468", "85.2221", "46.5454"]
    small = ROWS["replications.xyfjason.fixed-small.steps10"].protocol
    assert small["variance"] == "beta_tilde" and small["tau"] == "uniform"


def test_learning_curve():
    steps = (46_800, 93_600, 187_200, 421_200, 795_600)
    assert values("curve.tqch.fid.{}", steps) == ["9.162", "5.778", "4.083", "3.31", "3.188"]
    assert values("curve.tqch.loss.{}", steps) == [
        "0.0295", "0.0293", "0.0291", "0.0284", "0.0277"]
    assert [ROWS[f"curve.tqch.fid.{n}"].protocol["training_steps"] for n in steps] == list(steps)


def test_real_data_and_parameters():
    assert ROWS["real-data.fid"].replications == ("3.1508", "3.1518")
    assert values("real-data.{}", ("is-train", "is-test")) == ["11.24", "10.98"]
    parameters = ("ddpm.parameters", "ddpm.parameters.learned-variance", "iddpm.parameters",
                  "iddpm.parameters.learned-variance")
    assert values("{}", parameters) == ["35746307", "35749766", "52542979", "52546438"]
    assert all(ROWS[id].exact for id in parameters)


def test_six_full_trainings_give_the_stated_spread():
    trained = [float(v) for v in ROWS["ddpm.table1.simple.fid-train"].replications]
    assert len(trained) == 6
    assert round(statistics.mean(trained), 2) == 3.17
    assert round(statistics.stdev(trained), 2) == 0.07


def test_vocabulary_is_that_of_the_profiles():
    """Every value of a field that a profile has is one that a profile accepts."""
    words = published.PROTOCOL
    for name in ("sampler", "tau", "variance", "weights"):
        for value in words[name]:
            steps = {"steps": 1000}
            assert getattr(profile.Sampling(count=1, **{name: value}, **steps), name) == value
    for value in words["clip"]:
        assert profile.Sampling(count=1, sampler="ddim", clip=value).clip == value
    for value in words["objective"]:
        variance = "learned" if value == "hybrid" else "beta"
        assert profile.Objective(kind=value, variance=variance).kind == value
    for name in ("schedule", "predicts"):
        for value in words[name]:
            assert getattr(profile.Process(**{name: value}), name) == value
    for name in ("cdf", "first"):
        for value in words[name]:
            assert getattr(profile.Evaluation(**{name: value}), name) == value
    for value in words["ema_kind"]:
        assert profile.Training(steps=1, ema_kind=value).ema_kind == value
    assert {INCEPTION, pixel_extractor().name} < set(words["extractor"])


@pytest.mark.parametrize("printed, half", [
    ("3.17", 0.005), ("21", 0.5), ("0.00000", 5e-6), ("7.45293815863e-06", 5e-18),
    ("35746307", 0.5), ("-1.5", 0.05), ("2e3", 500.0), ("266.7540", 5e-5),
])
def test_half_a_unit_of_the_last_digit(printed, half):
    assert half_unit(printed) == pytest.approx(half, rel=1e-12)


@pytest.mark.parametrize("printed", ["", "3.", ".5", "nan", "inf", "3,17", "3.17 ", "1e", "--1",
                                     "0x1", "1.2.3", "1_000", "٣"])
def test_what_is_no_printed_number_is_refused(printed):
    with pytest.raises(ReproError, match="must be a decimal as printed"):
        half_unit(printed)


GROUP = '''
[[group]]
name = "g"
source = "a paper"
confirmed = "text"
protocol.dataset = "cifar10"
'''
ROW = '{ id = "a.b", quantity = "FID", value = "3.17" }'


def written(tmp_path, text):
    path = tmp_path / "published.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_sound_file_is_read(tmp_path):
    row, = load(written(tmp_path, GROUP + f"rows = [{ROW[:-1]}, steps = 7, source = \"b\" }}]"))
    assert row == Row("a.b", "FID", "3.17", "b", "text", {"dataset": "cifar10", "steps": 7})


def test_a_row_replaces_what_its_group_shares(tmp_path):
    text = GROUP + 'rows = [{ id = "a", quantity = "FID", value = "1", dataset = "digits" }]'
    assert load(written(tmp_path, text))[0].protocol == {"dataset": "digits"}


def replaced(old, new):
    return GROUP + f"rows = [{ROW.replace(old, new)}]"


@pytest.mark.parametrize("text, fragment", [
    ("", "must hold tables [[group]] and nothing else; got nothing"),
    ("group = 1", "must hold tables [[group]]"),
    (GROUP + f"rows = [{ROW}]\n[other]", "got group, other"),
    ("[[group]", "must be a readable TOML file"),
    (GROUP, "g: protocol must be a table, and rows must be tables"),
    (GROUP + "rows = []", "rows must be tables"),
    (GROUP + "rows = [1]", "rows must be tables"),
    (GROUP.replace("protocol.dataset", "protocol") + f"rows = [{ROW}]", "protocol must be a table"),
    (GROUP + f"extra = 1\nrows = [{ROW}]", "g: extra is no field; a group has name, about"),
    (GROUP + f"rows = [{ROW}, {ROW}]", "a.b: id must be given once"),
    (GROUP.replace('source = "a paper"', "") + f"rows = [{ROW}]", "g, a.b: source must be given"),
    (GROUP.replace('"a paper"', '""') + f"rows = [{ROW}]", "a.b: source must be given"),
    (replaced('id = "a.b", ', ""), "g, a row without id: id must be given"),
    (replaced('"a.b"', '"a..b"'), "id must be words between dots; got 'a..b'"),
    (replaced('"FID"', '"fid"'), "a.b: quantity must be one of FID, IS"),
    (replaced('"3.17"', '"about 3"'), "a.b: value must be a decimal as printed"),
    (replaced('"3.17"', "3.17"), "g, a.b: value must be a string; got 3.17"),
    (replaced(" }", ', color = "red" }'), "a.b: color is no field; a protocol has dataset"),
    (replaced(" }", ', sampler = "euler" }'), "a.b: sampler must be one of 'ancestral', 'ddim'"),
    (replaced(" }", ", steps = 0 }"), "a.b: steps must be an integer, 1 or more; got 0"),
    (replaced(" }", ", steps = 1.0 }"), "steps must be an integer"),
    (replaced(" }", ", steps = true }"), "steps must be an integer"),
    (replaced(" }", ", eta = 0 }"), "eta must be a finite number with a decimal point"),
    (replaced(" }", ", eta = nan }"), "eta must be a finite number with a decimal point"),
    (replaced(" }", ", hardware = 1 }"), "hardware must be a string; got 1"),
    (replaced(" }", ', exact = "yes" }'), "exact must be true or false; got 'yes'"),
    (replaced(" }", ', confirmed = "memory" }'), "a.b: confirmed must be one of text, code"),
    (replaced(" }", ', replications = "3.17" }'), "replications must be a list of strings"),
    (replaced(" }", ', replications = [3.17, 3.2], replicated_by = "x" }'), "list of strings"),
    (replaced(" }", ', replications = ["3.17"], replicated_by = "x" }'), "two or more"),
    (replaced(" }", ', replications = ["3.1", "3.2"], replicated_by = "x" }'), "3.17 among them"),
    (replaced(" }", ', replications = ["3.17", "x"], replicated_by = "x" }'),
     "a.b: replications must be a decimal"),
    (replaced(" }", ', replications = ["3.17", "3.2"] }'), "replicated_by must say where"),
    (replaced(" }", ', replicated_by = "x" }'), "replicated_by must say where"),
    (replaced(" }", ', exact = true, replications = ["3.17", "3.2"], replicated_by = "x" }'),
     "exact must be false where replications differ"),
])
def test_a_malformed_file_is_refused(tmp_path, text, fragment):
    with pytest.raises(ReproError) as error:
        load(written(tmp_path, text))
    assert fragment in str(error.value)
    assert "published.toml" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ReproError, match=r"nowhere\.toml must be a readable TOML file"):
        load(tmp_path / "nowhere.toml")


def test_the_site_can_show_the_file():
    # Lists of tables of flat values: what a reader of the generic table sees is no nested thing.
    content = tomllib.loads(published.PATH.read_text(encoding="utf-8"))
    for group in content["group"]:
        for row in group["rows"]:
            assert not any(isinstance(value, dict) for value in row.values())
