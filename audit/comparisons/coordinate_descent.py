"""core.coordinate_descent against exact minimisers, optimality conditions and scikit-learn."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal, cast

import numpy as np
import sympy
import torch
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import Lasso

from audit.adapters.core import Descent, coordinate_descent, lasso, quadratic, soft_threshold
from audit.comparison import Bench, Subject, compares
from derivations.convex.coordinate_descent import coordinate_minimiser
from derivations.convex.descent_lasso import soft_threshold as exact_soft_threshold
from derivations.convex.descent_quadratic import contraction

Integers = NDArray[np.int_]
Design = tuple[NDArray[np.float64], NDArray[np.float64], float]  # A, b and lambda
ENTRY = st.integers(-2, 2)


def matrices(rows: int, columns: int) -> st.SearchStrategy[Any]:
    """Integer matrices of small entries."""
    row = st.lists(ENTRY, min_size=columns, max_size=columns)
    return st.lists(row, min_size=rows, max_size=rows)


def definite(root: Sequence[Sequence[int]], shift: int = 2) -> Integers:
    """root' root + shift * 1: symmetric, integer, positive definite."""
    b = np.array(root, dtype=int)
    return cast(Integers, b.T @ b + shift * np.eye(b.shape[1], dtype=int))


def double(values: ArrayLike) -> torch.Tensor:
    """A float64 tensor; the integers used here are exact in it."""
    return torch.tensor(np.asarray(values, dtype=float))


PROBLEM = st.integers(1, 4).flatmap(lambda n: st.tuples(
    matrices(n, n), st.lists(st.integers(-9, 9), min_size=n, max_size=n),
    st.lists(st.integers(-9, 9), min_size=n, max_size=n),
))


def exact_sweep(
    matrix: Integers, linear: Sequence[int], start: Sequence[int]
) -> list[Fraction]:
    """One Gauss-Seidel sweep in fractions."""
    x = [Fraction(int(v)) for v in start]
    for i in range(len(x)):
        others = sum(Fraction(int(matrix[i, j])) * x[j] for j in range(len(x)) if j != i)
        x[i] = coordinate_minimiser(Fraction(int(matrix[i, i])), Fraction(int(linear[i])), others)
    return x


def exact_minimiser(matrix: Integers, linear: Sequence[int]) -> list[Fraction]:
    """The solution of Q x = c in fractions, by elimination."""
    solved = sympy.Matrix(matrix.tolist()).LUsolve(sympy.Matrix([int(v) for v in linear]))
    return [Fraction(int(v.p), int(v.q)) for v in solved]


def quadratic_with(formula: Callable[..., Any]) -> Callable[..., Any]:
    """quadratic, its coordinate step replaced by ``formula(Q, c, x, i)``."""
    return lambda Q, c: lambda x, i: formula(Q, c, x, i)


@compares("descent.quadratic.step", subject=quadratic, wrong={
    "own term kept": quadratic_with(lambda Q, c, x, i: (c[i] - Q[i] @ x) / Q[i, i]),
    "not divided": quadratic_with(lambda Q, c, x, i: c[i] - Q[i] @ x + Q[i, i] * x[i]),
    "sign of c": quadratic_with(lambda Q, c, x, i: (-c[i] - Q[i] @ x + Q[i, i] * x[i]) / Q[i, i]),
})
def coordinate_step(bench: Bench, subject: Subject) -> None:
    """Each coordinate step of an integer quadratic within one ulp of its exact value."""

    @bench.forall(problem=PROBLEM)
    def _(problem: tuple[Sequence[Sequence[int]], Sequence[int], Sequence[int]]) -> None:
        root, linear, start = problem
        matrix = definite(root)
        minimise = subject(double(matrix), double(linear))
        for i in range(len(start)):
            others = sum(Fraction(int(matrix[i, j]) * start[j])
                         for j in range(len(start)) if j != i)
            want = coordinate_minimiser(Fraction(int(matrix[i, i])), Fraction(linear[i]), others)
            got = torch.as_tensor(minimise(double(start), i)).reshape(1)
            bench.within_ulps(got, want, 1, f"coordinate step of {len(start)}")


