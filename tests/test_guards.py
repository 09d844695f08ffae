"""Deliberately vacuous tests, one of each kind: each must fail, and its honest twin must pass."""

from pathlib import Path

import pytest

pytest_plugins = ("pytester",)

SUPPORT = Path(__file__).parent / "support"
IMPORTS = """
import math
import numpy as np
import pytest
import torch
from hypothesis import Phase, assume, example, given, settings, strategies as st
from pytest import approx

NAN = float("nan")
QUICK = settings(derandomize=True, database=None, deadline=None, max_examples=20)
"""


@pytest.fixture
def reports(pytester):
    """Run texts that each define `test` as one module, under the guards alone; the reports."""
    pytester.syspathinsert(SUPPORT)
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib -p no:cacheprovider\n")

    def run(texts):
        named = [text.replace("def test(", f"def test_{i}(") for i, text in enumerate(texts)]
        pytester.makepyfile(test_made=IMPORTS + "\n".join(named))
        found = pytester.inline_run("-p", "vacuity").getreports("pytest_runtest_logreport")
        return [[r for r in found if r.nodeid.split("[")[0].endswith(f"test_{i}")]
                for i in range(len(texts))]

    return run


UNREACHED = "passed without reaching an assertion"
VACUOUS = {
    "no assertion": ("def test(): math.sqrt(4.0)", UNREACHED),
    "only a print": ("def test(): print(1 == 2)", UNREACHED),
    "a comparison left standing": ("def test():\n    1 == 2", UNREACHED),
    "a bool left standing": (
        "def test(): torch.allclose(torch.ones(2), torch.zeros(2))", UNREACHED),
    "early return": ("def test():\n    if 1 < 2:\n        return\n    assert 1 == 2", UNREACHED),
    "loop over nothing": ("def test():\n    for x in []:\n        assert x", UNREACHED),
    "helper that asserts nothing": (
        "def assert_fine(x):\n    return x == 3\ndef test(): assert_fine(2)", UNREACHED),
    "helper never called": (
        "def test():\n    def body(x):\n        assert x\n    list(map(body, []))", UNREACHED),
    "error caught": (
        "def test():\n    try:\n        assert 1 == 2\n    except AssertionError:\n        pass",
        UNREACHED),
    "no parameters": (
        "@pytest.mark.parametrize('x', [])\ndef test(x): assert x", "by an empty list"),
    "property, early return": (
        "@QUICK\n@given(st.integers(0, 9999))\n"
        "def test(n):\n    if n % 2:\n        return\n    assert n % 2 == 0", "of the 20 examples"),
    "property, never reached": (
        "@QUICK\n@given(st.integers())\n"
        "def test(n):\n    for i in []:\n        assert n == i", UNREACHED),
    "property, finite space": (
        "@QUICK\n@given(st.booleans())\ndef test(b): assert b in (0, 1)", "2 of the 20 examples"),
    "property, examples only": (
        "@QUICK\n@given(st.integers())\n@example(3)\n"
        "def test(n):\n    if n != 3:\n        return\n    assert n == 3", "of the 21 examples"),
    "NaN in assert_allclose": (
        "def test(): np.testing.assert_allclose([1.0, NAN], [1.0, NAN])", "NaN would be"),
    "NaN in assert_array_equal": (
        "def test(): np.testing.assert_array_equal(np.array([NAN]), np.array([NAN]))", "NaN would"),
    "NaN in allclose": (
        "def test():\n    x = torch.tensor([NAN])\n"
        "    assert torch.allclose(x, x, equal_nan=True)", "NaN would be held equal"),
    "NaN in assert_close": (
        "def test():\n    x = torch.tensor([NAN])\n"
        "    torch.testing.assert_close(x, x, equal_nan=True)", "NaN would be held equal"),
    "NaN in approx": ("def test(): assert NAN == approx(NAN, nan_ok=True)", "nan_ok"),
    "broadcast in torch.allclose": (
        "def test(): assert torch.allclose(torch.ones(3), torch.ones(1))", "would broadcast"),
    "broadcast in numpy": (
        "def test(): np.testing.assert_allclose(np.ones((3, 3)), np.ones(3))", "would broadcast"),
    "list broadcast in numpy": (
        "def test(): np.testing.assert_allclose([[1.0, 1.0]], [1.0, 1.0])", "would broadcast"),
    "broadcast in all": (
        "def test(): assert (torch.ones(3, 3) == torch.ones(3)).all()", "would broadcast"),
    "broadcast in torch.all": (
        "def test(): assert torch.all(torch.ones(3) <= torch.ones(()))", "would broadcast"),
    "broadcast in a difference": (
        "def test():\n    x, y = torch.ones(3, 1), torch.ones(3)\n"
        "    assert (x - y).abs().max() < 1e-9", "would broadcast"),
    "broadcast in a distance": (
        "def test(): assert np.max(np.abs(np.ones((3, 1)) - np.ones(3))) == 0", "would broadcast"),
    "broadcast in approx": (
        "def test():\n    third = approx(1.0)\n    assert np.ones(3) == third", "would broadcast"),
    "nothing compared with approx": (
        "def test(): assert torch.ones(0) == approx(7.0)", "would broadcast"),
}
HONEST = {
    "assert": "def test(): assert math.sqrt(4.0) == 2",
    "raises": "def test():\n    with pytest.raises(ValueError):\n        math.sqrt(-1.0)",
    "warns": "def test():\n    with pytest.warns(UserWarning):\n        "
             "__import__('warnings').warn('x')",
    "helper": "def helper(x):\n    assert x\ndef test(): helper(3)",
    "class": "class TestIt:\n    def test(self): assert self",
    "numpy": "def test(): np.testing.assert_allclose(np.ones(3), 1.0)",
    "assert_close": "def test(): torch.testing.assert_close(torch.ones(3), torch.ones(3))",
    "property": "@QUICK\n@given(st.integers())\ndef test(n): assert n == n",
    "property with assume":
        "@QUICK\n@given(st.integers())\n@example(1)\n"
        "def test(n):\n    assume(n % 2)\n    assert n % 2",
    "property without drawing":
        "@settings(QUICK, phases=[Phase.explicit])\n@given(st.integers())\n@example(3)\n"
        "def test(n): assert n == 3",
    "approx": "def test():\n    assert np.ones(2) == approx(np.ones(2))"
              "\n    assert [1.0] == approx([1])"
              "\n    assert torch.ones(()) == approx(1.0)",
    "shapes": "def test():\n    x = torch.ones(2)\n    assert torch.allclose(x, x)\n"
              "    assert (x == x).all() and (x <= 1).all() and (x - x).abs().max() == 0",
    "rows against a point": "def test(): assert torch.ones(3, 2).sub(1).norm() == 0 and "
                            "(torch.ones(3, 2) - torch.ones(2)).norm(dim=1).sum() == 0",
    "its own all": "def test():\n    assert all(x for x in [1, 2])\n    assert abs(3 - 4) == 1",
}


