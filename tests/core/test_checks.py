"""The wording of errors, and that values are checked only where they can be read."""

import ast
import math
import threading
from pathlib import Path

import pytest
import torch

from core import checks
from core.forward import q_sample, q_transition
from core.schedule import linear_schedule

TABLE = torch.zeros(11, dtype=torch.float64)
DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
# What code says that asks where, or under which compiler, it runs; x.device.type is seen as well.
KINDS = {"cpu", "cuda", "mps", "xpu", "meta", "hip"}
ASKING = {f"is_{kind}" for kind in KINDS} | {
    "cuda", "mps", "xpu", "backends", "accelerator", "get_device", "is_compiling", "is_available"}


def fragments(error, *parts):
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("device", DEVICES)
def test_nan_and_infinity_are_named(bad, dtype, device):
    x = torch.tensor([0.0, bad], dtype=dtype, device=device)
    with pytest.raises(ValueError) as error:
        checks.require_finite("x_0", x)
    fragments(error, "x_0", "finite", str(bad))


def test_integer_image_and_non_tensor():
    for wrong, shown in ((torch.zeros(2, dtype=torch.uint8), "torch.uint8"), ([1.0], "[1.0]")):
        with pytest.raises(ValueError) as error:
            checks.require_finite("x_0", wrong)
        fragments(error, "x_0", "floating-point", "[-1, 1]", shown)


def test_like():
    x = torch.zeros(2, 3)
    checks.require_like("eps", x.clone(), "x_t", x)
    with pytest.raises(ValueError) as error:
        checks.require_like("eps", torch.zeros(2, 1), "x_t", x)
    fragments(error, "eps", "shape of x_t", "(2, 3)", "(2, 1)")
    with pytest.raises(ValueError) as error:
        checks.require_like("eps", x.double(), "x_t", x)
    fragments(error, "eps", "dtype of x_t", "float32", "float64", "eps.to(x_t.dtype)")
    with pytest.raises(ValueError) as error:
        checks.require_like("eps", torch.empty(2, 3, device="meta"), "x_t", x)
    fragments(error, "eps", "meta")


def test_real_numbers():
    assert checks.require_real("a", 0.1).dtype == torch.float64
    assert checks.require_real("a", 3).item() == 3.0
    half = torch.ones(2, dtype=torch.float16)
    assert checks.require_real("a", half) is half
    for wrong in ("1", True, None):
        with pytest.raises(ValueError, match="a must be"):
            checks.require_real("a", wrong)
    checks.require_non_negative("v", 0.0)
    assert checks.require_positive("v", 1e-300).item() == 1e-300
    mixed = torch.tensor([0.5, 0.0, -3.0])
    for refuse, shown in (
        (checks.require_positive, "got 0.0"),
        (checks.require_non_negative, "-3.0"),
    ):
        with pytest.raises(ValueError) as error:
            refuse("v", mixed)
        fragments(error, "v", shown)
    for refuse, value, right in (
        (checks.require_positive, 0.0, "positive"),
        (checks.require_positive, -1.0, "positive"),
        (checks.require_non_negative, -1e-30, "0 or more"),
    ):
        with pytest.raises(ValueError) as error:
            refuse("v", value)
        fragments(error, "v", right, str(value))


def test_broadcastable():
    checks.require_broadcastable(a=torch.zeros(2, 3), b=torch.zeros(3))
    with pytest.raises(ValueError) as error:
        checks.require_broadcastable(a=torch.zeros(2, 3), b=torch.zeros(2))
    fragments(error, "a (2, 3)", "b (2,)", "broadcast")


@pytest.mark.parametrize(
    "value, ends, accepted",
    [
        (0, "()", False), (0, "[)", True), (0, "[]", True), (0.5, "()", True), (1, "()", False),
        (1, "[)", False), (1, "[]", True), (-1, "[]", False), (2, "[]", False),
        (math.nan, "[]", False), (math.inf, "[]", False), (True, "[]", False), ("1", "[]", False),
    ],
)  # fmt: skip
def test_number(value, ends, accepted):
    if accepted:
        assert checks.require_number("eta", value, 0, 1, ends) is None
        return
    with pytest.raises(ValueError) as error:
        checks.require_number("eta", value, 0, 1, ends)
    fragments(error, "eta", f"{ends[0]}0, 1{ends[1]}", repr(value))


