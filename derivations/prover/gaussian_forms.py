"""Random variables as linear forms in independent standard normals, and polynomial expectations.

``Form`` is the left-hand side of the proofs about Gaussian chains: means, covariances and
conditionals are computed from the definition of the variable, never from the formula under proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import sympy


@dataclass(frozen=True)
class Form:
    """mean + sum of coefficient * Z over independent standard normals Z, named by strings."""

    mean: sympy.Expr = sympy.S.Zero
    noise: Mapping[str, sympy.Expr] = field(default_factory=lambda: MappingProxyType({}))

    def __add__(self, other: Form | sympy.Expr) -> Form:
        other = other if isinstance(other, Form) else Form(sympy.sympify(other))
        names = {**self.noise, **other.noise}
        return Form(
            self.mean + other.mean,
            {n: self.noise.get(n, sympy.S.Zero) + other.noise.get(n, sympy.S.Zero) for n in names},
        )

    __radd__ = __add__

    def __mul__(self, scale: sympy.Expr) -> Form:
        return Form(scale * self.mean, {n: scale * c for n, c in self.noise.items()})

    __rmul__ = __mul__

    def __neg__(self) -> Form:
        return self.__mul__(sympy.S.NegativeOne)

    def __sub__(self, other: Form | sympy.Expr) -> Form:
        return self + (-other)

    @property
    def variance(self) -> sympy.Expr:
        """Var = sum of squared coefficients, the noises being independent with variance 1."""
        return covariance(self, self)


def standard_normal(name: str) -> Form:
    """One of the independent N(0, 1) variables; the same name is the same variable."""
    return Form(sympy.S.Zero, {name: sympy.S.One})


def covariance(a: Form, b: Form) -> sympy.Expr:
    """Cov(a, b) = sum over the shared noises of the products of coefficients."""
    return sympy.Add(*(c * b.noise[n] for n, c in a.noise.items() if n in b.noise))


def condition(target: Form, on: Form, value: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """Mean and variance of ``target`` given ``on == value``: the Schur complement; Var(on) > 0."""
    gain = covariance(target, on) / on.variance
    return (
        target.mean + gain * (value - on.mean),
        target.variance - gain * covariance(target, on),
    )


def expectation(
    polynomial: sympy.Expr, x: sympy.Symbol, mean: sympy.Expr, variance: sympy.Expr
) -> sympy.Expr:
    """E[polynomial(X)] for X ~ N(mean, variance), by the Stein recursion.

    With m_k = E[(X - mean)^k]: m_0 = 1, m_1 = 0, m_k = (k - 1) * variance * m_{k-2}.
    The recursion itself is the claim ``moments.stein``.
    """
    centred = sympy.Dummy("centred", real=True)
    expanded = sympy.Poly(sympy.expand(polynomial.subs(x, mean + centred)), centred)
    moments = [sympy.S.One, sympy.S.Zero]
    for k in range(2, max(k for (k,), _ in expanded.terms()) + 1):
        moments.append((k - 1) * variance * moments[k - 2])
    return sympy.Add(*(coefficient * moments[k] for (k,), coefficient in expanded.terms()))
