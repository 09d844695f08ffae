"""core.kl against the exact divergences, in units in the last place, and against other programs.

The exact values are balls of 1200 bits of the formulas in derivations (scalars), and rational
elimination with logarithms of rationals (matrices).  Means and variances range over the dtype;
nearly equal distributions, where the formula as printed cancels, are drawn on purpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import sympy
import torch
from flint import arb, fmpq
from hypothesis import strategies as st
from scipy.special import rel_entr

from audit.adapters.core import kl_gaussian, kl_multivariate, kl_standard
from audit.comparison import Bench, Subject, compares
from audit.precision import fraction_of
from derivations.kl import kl_gaussian_result, kl_standard_result
from derivations.kl import kl_multivariate as exact_multivariate
from derivations.kl.kl import divergence
from derivations.prover.balls import ball, precision

DTYPES = (torch.float64, torch.float32)
ULPS = 12  # r - 1 - log r magnifies the rounding of the logarithm up to eightfold at r = 1.3
EDGE = (0.0, 1.0000152587890625, 0.0, 0.755 * 1.0000152587890625)  # found by fuzzing
BITS = 1200  # a divergence of 2^-106 between neighbouring float64 numbers keeps 1000 bits

# A float in [1, 2) times a power of two that float32 still squares without overflow.
mantissas = st.integers(0, 2**20 - 1).map(lambda k: 1 + k / 2**20)
variances = st.builds(math.ldexp, mantissas, st.integers(-50, 50))
means = st.builds(lambda sign, m, e: sign * math.ldexp(m, e),
                  st.sampled_from((-1, 0, 1)), mantissas, st.integers(-30, 30))
# A factor close to 1 from both sides, 1 itself, and the neighbourhood of the series' edge.
nearly_one = st.one_of(
    st.just(1.0), st.builds(lambda s, k: 1 + s * 2.0**-k, st.sampled_from((-1, 1)),
                            st.integers(2, 52)),
    st.integers(-400, 400).map(lambda k: 1 + k / 1000),
)


def exact(formula: Callable[..., Any], *numbers: Fraction) -> Fraction:
    """A formula of derivations at exact numbers, to far more bits than any dtype has."""
    symbols = sympy.symbols(f"a:{len(numbers)}", real=True)
    with precision(BITS):
        arguments = [arb(fmpq(n.numerator, n.denominator)) for n in numbers]
        return fraction_of(ball(formula(*symbols), dict(zip(symbols, arguments, strict=True))))


def check_scalars(
    bench: Bench, subject: Subject, formula: Callable[..., Any], numbers: Sequence[float],
    what: str,
    dtypes: Sequence[torch.dtype] = DTYPES,
) -> None:
    """The subject at these numbers, on every device and in both dtypes, in ULPs."""
    for device in bench.devices:
        for dtype in dtypes:
            arguments = [torch.tensor([n], dtype=dtype, device=device) for n in numbers]
            got = subject(*arguments)
            bench.require(got.dtype == dtype and got.shape == (1,), f"{what}: {got.dtype}")
            stored = [Fraction(a.item()) for a in arguments]
            bench.within_ulps(got, exact(formula, *stored), ULPS, what)


@compares(
    "kl.standard.closed-form",
    subject=kl_standard,
    wrong={
        "no half": lambda m, v: 2 * kl_standard(m, v),
        "sd for variance": lambda m, v: kl_standard(m, v.sqrt()),
        "the standard normal first": lambda m, v: kl_gaussian(
            torch.zeros_like(m), torch.ones_like(v), m, v),
        "the formula as printed, which cancels": lambda m, v: (m**2 + v - v.log() - 1) / 2,
    },
)
def standard_in_ulps(bench: Bench, subject: Subject) -> None:
    """(mean^2 + variance - log variance - 1)/2 for tiny, huge and nearly unit variances."""
    formula = kl_standard_result.kl_standard
    for numbers in ((0.0, 1.0), (0.0, 1 + 2.0**-20), (2.0**-40, 1.0), (1.0, 4.0), (0.0, 1e-30),
                    (1e15, 1e30), (2.0**-60, 2.0**-120), (2.0**60, 2.0**120)):
        check_scalars(bench, subject, formula, numbers, "KL from N(0, 1)")
    # Around the edges where core changes between a series and the logarithm.
    for k in (-104, -70, -63, -20, -7, 7, 20, 63, 70, 104):
        check_scalars(bench, subject, formula, (0.0, 1 + k / 211), "KL from N(0, 1)")
    for numbers in ((0.0, 2.0**-1020), (2.0**500, 2.0**1020), (2.0**-500, 1 - 2.0**-52)):
        check_scalars(bench, subject, formula, numbers, "KL from N(0, 1)", (torch.float64,))

    @bench.forall(mean=means, variance=st.one_of(variances, nearly_one))
    def anywhere(mean: float, variance: float) -> None:
        check_scalars(bench, subject, formula, (mean, variance), "KL from N(0, 1)")


@compares(
    "kl.gaussian.closed-form",
    subject=kl_gaussian,
    wrong={
        "no half": lambda m1, v1, m2, v2: 2 * kl_gaussian(m1, v1, m2, v2),
        "arguments exchanged": lambda m1, v1, m2, v2: kl_gaussian(m2, v2, m1, v1),
        "sds for variances": lambda m1, v1, m2, v2: kl_gaussian(m1, v1.sqrt(), m2, v2.sqrt()),
        "sum of the means": lambda m1, v1, m2, v2: kl_gaussian(m1, v1, -m2, v2),
        "the formula as printed, which cancels": lambda m1, v1, m2, v2: (
            v2.log() - v1.log() + (v1 + (m1 - m2) ** 2) / v2 - 1) / 2,
        "shift squared before the division": lambda m1, v1, m2, v2: (
            kl_gaussian(0 * m1, v1, 0 * m2, v2) + (m1 - m2) ** 2 / v2 / 2),
    },
)
def gaussian_in_ulps(bench: Bench, subject: Subject) -> None:
    """The formula of line 149 for tiny, huge and nearly equal variances."""
    formula = kl_gaussian_result.kl_gaussian
    for numbers in ((0.0, 1.0, 0.0, 1.0), (0.0, 1.0, 0.0, 4.0), (0.0, 4.0, 0.0, 1.0),
                    (1.0, 0.5, -2.0, 0.5), (3.0, 1.0, 3.0, 1 + 2.0**-20), (0.0, 1e-12, 0.0, 1e12),
                    (0.0, 2.0**-60, 1.0, 2.0**60), (2.0**20, 2.0**60, 1.0, 2.0**-60),
                    (1e20, 1e38, 0.0, 1e38), (0.0, 1e-37, 1e-21, 1e-37), EDGE):
        check_scalars(bench, subject, formula, numbers, "KL of two normals")
    for numbers in ((0.0, 2.0**-500, 1.0, 2.0**500), (2.0**9, 2.0**500, 0.0, 2.0**-500),
                    (1e155, 1e307, 0.0, 1e307), (0.0, 1e-307, 1e-156, 1e-307)):
        check_scalars(bench, subject, formula, numbers, "KL of two normals", (torch.float64,))

    @bench.forall(m1=means, v1=variances, m2=means, v2=st.one_of(st.none(), variances),
                  factor=nearly_one)
    def anywhere(m1: float, v1: float, m2: float, v2: float | None, factor: float) -> None:
        shift = math.sqrt(v1) * (factor - 1) if v2 is None else m2 - m1
        numbers = (m1, v1, m1 + shift, v1 * factor if v2 is None else v2)
        check_scalars(bench, subject, formula, numbers, "KL of two normals")


@compares(
    "kl.gaussian.nonnegative",
    subject=kl_gaussian,
    wrong={"the formula as printed, which cancels": lambda m1, v1, m2, v2: (
        v2.log() - v1.log() + (v1 + (m1 - m2) ** 2) / v2 - 1) / 2},
)
def never_negative(bench: Bench, subject: Subject) -> None:
    """Neighbouring distributions have a positive divergence, equal ones exactly 0."""

    @bench.forall(mean=means, variance=variances, factor=nearly_one)
    def close(mean: float, variance: float, factor: float) -> None:
        for device in bench.devices:
            for dtype in DTYPES:
                m, v, w = (torch.tensor(n, dtype=dtype, device=device)
                           for n in (mean, variance, variance * factor))
                got, equal = subject(m, v, m, w).item(), v.item() == w.item()
                bench.require(got == 0 if equal else got > 0,
                              f"KL at variances {v.item()!r}, {w.item()!r} is {got!r}")


def eliminate(
    matrix: list[list[Fraction]], right: list[list[Fraction]]
) -> tuple[Fraction, list[list[Fraction]]]:
    """Determinant and matrix^-1 right, by rational elimination."""
    n, det = len(matrix), Fraction(1)
    rows = [list(a) + list(b) for a, b in zip(matrix, right, strict=True)]
    for i in range(n):
        det *= rows[i][i]  # positive definite: no pivot vanishes
        rows[i] = [e / rows[i][i] for e in rows[i]]
        for j in range(n):
            if j != i:
                rows[j] = [e - rows[j][i] * p for e, p in zip(rows[j], rows[i], strict=True)]
    return det, [row[n:] for row in rows]


def rational(x: torch.Tensor) -> list[Any]:
    """A vector or matrix of floats as exact fractions."""
    return [rational(row) if row.ndim else Fraction(row.item()) for row in x.cpu()]


def exact_in_d_dimensions(
    mean_1: torch.Tensor, cov_1: torch.Tensor, mean_2: torch.Tensor, cov_2: torch.Tensor
) -> Fraction:
    """The divergence by elimination over the rationals and two logarithms in balls."""
    m_1, S_1, m_2, S_2 = map(rational, (mean_1, cov_1, mean_2, cov_2))
    shift = [a - b for a, b in zip(m_1, m_2, strict=True)]
    det_2, solved = eliminate(S_2, [[*row, s] for row, s in zip(S_1, shift, strict=True)])
    det_1, _ = eliminate(S_1, [[] for _ in S_1])
    trace = sum(row[i] for i, row in enumerate(solved))
    quadratic = sum(s * row[-1] for s, row in zip(shift, solved, strict=True))
    rest, ratio = trace + quadratic - len(shift), det_2 / det_1
    with precision(BITS):
        total = arb(fmpq(rest.numerator, rest.denominator))
        return fraction_of((total + arb(fmpq(ratio.numerator, ratio.denominator)).log()) / 2)


@st.composite
def factors(draw: Callable[..., Any], d: int) -> torch.Tensor:
    """A well-conditioned lower triangular factor whose square is exact in float32."""
    L = torch.zeros(d, d, dtype=torch.float64)
    for i in range(d):
        L[i, i] = draw(st.integers(4, 16)) / 8
        for j in range(i):
            L[i, j] = draw(st.integers(-8, 8)) / 8
    return L


pairs = st.integers(1, 4).flatmap(lambda d: st.tuples(
    factors(d), factors(d), st.lists(st.integers(-16, 16), min_size=d, max_size=d),
    st.integers(-20, 20),
))


def without_correlations(
    m1: torch.Tensor, S1: torch.Tensor, m2: torch.Tensor, S2: torch.Tensor
) -> torch.Tensor:
    """The wild mistake of keeping the variances only."""
    return kl_multivariate(
        m1, S1.diagonal(dim1=-2, dim2=-1).diag_embed(),
        m2, S2.diagonal(dim1=-2, dim2=-1).diag_embed())


@compares(
    "kl.gaussian.multivariate",
    subject=kl_multivariate,
    wrong={
        "arguments exchanged": lambda m1, S1, m2, S2: kl_multivariate(m2, S2, m1, S1),
        "no half": lambda m1, S1, m2, S2: 2 * kl_multivariate(m1, S1, m2, S2),
        "correlations left out": without_correlations,
        "means not whitened": lambda m1, S1, m2, S2: kl_multivariate(m1, S1, m1, S2)
        + ((m1 - m2) ** 2).sum(-1) / 2,
        "dimension left out": lambda m1, S1, m2, S2: kl_multivariate(m1, S1, m2, S2)
        + m1.shape[-1] / 2,
    },
)
def multivariate_exactly(bench: Bench, subject: Subject) -> None:
    """1 to 4 dimensions with correlations, any unit of length, against rational elimination."""

    @bench.forall(pair=pairs)
    def anywhere(pair: tuple[torch.Tensor, torch.Tensor, Sequence[int], int]) -> None:
        L_1, L_2, shift, exponent = pair
        unit = 2.0**exponent
        for device in bench.devices:
            for dtype in DTYPES:
                S_1, S_2 = ((unit * L @ (unit * L).T).to(device, dtype) for L in (L_1, L_2))
                m_1 = (unit * torch.tensor(shift, dtype=torch.float64) / 8).to(device, dtype)
                m_2 = torch.full_like(m_1, unit / 4)
                want = exact_in_d_dimensions(m_1, S_1, m_2, S_2)
                # In one batch: the pair, and the first law against itself.
                got = subject(*(torch.stack(x) for x in (
                    (m_1, m_1), (S_1, S_1), (m_2, m_1), (S_2, S_1))))
                bench.require(got.shape == (2,) and got.dtype == dtype, f"shape {got.shape}")
                scale = 1 + float(want)
                bench.within(got[0].item() / scale, float(want) / scale,
                             400 * torch.finfo(dtype).eps, f"KL in d dimensions, {dtype}")
                bench.require(got[1].item() == 0, f"KL of equal laws is {got[1].item()!r}")


@compares(
    "kl.gaussian.multivariate",
    subject=exact_multivariate.kl_multivariate,
    wrong={
        "arguments exchanged": lambda m1, S1, m2, S2: exact_multivariate.kl_multivariate(
            m2, S2, m1, S1),
        "covariance not inverted": lambda m1, S1, m2, S2: exact_multivariate.kl_multivariate(
            m1, S1, m2, S2) + (S2 * S1).trace() / 2 - (S2.inv() * S1).trace() / 2,
    },
    kind="independent solver",
)
def formula_against_torch(bench: Bench, subject: Subject) -> None:
    """The matrix formula against torch.distributions, two and three dimensions."""
    for numbers in (((2, 1, 3), (1, -1, 2)), ((1, 0, 1), (4, 2, 3)), ((5, 2, 1), (1, 0, 7))):
        for d in (2, 3):
            covs = [sympy.Matrix(d, d, lambda i, j, n=n: n[0] + n[2] * (i == j) + n[1] * i * j)
                    for n in numbers]
            covs = [c * c.T + sympy.eye(d) for c in covs]
            m = [sympy.Matrix([sympy.Rational(k - i, 3) for i in range(d)]) for k in (1, 4)]
            want = torch.distributions.kl_divergence(*(
                torch.distributions.MultivariateNormal(
                    torch.tensor([float(e) for e in mean], dtype=torch.float64),
                    torch.tensor(cov.tolist(), dtype=torch.float64))
                for mean, cov in zip(m, covs, strict=True)))
            with precision(256):
                got = float(ball(subject(m[0], covs[0], m[1], covs[1])))
            bench.within(got, want.item(), 1e-7 * abs(got), "torch.distributions")


@compares(
    "kl.discrete",
    subject=divergence,
    wrong={
        "arguments exchanged": lambda P, Q: divergence(Q, P),
        "in bits": lambda P, Q: divergence(P, Q) / sympy.log(2),
        "sign": lambda P, Q: -divergence(P, Q),
    },
    kind="independent solver",
)
def discrete_against_scipy(bench: Bench, subject: Subject) -> None:
    """Random distributions of 1 to 6 outcomes against scipy.special.rel_entr."""

    @bench.forall(weights=st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)),
                                   min_size=1, max_size=6))
    def finite(weights: Sequence[Sequence[int]]) -> None:
        P, Q = ([sympy.Rational(w[k], sum(v[k] for v in weights)) for w in weights]
                for k in (0, 1))
        want = sum(rel_entr(float(p), float(q)) for p, q in zip(P, Q, strict=True))
        with precision(128):
            bench.within(float(ball(sympy.sympify(subject(P, Q)))), want, 1e-13, "scipy rel_entr")

    # What the line leaves open, as scipy settles it: 0 log 0 = 0, and infinity without P << Q.
    bench.require(rel_entr(0.0, 0.5) == 0 and math.isinf(rel_entr(0.5, 0.0)), "conventions")