def jacobi(
    minimise_coordinate: Callable[..., Any], x: torch.Tensor, sweeps: int, tolerance: float
) -> Descent:
    """All coordinates from old values."""
    for _ in range(sweeps):
        x = torch.stack([torch.as_tensor(minimise_coordinate(x, i)) for i in range(len(x))])
    return coordinate_descent(lambda y, i: y[i], x, 1, tolerance)


def backwards(
    minimise_coordinate: Callable[..., Any], x: torch.Tensor, sweeps: int, tolerance: float
) -> Descent:
    """The last coordinate first."""
    x = x.clone()
    for _ in range(sweeps):
        for i in reversed(range(len(x))):
            x[i] = minimise_coordinate(x, i)
    return coordinate_descent(lambda y, i: y[i], x, 1, tolerance)


def one_coordinate_short(
    minimise_coordinate: Callable[..., Any], x: torch.Tensor, sweeps: int, tolerance: float
) -> Descent:
    """The last coordinate left out."""
    return coordinate_descent(
        lambda y, i: y[i] if i == len(y) - 1 else minimise_coordinate(y, i), x, sweeps, tolerance)


DESCENT_VARIANTS = {"Jacobi": jacobi, "backwards": backwards,
                    "one coordinate short": one_coordinate_short}


@compares("descent.update.index", subject=coordinate_descent, wrong=DESCENT_VARIANTS)
def one_sweep(bench: Bench, subject: Subject) -> None:
    """One sweep against the exact Gauss-Seidel sweep; the start is not changed."""

    @bench.forall(problem=PROBLEM)
    def _(problem: tuple[Sequence[Sequence[int]], Sequence[int], Sequence[int]]) -> None:
        root, linear, start = problem
        matrix = definite(root)
        x = double(start)
        found = subject(quadratic(double(matrix), double(linear)), x, 1, 0.0)
        for got, want in zip(found.x.tolist(), exact_sweep(matrix, linear, start), strict=True):
            bench.within(got, float(want), 1e-13 * (1 + abs(float(want))), "one sweep")
        bench.require(x.tolist() == double(start).tolist(), "the start was changed")
        bench.require(found.sweeps == 1, f"{found.sweeps} sweeps where 1 was asked for")


@compares("descent.quadratic.rate-two", subject=coordinate_descent, wrong={
    **DESCENT_VARIANTS,
    "one sweep short": lambda f, x, sweeps, tolerance: coordinate_descent(
        f, x, sweeps - 1, tolerance),
})
def rate_in_two_variables(bench: Bench, subject: Subject) -> None:
    """After 2 to 5 sweeps the error in x_2 is the exact power of the contraction factor."""

    @bench.forall(root=matrices(2, 2), c=st.tuples(ENTRY, ENTRY), start=st.integers(10, 99),
                  sweeps=st.integers(2, 5))
    def _(root: Sequence[Sequence[int]], c: Sequence[int], start: int, sweeps: int) -> None:
        matrix = definite(root)
        best = exact_minimiser(matrix, c)
        found = subject(quadratic(double(matrix), double(c)), double([0, start]), sweeps, 0.0)
        (a, b), (_, d) = ([Fraction(int(v)) for v in row] for row in matrix)
        before = (Fraction(start) - best[1]) * contraction(b, a, d) ** (sweeps - 1)
        bench.within(float(found.x[0]), float(best[0] - b / a * before), 1e-12 * start, "x_1")
        bench.within(float(found.x[1]), float(best[1] + contraction(b, a, d) * before),
                     1e-12 * start, "x_2")


def _reaches_minimum(bench: Bench, descend: Callable[..., Any], make: Callable[..., Any]) -> None:
    @bench.forall(problem=PROBLEM)
    def _(problem: tuple[Sequence[Sequence[int]], Sequence[int], Sequence[int]]) -> None:
        root, linear, start = problem
        matrix = definite(root, shift=8)
        found = descend(make(double(matrix), double(linear)), double(start), 400, 1e-13)
        best = exact_minimiser(matrix, linear)
        for got, want in zip(found.x.tolist(), best, strict=True):
            bench.within(got, float(want), 1e-11, "distance from the minimiser")
        bench.require(found.converged, f"not converged after {found.sweeps} sweeps")


