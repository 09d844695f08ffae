"""Comparisons that cannot pass by broadcasting, or because NaN is held equal to NaN.

A Python number has no shape and may be compared with every element of anything.
"""

import operator

import numpy as np
import pytest
import torch

SIGNS = {
    "==": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "-": operator.sub,
}


def _shape(x):
    return tuple(x.shape) if isinstance(x, torch.Tensor | np.ndarray) else None


def require_same_shape(left, right, what):
    """Fail unless the shapes are equal; numbers, lists and the like have none."""
    shapes = _shape(left), _shape(right)
    if None not in shapes and shapes[0] != shapes[1]:
        pytest.fail(f"{what}: shapes {shapes[0]} and {shapes[1]} would broadcast")


def _holds_nan(x):
    try:
        if isinstance(x, torch.Tensor):
            return x.device.type != "meta" and bool(torch.isnan(x).any())
        return bool(np.isnan(np.asarray(x, dtype=complex)).any())
    except (TypeError, ValueError):  # text, ragged lists: no numbers, so no NaN
        return False


def compared(sign, left, right):
    """`left sign right` of two operands of one shape."""
    require_same_shape(left, right, f"left {sign} right")
    return SIGNS[sign](left, right)


def close(function, left, right, *rest, **options):
    """function(left, right, ...): one shape, and NaN nowhere that it could pass for equal."""
    name = function.__name__
    if name != "assert_close":  # refuses other shapes itself, in lists too
        require_same_shape(left, right, name)
    if isinstance(left, list | tuple | np.ndarray) and not isinstance(right, int | float):
        require_same_shape(np.asarray(left), np.asarray(right), name)
    lenient = name.startswith("assert_") and name != "assert_close"
    if options.get("equal_nan", lenient) and _holds_nan(left) and _holds_nan(right):
        pytest.fail(f"{name}: NaN would be held equal to NaN")
    return function(left, right, *rest, **options)


def approximately(expected, rel=None, abs=None, nan_ok=False):
    """pytest.approx that refuses NaN and an array of another shape than the expected one."""
    if nan_ok:
        pytest.fail("approx: nan_ok holds NaN equal to NaN")
    plain = pytest.approx(expected, rel=rel, abs=abs)

    class Approximately(type(plain)):
        """The same, one shape only."""

        __hash__ = None

        def __eq__(self, actual):
            of_one = () if isinstance(expected, int | float | complex) else np.shape(expected)
            shape = _shape(actual)
            if shape is not None and shape != of_one:
                pytest.fail(f"approx: shapes {shape} and {of_one} would broadcast")
            return super().__eq__(actual)

    plain.__class__ = Approximately
    return plain
