"""Every chain of every length, against definitions in exact fractions, and against numpy's floats
where the released code is the definition.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from core.denoiser import respaced_schedule
from core.schedule import linear_schedule
from core.timesteps import (
    improved_chain,
    quadratic_chain,
    released_quadratic_chain,
    released_uniform_chain,
    require_chain,
    uniform_chain,
)

LENGTHS = [1, 2, 3, 7, 10, 64, 100, 997, 1000]


def check_chain(chain, T):
    """A tuple of plain ints that falls strictly, from at most T, to 0; returned as an array."""
    assert type(chain) is tuple and {type(t) for t in chain} == {int}
    falling = np.array(chain)
    assert np.all(np.diff(falling) < 0) and 1 <= chain[0] <= T and chain[-1] == 0
    return falling


@pytest.mark.parametrize("T", LENGTHS)
def test_uniform(T):
    """floor(i T / S) is the t with t S <= i T < (t + 1) S."""
    for S in range(1, T + 1):
        chain = check_chain(uniform_chain(T, S), T)
        i = np.arange(S, -1, -1)
        assert len(chain) == S + 1 and chain[0] == T
        assert np.all(chain * S <= i * T) and np.all(i * T < (chain + 1) * S)
        assert {*np.diff(-chain).tolist()} <= {T // S, -(-T // S)}


@pytest.mark.parametrize("T", LENGTHS)
def test_quadratic(T):
    """The least strictly increasing sequence above the parabola, found step by step."""
    for S in range(1, T + 1):
        chain = check_chain(quadratic_chain(T, S), T)
        assert len(chain) == S + 1 and chain[0] == T
        parabola = np.arange(S + 1) ** 2 * T // S**2
        least = np.maximum.accumulate(parabola - np.arange(S + 1)) + np.arange(S + 1)
        assert np.array_equal(chain[::-1], least)


def test_quadratic_is_the_floor_of_the_paper_where_that_is_a_chain():
    for S in range(1, 32):
        c = Fraction(1000, S * S)
        assert quadratic_chain(1000, S) == tuple(int(c * i * i) for i in range(S, -1, -1))


def test_quadratic_by_hand():
    assert quadratic_chain(1000, 10) == (1000, 810, 640, 490, 360, 250, 160, 90, 40, 10, 0)
    assert quadratic_chain(10, 4) == (10, 5, 2, 1, 0)  # the parabola is 0, 2, 5, 10
    assert quadratic_chain(9, 9) == uniform_chain(9, 9) == (9, 8, 7, 6, 5, 4, 3, 2, 1, 0)


def in_numpy(T, S, kind):
    """The indices of the released code, from numpy, in the order in which it has them."""
    if kind == "uniform":
        return list(range(0, T, T // S))
    return [int(s) for s in list(np.linspace(0, np.sqrt(T * 0.8), S) ** 2)]


@pytest.mark.parametrize("T", LENGTHS)
def test_released_chains(T):
    for S in range(1, T + 1):
        for kind, chain in (
            ("uniform", released_uniform_chain(T, S)), ("quadratic", released_quadratic_chain(T, S))
        ):  # fmt: skip
            assert np.array_equal(
                check_chain(chain, T)[-2::-1] - 1, sorted({*in_numpy(T, S, kind)})
            )


@pytest.mark.parametrize("T", [1001, 4000])
def test_longer_than_a_thousand(T):
    """iDDPM's T = 4000 too: nothing holds at the published T = 1000 and below it only."""
    for S in (1, 2, 10, 63, 100, 999, T):
        for kind, chain in (
            ("uniform", released_uniform_chain(T, S)), ("quadratic", released_quadratic_chain(T, S))
        ):  # fmt: skip
            assert np.array_equal(
                check_chain(chain, T)[-2::-1] - 1, sorted({*in_numpy(T, S, kind)})
            )
        i = range(S, -1, -1)
        assert uniform_chain(T, S) == tuple(math.floor(Fraction(k * T, S)) for k in i)
        assert quadratic_chain(T, S) == tuple(
            max(k, math.floor(Fraction(k * k * T, S * S))) for k in i)
        spacing = Fraction(T - 1, max(S - 1, 1))
        assert improved_chain(T, [S]) == (
            *(1 + round(k * spacing) for k in reversed(range(S))), 0)


