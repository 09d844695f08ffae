"""Coordinate descent against linear solves, the lasso's optimality conditions, and grids."""

import math

import numpy as np
import pytest
import torch

from core.coordinate_descent import (
    Descent,
    coordinate_descent,
    lasso,
    quadratic,
    soft_threshold,
)


def random_matrix(m, n, seed):
    return torch.randn(m, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 2, 6])
def test_quadratic_solves_the_linear_system(n):
    root, c = random_matrix(n, n, n), random_matrix(n, 1, 9)[:, 0]
    Q = root @ root.T + torch.eye(n, dtype=torch.float64)
    Q = (Q + Q.T) / 2
    start = torch.ones(n, dtype=torch.float64)
    result = coordinate_descent(quadratic(Q, c), start, sweeps=2000, tolerance=1e-13)
    assert result.converged and result.largest_move <= 1e-13 and result.sweeps < 2000
    assert result.x.numpy() == pytest.approx(np.linalg.solve(Q.numpy(), c.numpy()), rel=1e-9)
    assert start.equal(torch.ones(n, dtype=torch.float64))


def test_one_sweep_by_hand_uses_the_newest_values():
    """x_0 = (1 - 1*5)/2 = -2, then x_1 = (2 - 1*(-2))/4 = 1; Jacobi would give 0.5 - 0.25*3."""
    Q = torch.tensor([[2.0, 1.0], [1.0, 4.0]], dtype=torch.float64)
    c = torch.tensor([1.0, 2.0], dtype=torch.float64)
    start = torch.tensor([3.0, 5.0], dtype=torch.float64)
    result = coordinate_descent(quadratic(Q, c), start, sweeps=1, tolerance=0.5)
    assert result.x.tolist() == [-2.0, 1.0]
    assert (result.sweeps, result.converged, result.largest_move) == (1, False, 5.0)
    again = coordinate_descent(quadratic(Q, c), start, sweeps=9, tolerance=5.0)
    assert (again.sweeps, again.converged) == (1, True)


def test_tolerance_zero_stops_at_a_fixed_point():
    minimise = quadratic(torch.eye(2).double(), torch.tensor([3.0, -4.0]).double())
    result = coordinate_descent(minimise, torch.zeros(2).double(), sweeps=10, tolerance=0)
    assert result.x.tolist() == [3, -4]
    assert (result.sweeps, result.converged, result.largest_move) == (2, True, 0)


def test_singular_quadratic_reaches_a_minimum():
    Q = torch.ones(3, 3, dtype=torch.float64)
    c = torch.full((3,), 2.0, dtype=torch.float64)
    result = coordinate_descent(quadratic(Q, c), torch.zeros(3).double(), 50, 1e-15)
    assert result.converged and (Q @ result.x).tolist() == [2, 2, 2]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_semidefinite_up_to_rounding_at_any_scale(scale):
    c = torch.zeros(2, dtype=torch.float64)
    for corner, accepted in ((1 - 1e-13, True), (1 - 1e-10, False)):
        Q = scale * torch.tensor([[1.0, 1.0], [1.0, corner]], dtype=torch.float64)
        if accepted:
            quadratic(Q, c)
        else:
            with pytest.raises(ValueError, match="Q must be positive semidefinite"):
                quadratic(Q, c)


def test_convex_without_smoothness_can_stick():
    """|x - y| + (x + y)^2 / 10 + (x + y) / 5 from (2, 2): no coordinate moves, yet (-0.5, -0.5)
    is better: the claim that needs a smooth or separable f.
    """

    def f(x, y):
        return abs(x - y) + (x + y) ** 2 / 10 + (x + y) / 5

    def minimise(x, i):
        other = x[1 - i].item()
        grid = np.concatenate([np.linspace(-5, 5, 2001), [other]])
        return float(grid[np.argmin([f(value, other) for value in grid])])

    stuck = coordinate_descent(minimise, torch.tensor([2.0, 2.0]).double(), 5, 1e-12)
    assert stuck.converged and stuck.x.tolist() == [2, 2]
    assert f(-0.5, -0.5) < f(2, 2)


@pytest.mark.parametrize("a", [-3.0, -1.0, -0.4, 0.0, 0.4, 1.0, 2.5])
@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_soft_threshold(a, lam):
    result = soft_threshold(a, lam).item()
    grid = np.linspace(-4, 4, 8001)
    best = grid[np.argmin((grid - a) ** 2 / 2 + lam * np.abs(grid))]
    assert result == pytest.approx(best, abs=1e-3 / 2)
    tensor = soft_threshold(torch.tensor([a, -a]), lam)
    assert tensor.dtype == torch.float32 and tensor.tolist() == pytest.approx([result, -result])


def check_optimality(A, b, lam, x):
    """A'(b - A x) is lam sign(x_i) where x_i != 0 and within [-lam, lam] elsewhere."""
    gradient = A.T @ (b - A @ x)
    for i, value in enumerate(x.tolist()):
        if value:
            assert gradient[i].item() == pytest.approx(math.copysign(lam, value), abs=1e-9)
        else:
            assert abs(gradient[i].item()) <= lam + 1e-9


