"""Cyclic coordinate descent: minimise exactly over one coordinate after another.

Each coordinate sees the newest values of the others (Gauss-Seidel).  A point that no single
coordinate can improve is a minimum of f where f = g + sum_i h_i(x_i) with g convex and smooth and
every h_i convex.  For a convex f that is neither smooth nor separable it need not be.
Source: Wright, Coordinate descent algorithms, 2015; Tseng 2001 for the separable case.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.checks import (
    require_count,
    require_finite,
    require_non_negative,
    require_number,
    require_real,
)


@dataclass(frozen=True, eq=False)
class Descent:
    """x (n,); the sweeps made; whether the last moved no coordinate by more than the tolerance;
    and the largest move of that last sweep.
    """

    x: Tensor
    sweeps: int
    converged: bool
    largest_move: float

    def __post_init__(self) -> None:
        require_finite("x", self.x)
        require_count("sweeps", self.sweeps)
        require_number("largest_move", self.largest_move, 0, math.inf, ends="[)")


def coordinate_descent(
    minimise_coordinate: Callable[[Tensor, int], Tensor | float],
    x: Tensor,
    sweeps: int,
    tolerance: float,
) -> Descent:
    """At most `sweeps` passes over x_0..x_{n-1}, from x, until no coordinate moves noticeably.

    minimise_coordinate(x, i) returns the minimiser over coordinate i with the others held at x.
    x: (n,) with n >= 1, floating-point; it is not changed.  A sweep whose largest |move| is at
    most tolerance is the last.  Errors: ValueError for another shape, NaN or infinity in x or
    from minimise_coordinate, sweeps < 1, tolerance < 0.
    """
    require_finite("x", x)
    if x.ndim != 1 or x.shape[0] == 0:
        raise ValueError(f"x must have shape (n,) with n >= 1; got {tuple(x.shape)}")
    require_count("sweeps", sweeps)
    require_non_negative("tolerance", tolerance)
    x = x.clone()
    for sweep in range(1, sweeps + 1):
        largest_move = 0.0
        for i in range(x.shape[0]):
            new = require_real(f"minimise_coordinate(x, {i})", minimise_coordinate(x, i))
            largest_move = max(largest_move, abs(float(new - x[i])))
            x[i] = new
        result = Descent(x, sweep, largest_move <= tolerance, largest_move)
        if result.converged:
            break
    return result


def quadratic(Q: Tensor, c: Tensor) -> Callable[[Tensor, int], Tensor]:
    """minimise_coordinate for f(x) = x' Q x / 2 - c' x.

    x_i = (c_i - sum_{j != i} Q_ij x_j) / Q_ii.  Q: float64 (n, n), symmetric, positive
    semidefinite with a positive diagonal, so that f is convex and each coordinate has one
    minimiser; c: float64 (n,).  Errors: ValueError otherwise.
    """
    _require_matrix("Q", Q)
    _require_vector("c", c, Q.shape[0])
    if Q.shape[0] != Q.shape[1] or not torch.equal(Q, Q.mT):
        raise ValueError(f"Q must be symmetric, shape (n, n); got {Q.tolist()}")
    if not bool((Q.diagonal() > 0).all()):
        raise ValueError(f"Q must have a positive diagonal; got {Q.diagonal().tolist()}")
    eigenvalues = torch.linalg.eigvalsh(Q)
    # A singular Q is allowed, and its zero eigenvalues come out at about -1e-16 of the largest.
    if bool(eigenvalues[0] < -1e-12 * eigenvalues[-1]):
        raise ValueError(f"Q must be positive semidefinite; got eigenvalue {eigenvalues[0].item()}")

    def minimise_coordinate(x: Tensor, i: int) -> Tensor:
        others = Q[i] @ x - Q[i, i] * x[i]
        return (c[i] - others) / Q[i, i]

    return minimise_coordinate


def soft_threshold(a: Tensor | float, lam: Tensor | float) -> Tensor:
    """The minimiser of (x - a)^2 / 2 + lam |x|: sign(a) max(|a| - lam, 0), elementwise; lam >= 0.

    Errors: ValueError for lam < 0, NaN or infinity.
    """
    a = require_real("a", a)
    lam = require_non_negative("lam", lam)
    return a.sign() * (a.abs() - lam).clamp(min=0)


def lasso(
    A: Tensor, b: Tensor, lam: float, sweeps: int = 1000, tolerance: float = 1e-12
) -> Descent:
    """Minimise |A x - b|_2^2 / 2 + lam |x|_1 by coordinate descent from x = 0.

    x_i = soft_threshold(A_i' r_i, lam) / |A_i|^2, with r_i the residual b - A x without
    coordinate i.  A: float64 (m, n); b: float64 (m,); lam >= 0.  A zero column leaves
    lam |x_i|, whose minimiser is 0: the only one if lam > 0, and the one taken if lam = 0.
    Errors: ValueError for other shapes or dtypes, NaN or infinity, lam < 0.
    """
    _require_matrix("A", A)
    _require_vector("b", b, A.shape[0])
    require_number("lam", lam, 0, math.inf, ends="[)")
    square = (A**2).sum(0)

    def minimise_coordinate(x: Tensor, i: int) -> Tensor | float:
        if square[i] == 0:
            return 0.0
        residual = b - A @ x + A[:, i] * x[i]
        return soft_threshold(A[:, i] @ residual, lam) / square[i]

    return coordinate_descent(minimise_coordinate, A.new_zeros(A.shape[1]), sweeps, tolerance)


def _require_matrix(name: str, A: Tensor) -> None:
    require_finite(name, A)
    if A.ndim != 2 or 0 in A.shape:
        raise ValueError(f"{name} must be a matrix with no empty side; got {tuple(A.shape)}")
    if A.dtype != torch.float64:
        raise ValueError(f"{name} must be float64, as {name}.double() is; got {A.dtype}")


def _require_vector(name: str, b: Tensor, size: int) -> None:
    require_finite(name, b)
    if tuple(b.shape) != (size,):
        raise ValueError(f"{name} must have shape ({size},); got {tuple(b.shape)}")
    if b.dtype != torch.float64:
        raise ValueError(f"{name} must be float64, as {name}.double() is; got {b.dtype}")
