"""Every symbol of the ledger, made once.

Symbols are real and carry no sign: what a proof needs (sigma > 0, beta < 1) is written as an
assumption of the claim and handed to the checker, so that nothing is assumed in silence and two
symbols of one name can never differ.
"""

from sympy import Symbol

_REGISTRY: dict[str, Symbol] = {}


def real(names: str) -> Symbol | tuple[Symbol, ...]:
    """The real symbols of these space-separated names; the same object for the same name."""
    made = tuple(_REGISTRY.setdefault(n, Symbol(n, real=True)) for n in names.split())
    if not made:
        raise ValueError(f"names is {names!r}: give at least one name")
    return made[0] if len(made) == 1 else made
