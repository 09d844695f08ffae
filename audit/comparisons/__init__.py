"""One module a subject, named like its neighbours in derivations, core and tests."""

import importlib
import pkgutil


def load() -> None:
    """Import every comparison, so that it registers itself."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