@pytest.mark.parametrize("m, n", [(8, 5), (4, 7)])
@pytest.mark.parametrize("lam", [0.3, 2.0])
def test_lasso_satisfies_its_optimality_conditions(m, n, lam):
    A, b = random_matrix(m, n, 1), random_matrix(m, 1, 2)[:, 0]
    result = lasso(A, b, lam, sweeps=20000)
    assert result.converged
    check_optimality(A, b, lam, result.x)


def test_lasso_without_penalty_is_least_squares():
    A, b = random_matrix(8, 3, 3), random_matrix(8, 1, 4)[:, 0]
    expected = np.linalg.lstsq(A.numpy(), b.numpy(), rcond=None)[0]
    assert lasso(A, b, 0.0).x.numpy() == pytest.approx(expected, rel=1e-9)
    assert lasso(A, b, 0).sweeps < 1000


def test_lasso_of_one_column_by_hand():
    """A = (3, 4)', b = (1, 2)': A'b = 11, |A|^2 = 25."""
    A, b = torch.tensor([[3.0], [4.0]]).double(), torch.tensor([1.0, 2.0]).double()
    assert lasso(A, b, 1.0).x.item() == pytest.approx(10 / 25, rel=1e-15)
    assert lasso(A, -b, 1.0).x.item() == pytest.approx(-10 / 25, rel=1e-15)
    assert lasso(A, b, 11.5).x.item() == 0


@pytest.mark.parametrize("lam", [0.0, 0.5])
def test_zero_column_gives_zero(lam):
    A = random_matrix(5, 3, 5)
    A[:, 1] = 0
    result = lasso(A, random_matrix(5, 1, 6)[:, 0], lam)
    assert result.converged and result.x[1].item() == 0
    check_optimality(A, random_matrix(5, 1, 6)[:, 0], lam, result.x)


def test_limits_of_lasso():
    A, b = random_matrix(5, 4, 7), random_matrix(5, 1, 8)[:, 0]
    one = lasso(A, b, 0.1, sweeps=1)
    assert one.sweeps == 1 and not one.converged
    assert lasso(A, b, 0.1, tolerance=1e6).sweeps == 1


ONE = torch.ones(1).double()
SQUARE = torch.eye(2).double()
PAIR = torch.ones(2).double()


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: coordinate_descent(lambda x, i: 0.0, SQUARE, 1, 0), ("x", "(n,)", "(2, 2)")),
        (lambda: coordinate_descent(lambda x, i: 0.0, ONE[:0], 1, 0), ("x", "n >= 1", "(0,)")),
        (lambda: coordinate_descent(lambda x, i: 0.0, ONE.long(), 1, 0), ("x", "int64")),
        (lambda: coordinate_descent(lambda x, i: 0.0, ONE, 0, 0), ("sweeps", "1 or more", "0")),
        (lambda: coordinate_descent(lambda x, i: 0.0, ONE, 1, -1.0), ("tolerance", "0 or", "-1.0")),
        (
            lambda: coordinate_descent(lambda x, i: math.nan, ONE, 1, 0),
            ("minimise_coordinate(x, 0)", "finite", "nan"),
        ),
        (lambda: quadratic(SQUARE.float(), PAIR), ("Q", "float64", "float32")),
        (lambda: quadratic(SQUARE, ONE), ("c", "(2,)", "(1,)")),
        (lambda: quadratic(SQUARE, PAIR.float()), ("c", "float64", "float32")),
        (lambda: quadratic(SQUARE + SQUARE[0], PAIR), ("Q", "symmetric")),
        (lambda: quadratic(SQUARE[:1], ONE), ("Q", "symmetric", "(n, n)")),
        (lambda: quadratic(SQUARE - 1, PAIR), ("Q", "positive diagonal", "[0.0, 0.0]")),
        (lambda: quadratic(2 - SQUARE, PAIR), ("Q", "positive semidefinite", "-1.0")),
        (lambda: quadratic(PAIR, PAIR), ("Q", "matrix", "(2,)")),
        (lambda: soft_threshold(1.0, -0.5), ("lam", "0 or more", "-0.5")),
        (lambda: soft_threshold(math.nan, 1.0), ("a", "finite", "nan")),
        (lambda: lasso(SQUARE, PAIR, -1.0), ("lam", "[0, inf)", "-1.0")),
        (lambda: lasso(SQUARE, PAIR, math.inf), ("lam", "[0, inf)", "inf")),
        (lambda: lasso(SQUARE, ONE, 1.0), ("b", "(2,)", "(1,)")),
        (lambda: lasso(SQUARE.float(), PAIR, 1.0), ("A", "float64", "float32")),
        (lambda: lasso(SQUARE[:, :0], PAIR, 1.0), ("A", "no empty side", "(2, 0)")),
        (lambda: lasso(SQUARE / 0, PAIR, 1.0), ("A", "finite")),
        (lambda: Descent(ONE / 0, 1, True, 0.0), ("x", "finite", "inf")),
        (lambda: Descent(ONE, 0, True, 0.0), ("sweeps", "0")),
        (lambda: Descent(ONE, 1, True, -1.0), ("largest_move", "-1.0")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