def test_count():
    checks.require_count("T", 1)
    checks.require_count("dim", 4, least=4)
    for value, least in ((0, 1), (3, 4), (2.0, 1), (True, 1)):
        with pytest.raises(ValueError) as error:
            checks.require_count("T", value, least)
        fragments(error, "T", f"{least} or more", repr(value))


def test_choice():
    checks.require_choice("clip", "off", ("off", "x_0"))
    for wrong in ("on", "", None):
        with pytest.raises(ValueError) as error:
            checks.require_choice("clip", wrong, ("off", "x_0"))
        fragments(error, "clip must be one of 'off', 'x_0'", repr(wrong))


@pytest.mark.parametrize("device", DEVICES)
def test_timesteps_accepted(device):
    table = TABLE.to(device)
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
        t = checks.require_timesteps("t", torch.tensor([1, 10], dtype=dtype), table)
        assert t.dtype == torch.int64 and t.tolist() == [1, 10] and t.device == table.device
        assert table[t].shape == (2,)
    for t in (1, 10, torch.tensor(7)):
        assert checks.require_timesteps("t", t, table).shape == ()
    assert checks.require_timesteps("s", 0, table, first=0) == 0
    # A scalar stays where it is: a device that holds no values stands for a GPU.
    assert checks.require_timesteps("t", 1, table.to("meta")).device.type == "cpu"
    assert checks.require_timesteps("t", torch.zeros(0, dtype=torch.long), table).shape == (0,)


@pytest.mark.parametrize(
    "t, shown",
    [
        (0, "0"), (11, "11"), (-1, "-1"), (torch.tensor([3, 0]), "0"),
        (torch.tensor([11, 4]), "11"),
        (1.0, "1.0"), (True, "True"), (None, "None"), (torch.tensor([1.0]), "float32"),
        (torch.tensor([True]), "bool"), (torch.tensor([[1]]), "(1, 1)"),
    ],
)  # fmt: skip
def test_timesteps_refused(t, shown):
    with pytest.raises(ValueError) as error:
        checks.require_timesteps("t", t, TABLE)
    fragments(error, "t must be", "in 1..10", "(B,)", "got", shown)


def test_pair():
    s, t = checks.require_pair(torch.tensor([0, 9]), 10, TABLE)
    assert s.tolist() == [0, 9] and t == 10
    s, t = checks.require_pair(4, torch.tensor([5, 6]), TABLE)
    assert s == 4 and t.tolist() == [5, 6]
    for s, t, shown in (
        (5, 5, ("s = 5", "t = 5", "less than")),
        (torch.tensor([1, 7]), torch.tensor([2, 6]), ("s = 7", "t = 6")),
        (3, torch.tensor([4, 2]), ("s = 3", "t = 2")),
        (-1, 5, ("s must be", "0..10", "-1")),
        (0, 11, ("t must be", "1..10", "11")),
        (torch.tensor([1]), torch.tensor([2, 3]), ("s must have the shape of t", "(2,)", "(1,)")),
    ):
        with pytest.raises(ValueError) as error:
            checks.require_pair(s, t, TABLE)
        fragments(error, *shown)


def test_a_meta_tensor_has_no_value_to_check():
    checks.require_finite("x", torch.empty(3, device="meta"))
    with pytest.raises(ValueError, match="floating-point"):
        checks.require_finite("x", torch.empty(3, dtype=torch.int64, device="meta"))


def test_trusted_reads_no_value():
    bad = torch.tensor([math.nan])
    with checks.trusted():
        assert not checks.values_are_readable(bad)
        checks.require_finite("x", bad)
        checks.require_timesteps("t", torch.tensor([99]), TABLE)
        with pytest.raises(ValueError, match="shape of y"):
            checks.require_like("x", bad, "y", torch.zeros(2))
        with checks.trusted():
            pass
        assert not checks.values_are_readable(bad)
    for leave in (None, KeyError):
        with pytest.raises((ValueError, KeyError)) as error:
            with checks.trusted():
                if leave:
                    raise leave
            checks.require_finite("x", bad)
        assert error.type is (leave or ValueError)
    with pytest.raises(ValueError, match="x must be finite"):
        checks.require_finite("x", bad)


