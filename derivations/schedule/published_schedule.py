"""The published linear schedule as exact numbers and as balls.

    beta_t = 1/10000 + (2/100 - 1/10000) (t - 1) / 999,   t = 1..1000         DDPM section 4
    alpha_bar_t = (1 - beta_1) ... (1 - beta_t)

DDPM = Ho, Jain & Abbeel 2020, arXiv 2006.11239.
"""

from fractions import Fraction

from flint import arb, fmpq

T = 1000
BETA_FIRST = Fraction(1, 10000)
BETA_LAST = Fraction(2, 100)
DENOMINATOR = 10000 * (T - 1)


def published_beta(t: int) -> Fraction:
    """beta_t, exactly; t in 1..1000."""
    if not 1 <= t <= T:
        raise ValueError(f"t is {t}: the published schedule has t = 1..{T}")
    return BETA_FIRST + (BETA_LAST - BETA_FIRST) * Fraction(t - 1, T - 1)


def alpha_bar(t: int) -> Fraction:
    """alpha_bar_t, exactly; alpha_bar(0) = 1."""
    # Over one common denominator, so that a single reduction is left to do.
    numerator = 1
    for k in range(1, t + 1):
        numerator *= int(DENOMINATOR * (1 - published_beta(k)))
    return Fraction(numerator, DENOMINATOR**t)


def beta_ball(t: int) -> arb:
    """beta_t at the working precision."""
    exact = published_beta(t)
    return arb(fmpq(exact.numerator, exact.denominator))


def alpha_bar_balls() -> list[arb]:
    """alpha_bar_0, ..., alpha_bar_T at the working precision."""
    table = [arb(1)]
    for t in range(1, T + 1):
        table.append(table[-1] * (1 - beta_ball(t)))
    return table


def alpha_bar_ball(t: int) -> arb:
    """alpha_bar_t at the working precision."""
    product = arb(1)
    for k in range(1, t + 1):
        product *= 1 - beta_ball(k)
    return product
