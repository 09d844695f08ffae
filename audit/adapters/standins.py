"""Stand-ins for packages that a peer imports and the examined functions never call.

torchvision has no build beside the CPU build of torch that the audit pins, and training helpers
(accelerate, EMA, SDE solvers) bring their own torch along.  While a peer is imported, a missing
one is replaced by a module whose every attribute exists and refuses to be called: if a formula did
need it, that would be an error, not a silent zero.  The peer's own files run as released.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


class _Refuses:
    """Any attribute of a package that is not here."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> _Refuses:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Refuses(f"{self._name}.{name}")

    def __call__(self, *_: object, **__: object) -> None:
        raise RuntimeError(f"{self._name} was called, and its package only has a stand-in here")


class _StandIn(ModuleType):
    __path__ = ()  # type: ignore[assignment]  # a package without a place, and never to change

    def __getattr__(self, name: str) -> _Refuses:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Refuses(f"{self.__name__}.{name}")


@contextmanager
def standing_in(*names: str) -> Iterator[list[str]]:
    """Within the block, those of these modules that are not installed can be imported."""
    placed = []
    for name in names:
        top = name.split(".")[0]
        if name not in sys.modules and (top in placed or importlib.util.find_spec(top) is None):
            sys.modules[name] = _StandIn(name)
            placed.append(name)
    try:
        yield placed
    finally:
        for name in placed:
            del sys.modules[name]


def bare_package(name: str) -> None:
    """Make a package importable by its parts, without running its ``__init__``."""
    if name not in sys.modules:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        package = ModuleType(name)
        package.__path__ = list(spec.submodule_search_locations or ())
        sys.modules[name] = package