def test_trust_is_of_one_thread():
    seen = []
    with checks.trusted():
        thread = threading.Thread(target=lambda: seen.append(checks.values_are_readable(TABLE)))
        thread.start()
        thread.join()
    assert seen == [True]


def test_compiles_inside_trusted():
    schedule = linear_schedule(10)
    x, eps, t = torch.ones(2, 3), torch.ones(2, 3), torch.tensor([1, 10])
    compiled = torch.compile(lambda x: q_sample(schedule, x, t, eps), backend="eager",
                             fullgraph=True)  # fmt: skip
    with checks.trusted():
        inside = compiled(x)
    assert torch.equal(inside, q_sample(schedule, x, t, eps))


def test_signal():
    alpha_bar = torch.tensor([1.0, 0.5, 0.0])
    checks.require_signal(torch.tensor([1, 0]), alpha_bar)
    checks.require_signal(torch.tensor(1), alpha_bar)
    for t in (torch.tensor(2), torch.tensor([1, 2])):
        with pytest.raises(ValueError) as error:
            checks.require_signal(t, alpha_bar)
        fragments(error, "t must be below T = 2", "alpha_bar_T = 0", "got 2", "predict v or x_0")


def test_compiles_without_a_graph_break():
    """Inside a traced graph no value can be read, and none is asked for."""
    schedule = linear_schedule(10)

    def step(x, t, eps):
        return q_sample(schedule, x, t, eps) + q_transition(schedule, x, t - 1, t)[0]

    x, eps = torch.linspace(-1, 1, 6).reshape(2, 3), torch.full((2, 3), 0.7)
    t = torch.tensor([1, 10])
    compiled = torch.compile(step, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x, t, eps), step(x, t, eps))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
def test_captures_in_a_cuda_graph():
    schedule = linear_schedule(10).to("cuda")
    x, eps = torch.randn(2, 3, device="cuda"), torch.randn(2, 3, device="cuda")
    t = torch.tensor([1, 10], device="cuda")
    expected = q_sample(schedule, x, t, eps)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = q_sample(schedule, x, t, eps)
    graph.replay()
    assert torch.equal(captured, expected)


def asks_where_it_runs(statement):
    """Whether this source could choose another formula for one kind of device."""
    for node in ast.walk(statement):
        word = getattr(node, "attr", getattr(node, "id", None))
        if word in ASKING:
            return True
        if (isinstance(node, ast.Attribute) and node.attr == "type"
                and getattr(node.value, "attr", getattr(node.value, "id", None)) == "device"):
            return True
        if isinstance(node, ast.Compare) and any(
                isinstance(part, ast.Constant) and part.value in KINDS for part in ast.walk(node)):
            return True
    return False


@pytest.mark.parametrize("source", [
    "x.is_cuda", "torch.cuda.is_available()", "x.device.type.startswith('c')",
    "x.device == torch.device('cuda')", "str(x.device) in ('cpu', 'mps')",
    "torch.compiler.is_compiling()", "torch.backends.mkl.is_available()"])
def test_what_asks_where_it_runs_is_seen(source):
    assert asks_where_it_runs(ast.parse(source))
    assert not asks_where_it_runs(ast.parse("def f(x, device='cpu'): return x.to(device).type()"))


def test_no_formula_asks_where_it_runs():
    """A machine without a GPU cannot run what is done on a GPU only: so nothing may be.

    The four that ask are compared with themselves elsewhere: whether values can be read, above, and
    the normalisation, the enlargement and the convolution that compile (test_unet_blocks,
    test_winograd).
    """
    found = set()
    files = sorted(Path(checks.__file__).parent.glob("*.py"))
    assert len(files) > 25
    for path in files:
        for statement in ast.parse(path.read_text("utf-8")).body:
            if asks_where_it_runs(statement):
                found.add((path.stem, getattr(statement, "name", "module")))
    assert found == {("checks", "values_are_readable"), ("unet_blocks", "Convolution"),
                     ("unet_blocks", "Norm"), ("unet_blocks", "Upsample")}
