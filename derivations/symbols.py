"""Every symbol of the ledger, made once.

Symbols are real and carry no sign: what a proof needs (sigma > 0, beta < 1) is written as an
assumption of the claim and handed to the checker, so that nothing is assumed in silence and two
symbols of one name can never differ.
"""

from typing import Any, TypeAlias

from sympy import Symbol

# What the formulas take and give: symbols mostly, but the same code also serves exact numbers,
# balls and linear forms of Gaussians.  sympy has no types, so a checker cannot be told more.
Quantity: TypeAlias = Any

_REGISTRY: dict[str, Symbol] = {}


def real(names: str) -> Any:
    """The real symbols of these space-separated names; the same object for the same name.

    A symbol for one name, a tuple for several.
    """
    made = tuple(_REGISTRY.setdefault(n, Symbol(n, real=True)) for n in names.split())
    if not made:
        raise ValueError(f"names is {names!r}: give at least one name")
    return made[0] if len(made) == 1 else made
