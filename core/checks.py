"""Validators: each error names the argument, shows its value and says what would be right.

Shapes, dtypes and devices are always checked.  Values (finite, in range) are checked wherever
they can be read: not while torch.compile traces and not while a CUDA graph is captured, where
reading a value is impossible, not on the meta device, which has none, and not inside `trusted`.
On a GPU each check of values waits for the tensor it reads; a timestep given as a Python int costs
no wait.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import cast

import torch
from torch import Tensor

_TRUSTED = ContextVar("trusted", default=False)


@contextmanager
def trusted() -> Iterator[None]:
    """Inside it no value is read: for a loop whose arguments were checked before it began, and
    which a check would stop at every step to wait for the GPU.  It ends with the block, also when
    an exception leaves it, and holds for the current thread or task only.
    """
    before = _TRUSTED.set(True)
    try:
        yield
    finally:
        _TRUSTED.reset(before)


def values_are_readable(x: Tensor) -> bool:
    """Whether the values of x can be looked at now (not tracing, capturing, trusted or meta)."""
    # Tracing first: the compiler cannot see into a context variable.
    if torch.compiler.is_compiling() or _TRUSTED.get() or x.is_meta:
        return False
    return not (x.is_cuda and torch.cuda.is_current_stream_capturing())


def require_floating(name: str, x: Tensor) -> None:
    """x is a tensor of a real floating dtype; an integer image has not been scaled yet."""
    if not (isinstance(x, Tensor) and x.is_floating_point()):
        got = x.dtype if isinstance(x, Tensor) else repr(x)
        raise ValueError(
            f"{name} must be a floating-point tensor, such as an image scaled to [-1, 1]; got {got}"
        )


def require_finite(name: str, x: Tensor) -> None:
    """x is a floating-point tensor without NaN or infinity."""
    require_floating(name, x)
    if values_are_readable(x) and not bool(torch.isfinite(x).all()):
        raise ValueError(f"{name} must be finite; got {_first_where(~torch.isfinite(x), x)}")


def require_like(name: str, x: Tensor, like_name: str, like: Tensor) -> None:
    """x is finite, with the shape, dtype and device of like: nothing broadcasts or promotes."""
    require_floating(name, x)
    if x.shape != like.shape:
        raise ValueError(
            f"{name} must have the shape of {like_name}, {tuple(like.shape)}; got {tuple(x.shape)}"
        )
    if x.dtype != like.dtype:
        raise ValueError(
            f"{name} must have the dtype of {like_name}, {like.dtype}; got {x.dtype}: "
            f"cast it with {name}.to({like_name}.dtype)"
        )
    if x.device != like.device:
        raise ValueError(
            f"{name} must lie on the device of {like_name}, {like.device}; got {x.device}"
        )
    require_finite(name, x)


def require_real(name: str, value: Tensor | float) -> Tensor:
    """A finite number as a tensor: a Python number becomes a float64 scalar, which leaves the
    dtype of a tensor that it meets unchanged; a tensor must be floating-point and is returned.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = torch.tensor(value, dtype=torch.float64)
    number = cast(Tensor, value)  # all else is refused by the next line
    require_finite(name, number)
    return number


def require_positive(name: str, value: Tensor | float) -> Tensor:
    """require_real, and greater than 0 everywhere."""
    value = require_real(name, value)
    if values_are_readable(value) and not bool((value > 0).all()):
        raise ValueError(f"{name} must be positive; got {_first_where(value <= 0, value)}")
    return value


def require_non_negative(name: str, value: Tensor | float) -> Tensor:
    """require_real, and at least 0 everywhere."""
    value = require_real(name, value)
    if values_are_readable(value) and not bool((value >= 0).all()):
        raise ValueError(f"{name} must be 0 or more; got {_first_where(value < 0, value)}")
    return value


def require_broadcastable(**tensors: Tensor) -> None:
    """The shapes broadcast together by torch's rule."""
    try:
        torch.broadcast_shapes(*(tensor.shape for tensor in tensors.values()))
    except RuntimeError:
        shapes = ", ".join(f"{name} {tuple(x.shape)}" for name, x in tensors.items())
        raise ValueError(f"the shapes must broadcast together; got {shapes}") from None


def require_number(name: str, value: float, low: float, high: float, ends: str = "()") -> None:
    """A Python number between low and high; in ends, a square bracket includes that end."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    above = is_number and (low < value or (ends[0] == "[" and low == value))
    below = is_number and (value < high or (ends[1] == "]" and value == high))
    if not (above and below):
        interval = f"{ends[0]}{low}, {high}{ends[1]}"
        raise ValueError(f"{name} must be a number in {interval}; got {value!r}")


def require_count(name: str, value: int, least: int = 1) -> None:
    """A Python integer, at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer, {least} or more; got {value!r}")


def require_choice(name: str, value: str, choices: Collection[str]) -> None:
    """One of the named options."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")


_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def require_timesteps(name: str, t: Tensor | int, table: Tensor, first: int = 1) -> Tensor:
    """t in first..T as an int64 tensor, () or (B,), fit to index a table of length T + 1.

    A one-dimensional t comes back on the table's device.  A Python integer is not sent to a GPU:
    a scalar index is read on the CPU anyway.  int64, because a uint8 index is a mask to torch.
    """
    last = table.shape[0] - 1
    right = f"an integer, or an integer tensor of shape () or (B,), in {first}..{last}"
    if isinstance(t, int) and not isinstance(t, bool):
        t = torch.tensor(t)
    if not (isinstance(t, Tensor) and t.dtype in _INTEGERS and t.ndim <= 1):
        got = f"{t.dtype}, shape {tuple(t.shape)}" if isinstance(t, Tensor) else repr(t)
        raise ValueError(f"{name} must be {right}; got {got}")
    t = t.long()
    outside = (t < first) | (t > last)
    if values_are_readable(t) and bool(outside.any()):
        raise ValueError(f"{name} must be {right}; got {_first_where(outside, t)}")
    return t if t.ndim == 0 else t.to(table.device)


def require_signal(t: Tensor, alpha_bar: Tensor) -> None:
    """alpha_bar_t > 0 at every t: where it is 0, nothing of x_0 can be read off x_t and eps."""
    silent = alpha_bar[t] == 0
    if values_are_readable(silent) and bool(silent.any()):
        T = alpha_bar.shape[0] - 1
        raise ValueError(
            f"t must be below T = {T} where x_0 follows from eps, because alpha_bar_T = 0 leaves "
            f"no x_0 in x_T; got {_first_where(silent, t)}: predict v or x_0 instead"
        )


def require_pair(s: Tensor | int, t: Tensor | int, table: Tensor) -> tuple[Tensor, Tensor]:
    """Timesteps 0 <= s < t <= T; either may be a scalar beside a (B,) partner."""
    t = require_timesteps("t", t, table)
    s = require_timesteps("s", s, table, first=0)
    if s.ndim == 1 and t.ndim == 1 and s.shape != t.shape:
        raise ValueError(f"s must have the shape of t, {tuple(t.shape)}; got {tuple(s.shape)}")
    late = s >= t
    if values_are_readable(late) and bool(late.any()):
        raise ValueError(
            f"s must be less than t; got s = {_first_where(late, s)}, t = {_first_where(late, t)}"
        )
    return s, t


def _first_where(bad: Tensor, x: Tensor) -> float:
    """The first offending value, for the message."""
    return x.detach().cpu().expand(bad.shape)[bad.cpu()].flatten()[0].item()