def test_each_vacuous_test_fails_for_its_reason(reports):
    for name, (_, fragment), found in zip(
        VACUOUS, VACUOUS.values(), reports([text for text, _ in VACUOUS.values()]), strict=True
    ):
        failed = [report.longreprtext for report in found if report.failed]
        assert len(failed) == 1 and fragment in failed[0], f"{name}: {failed}"


def test_each_honest_test_passes(reports):
    for name, found in zip(HONEST, reports(HONEST.values()), strict=True):
        assert [(r.when, r.outcome) for r in found] == [
            (when, "passed") for when in ("setup", "call", "teardown")], f"{name}: {found}"


def test_skipped_and_failing_tests_keep_their_outcome(reports):
    skipped, failed = reports(["def test(): pytest.skip('x')", "def test(): assert 1 == 2"])
    assert skipped[1].skipped and failed[1].failed
    assert "assert 1 == 2" in failed[1].longreprtext and "vacuous" not in failed[1].longreprtext


def test_in_parallel(pytester, monkeypatch):
    """As nox -s tests runs it: workers of their own, importlib, and bytecode from a cache."""
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib -p vacuity -n 2\n")
    pytester.makepyfile(test_made="def test_a(): len('')\ndef test_b(): assert 1\n")
    for _ in range(2):
        result = pytester.runpytest_subprocess()
        result.assert_outcomes(passed=1, failed=1)
        assert UNREACHED in result.stdout.str()
    assert any("guards-" in p.name for p in pytester.path.rglob("*.pyc"))


def test_without_rewriting_nothing_is_run(pytester):
    pytester.syspathinsert(SUPPORT)
    result = pytester.runpytest_inprocess("-p", "vacuity", "--assert=plain")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--assert=plain" in result.stderr.str()