@compares("descent.quadratic.convergence", subject=coordinate_descent, wrong={
    "one coordinate short": one_coordinate_short,
    "three sweeps": lambda f, x, sweeps, tolerance: coordinate_descent(f, x, 3, tolerance),
})
def reaches_minimum(bench: Bench, subject: Subject) -> None:
    """From any start, the exact minimiser of an integer positive definite quadratic."""
    _reaches_minimum(bench, subject, quadratic)


@compares("descent.quadratic.convergence", "convex.smooth", subject=quadratic, wrong={
    "sign of c": quadratic_with(lambda Q, c, x, i: (-c[i] - Q[i] @ x + Q[i, i] * x[i]) / Q[i, i]),
    "upper triangle only": quadratic_with(
        lambda Q, c, x, i: (c[i] - Q[i, i + 1:] @ x[i + 1:]) / Q[i, i]),
})
def coordinate_minimum_is_minimum(bench: Bench, subject: Subject) -> None:
    """Where no coordinate step moves any more, x is the exact global minimiser."""
    _reaches_minimum(bench, coordinate_descent, subject)


@compares("descent.stuck", subject=coordinate_descent, wrong={
    "steps towards 0": lambda f, x, sweeps, tolerance: coordinate_descent(
        lambda y, i: f(y, i) / 2, x, sweeps, tolerance),
    "starts at 0": lambda f, x, sweeps, tolerance: coordinate_descent(
        f, torch.zeros_like(x), sweeps, tolerance),
})
def stays(bench: Bench, subject: Subject) -> None:
    """On 2|x-y| + |x|, whose coordinate minimisers are y and x: (a, b) leads to (b, b) for good."""

    @bench.forall(a=st.integers(-99, 99), b=st.integers(1, 99))
    def _(a: int, b: int) -> None:
        found = subject(lambda x, i: x[1 - i], double([a, b]), 10, 0.0)
        bench.require(found.x.tolist() == [float(b), float(b)], f"{found.x.tolist()} from {a, b}")
        bench.require(found.converged, "reported as not converged")


def _floats(width: Literal[32, 64]) -> st.SearchStrategy[float]:
    return st.floats(allow_nan=False, allow_infinity=False, width=width)


@compares("descent.lasso.soft-threshold", subject=soft_threshold, wrong={
    "hard threshold": lambda a, lam: torch.where(a.abs() > lam, a, torch.zeros_like(a)),
    "twice the threshold": lambda a, lam: a.sign() * (a.abs() - 2 * lam).clamp(min=0),
    "sign dropped": lambda a, lam: (a.abs() - lam).clamp(min=0),
    "not clamped": lambda a, lam: a.sign() * (a.abs() - lam),
})
def threshold(bench: Bench, subject: Subject) -> None:
    """Within one ulp of the exact value, over the whole range of both formats, a = lam included."""
    for device in bench.devices:
        widths: dict[torch.dtype, Literal[32, 64]] = {torch.float32: 32, torch.float64: 64}
        for dtype, width in widths.items():
            pairs = st.one_of(
                st.tuples(_floats(width), _floats(width).map(abs)),
                st.tuples(st.floats(-4, 4, width=width), st.floats(0, 2, width=width)),
                _floats(width).map(lambda a: (a, abs(a))),
            )

            @bench.forall(pair=pairs)
            def _(pair: Sequence[float], dtype: torch.dtype = dtype, device: str = device) -> None:
                a, lam = (torch.tensor([v], dtype=dtype, device=device) for v in pair)
                want = Fraction(exact_soft_threshold(*map(Fraction, pair)))
                bench.within_ulps(subject(a, lam), want, 1, f"soft threshold on {device}")