def test_published_chains():
    quadratic = released_quadratic_chain(1000, 10)
    assert [t - 1 for t in quadratic[-2::-1]] == [0, 9, 39, 88, 158, 246, 355, 483, 632, 800]
    for S, distinct in ((10, 10), (20, 20), (50, 49), (100, 96), (1000, 688)):
        assert len(released_quadratic_chain(1000, S)) - 1 == distinct
    assert in_numpy(1000, 100, "quadratic").count(0) == 4
    for S, first in ((10, 901), (20, 951), (50, 981), (100, 991), (1000, 1000)):
        assert released_uniform_chain(1000, S)[0] == first
        assert len(released_uniform_chain(1000, S)) == S + 1
    assert len(released_uniform_chain(1000, 300)) == 335
    shorter = respaced_schedule(linear_schedule(), quadratic)
    assert f"{shorter.alpha_bar[10].item():.4e}" == "1.5075e-03"


def test_a_repeated_index_is_a_step_that_changes_nothing():
    """DDIM (12) from t to t: sigma is 0 and x_0, eps make x_t again, so dropping it is exact."""
    a = 0.3
    x_0, eps, eta = 0.7, -1.2, 1.0
    sigma = eta * math.sqrt((1 - a) / (1 - a)) * math.sqrt(1 - a / a)
    x_t = math.sqrt(a) * x_0 + math.sqrt(1 - a) * eps
    assert sigma == 0
    assert math.sqrt(a) * x_0 + math.sqrt(1 - a - sigma**2) * eps == x_t


@pytest.mark.parametrize("T", LENGTHS)
def test_improved(T):
    """K evenly spaced numbers from 1 to T, both included, rounded: iDDPM section 4."""
    for S in range(2, T + 1):
        chain = check_chain(improved_chain(T, [S]), T)
        assert len(chain) == S + 1 and chain[0] == T and chain[-2] == 1
        exact = (T - 1) * np.arange(S) + (S - 1)  # times S - 1
        assert np.all(2 * np.abs(chain[-2::-1] * (S - 1) - exact) <= S - 1)
    assert improved_chain(T, [1]) == (1, 0)


def test_improved_sections():
    chain = improved_chain(300, [10, 15, 20])
    check_chain(chain, 300)
    assert len(chain) == 46
    for low, steps in ((1, 10), (101, 15), (201, 20)):
        part = [t for t in chain if low <= t < low + 100]
        assert len(part) == steps and part[0] == low + 99 and part[-1] == low
    assert improved_chain(5, [1, 1]) == (4, 1, 0)  # the first part is 1..3
    assert improved_chain(4, (2, 2)) == (4, 3, 2, 1, 0)
    assert improved_chain(10, [3]) == (10, 5, 1, 0)  # index 4.5 goes to the even 4


@pytest.mark.parametrize(
    "chain, parts",
    [
        ((5, 3, 3, 0), ("decrease strictly", "got 3 after 3")),
        ((5, 3, 4, 0), ("decrease strictly", "got 4 after 3")),
        ((0, 3, 5), ("got 3 after 0",)),
        ((5, 2, -1), ("got -1 at its end",)),
        ((5, 2, 1), ("to 0", "got 1 at its end")),
        ((11, 2, 0), ("at most T = 10", "got 11 at its start")),
        ((5.0, 2, 0), ("integers", "got 5.0")),
        ((True, 0), ("integers", "got True")),
        ((0,), ("two at least", "got (0,)")),
        ((), ("two at least", "got ()")),
        (torch.tensor([3, 0]), ("integers", "tensor([3, 0])")),
        (None, ("integers", "got None")),
    ],
)
def test_require_chain_refuses(chain, parts):
    with pytest.raises(ValueError) as error:
        require_chain(chain, 10)
    for part in ("chain must", *parts):
        assert part in str(error.value), f"{part!r} not in {error.value}"


def test_require_chain_accepts():
    assert require_chain([10, 4, 0], 10) == (10, 4, 0)
    assert require_chain(range(10, -1, -1), 10) == tuple(range(10, -1, -1))
    assert require_chain((1, 0), 1) == (1, 0)


CHAINS = [uniform_chain, quadratic_chain, released_uniform_chain, released_quadratic_chain]


@pytest.mark.parametrize(
    "call, parts",
    [
        *((lambda f=f: f(10, 0), ("S must", "1..10", "0")) for f in CHAINS),
        *((lambda f=f: f(10, 11), ("S must", "1..10", "11")) for f in CHAINS),
        *((lambda f=f: f(10, 2.0), ("S must", "1..10", "2.0")) for f in CHAINS),
        *((lambda f=f: f(0, 1), ("T must", "1 or more", "0")) for f in CHAINS),
        (lambda: improved_chain(10, []), ("len(sections)", "1..10", "0")),
        (lambda: improved_chain(10, [5, 6]), ("sections[1]", "1..5", "6")),
        (lambda: improved_chain(10, [0]), ("sections[0]", "1..10", "0")),
        (lambda: improved_chain(1, [1, 1]), ("len(sections)", "1..1", "2")),
        (lambda: improved_chain(10.0, [5]), ("T must", "10.0")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
