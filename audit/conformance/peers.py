"""Who is examined, by the names that a person types."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from audit.conformance.attempts import Failure, attempt
from audit.conformance.implementation import Implementation

PEERS = {
    "core": "audit.adapters.core_conformance",
    "diffusers": "audit.adapters.diffusers",
    "azula": "audit.adapters.azula",
    "denoising-diffusion-pytorch": "audit.adapters.denoising_diffusion_pytorch",
    "k-diffusion": "audit.adapters.k_diffusion",
}


class Unknown(ValueError):
    """There is no such target; the message says what there is."""


class NotInstalled(Exception):
    """A peer's package is not here; the message says which."""


def implementations(target: str) -> Iterator[Implementation | Failure]:
    """Every configuration of a peer, or of ``module:Name``; a Failure for one not to be made."""
    if ":" in target:
        yield from _made(_look_up(target))
        return
    if target not in PEERS:
        raise Unknown(f"{target!r} is neither one of {', '.join(PEERS)} nor module:Name")
    try:
        module = importlib.import_module(PEERS[target])
    except ModuleNotFoundError as error:
        raise NotInstalled(f"{target}: the package {error.name} is not installed; "
                           f"nox -s conformance -- {target} installs it") from None
    yield from _made(module.configurations)


def _look_up(target: str) -> object:
    module_name, _, name = target.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module = attempt(lambda: importlib.import_module(module_name))
    if isinstance(module, Failure):
        raise Unknown(f"{target}: importing {module_name} {module.says}")
    if not hasattr(module, name):
        names = [n for n, value in vars(module).items()
                 if isinstance(value, type) and issubclass(value, Implementation)]
        raise Unknown(f"{target}: {module_name} has no {name!r}; adapters there: "
                      f"{', '.join(names) or 'none'}")
    return getattr(module, name)


def _made(found: object) -> Iterator[Implementation | Failure]:
    """One adapter, several, or what makes them."""
    if callable(found):
        made = attempt(found)
    else:
        made = found
    if isinstance(made, Implementation | Failure) or not isinstance(made, Iterable):
        yield made if isinstance(made, Implementation | Failure) else Failure(
            "type", f"is a {type(made).__name__} where an Implementation is expected")
        return
    iterator = iter(made)
    while True:
        one = attempt(lambda: next(iterator, None))
        if one is None:
            return
        yield one
        if isinstance(one, Failure):
            return
