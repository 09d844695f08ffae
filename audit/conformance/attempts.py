"""Calling somebody else's code: whatever it does, the answer is a value or a failure in words."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from audit.conformance.implementation import NotOffered


@dataclass(frozen=True)
class Failure:
    """What went wrong in a call, in words; ``kind`` groups like failures."""

    kind: str
    says: str


T = TypeVar("T")
NOT_OFFERED = Failure("not-offered", "not offered")


class TooLong(BaseException):
    """The time for one adapter is used up; a BaseException, so that no adapter swallows it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooLong in the block after so many seconds; without effect off the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ends(*_: object) -> None:
        raise TooLong(f"not done within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ends)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def attempt(call: Callable[..., T]) -> T | Failure:
    """The result of the call, or a Failure; NotImplementedError counts as not offered."""
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except (NotOffered, NotImplementedError):
        return NOT_OFFERED
    except (Exception, SystemExit) as error:  # noqa: BLE001 - any failure is a finding
        return Failure("raises", f"raises {type(error).__name__}: {_in_words(error)}")


def image_like(result: object, like: Tensor, what: str) -> Tensor | Failure:
    """The result as an image of this shape and dtype, finite; else the Failure that says why."""
    if isinstance(result, Failure):
        return result
    if not isinstance(result, Tensor):
        return Failure("type", f"{what} is a {type(result).__name__} where a tensor is expected")
    if result.shape != like.shape:
        return Failure("shape", f"{what} has shape {tuple(result.shape)} where "
                                f"{tuple(like.shape)} was given")
    if result.layout != torch.strided or result.device.type == "meta":
        return Failure("type", f"{what} is a tensor without values in memory, or a sparse one")
    if result.dtype != like.dtype:
        return Failure("dtype", f"{what} is {_name(result.dtype)} where {_name(like.dtype)} "
                                "was given")
    if not bool(torch.isfinite(result).all()):
        kind = "NaN" if bool(torch.isnan(result).any()) else "infinite"
        return Failure("not-finite", f"{what} is {kind} for finite input")
    return result


def _in_words(error: BaseException) -> str:
    """One line of what it says, without what would steer a terminal."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - its own text may fail as well
        return "without a message that can be read"
    return "".join(c if c.isprintable() else "?" for c in text[:160])


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