@st.composite
def designs(draw: Callable[..., Any]) -> Design:
    """A design of up to 3 columns, some zero or repeated, a response, and a penalty."""
    columns, rows = draw(st.integers(1, 3)), draw(st.integers(1, 8))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a = random.standard_normal((rows, columns))
    if draw(st.booleans()):
        a = np.rint(2 * a)
    special = draw(st.sampled_from(("plain", "zero", "repeated", "opposite")))
    if special == "zero":
        a[:, 0] = 0
    if columns > 1 and special in ("repeated", "opposite"):
        a[:, 0] = a[:, 1] if special == "repeated" else -a[:, 1]
    b = 3 * random.standard_normal(rows)
    lam = draw(st.sampled_from((0.125, 0.5, 1.0, 3.0, 10.0, 400.0)))
    return a, b, lam


LASSO_VARIANTS = {
    "half the penalty": lambda A, b, lam, **k: lasso(A, b, lam / 2, **k),
    "penalty times rows": lambda A, b, lam, **k: lasso(A, b, lam * A.shape[0], **k),
    "no penalty": lambda A, b, lam, **k: lasso(A, b, 0.0, **k),
    "sign of b": lambda A, b, lam, **k: lasso(A, -b, lam, **k),
}
SWEEPS = {"sweeps": 100, "tolerance": 1e-12}


@compares("descent.lasso.update", "convex.composite.theorem",
          subject=lasso, wrong=LASSO_VARIANTS)
def optimality_conditions(bench: Bench, subject: Subject) -> None:
    """Subgradient conditions, to what the moves of the last sweep allow (see
    descent.quadratic.residual); random designs with zero and repeated columns.
    """

    @bench.forall(design=designs())
    def _(design: Design) -> None:
        a, b, lam = design
        found = subject(torch.tensor(a), torch.tensor(b), lam, **SWEEPS)
        x = found.x.numpy()
        correlation, gram = a.T @ (b - a @ x), np.abs(a.T @ a).sum(axis=1)
        bench.require(found.largest_move < 1, f"still moving by {found.largest_move}")
        for value, inner, column, row in zip(x, correlation, a.T, gram, strict=True):
            bench.require(column.any() or value == 0, "a zero column has a coefficient")
            low = max(abs(inner) - lam, 0.0)
            residual = low if value == 0 else abs(inner - lam * np.sign(value))
            beyond = max(residual - row * found.largest_move, 0.0)
            bench.within(beyond, 0.0, 1e-11, "residual beyond what the last moves explain")


@compares("descent.lasso.optimality", subject=lasso, wrong=LASSO_VARIANTS,
          kind="independent solver")
def against_scikit_learn(bench: Bench, subject: Subject) -> None:
    """Value and fit of scikit-learn's Lasso (both unique), and x itself for full column rank."""

    @bench.forall(design=designs())
    def _(design: Design) -> None:
        a, b, lam = design
        rows = len(b)
        other = Lasso(alpha=lam / rows, fit_intercept=False, tol=1e-12, max_iter=20000)
        theirs = other.fit(a, b).coef_
        found = subject(torch.tensor(a), torch.tensor(b), lam, **SWEEPS)
        if not found.converged:
            return  # about one design in forty is too ill-conditioned for 100 sweeps
        ours = found.x.numpy()
        value = [((a @ x - b) ** 2).sum() / 2 + lam * np.abs(x).sum() for x in (ours, theirs)]
        bench.within(value[0], value[1], 1e-8 * (1 + value[1]), "value")
        # |A (x - x*)|^2 / 2 <= f(x) - f(x*), for each of the two against the minimum.
        fit = 4 * (1e-8 * (1 + value[1])) ** 0.5
        bench.within(float(np.linalg.norm(a @ (ours - theirs))), 0.0, fit, "fit")
        smallest = np.linalg.svd(a, compute_uv=False)[-1] if len(b) >= a.shape[1] else 0.0
        if smallest > 1e-6:
            bench.within(float(np.linalg.norm(ours - theirs)), 0.0, fit / smallest, "coefficients")
