"""An oracle for the chain x_1..x_T given x_0: its joint covariance and the Schur complement.

Nothing here knows a closed form.  Mean and covariance follow from the definition of the chain,
x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) z_t, step by step, in ball arithmetic of so many bits
that the cancellation of the Schur complement costs nothing that matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from flint import arb, fmpq

from audit.precision import fraction_of
from derivations.prover.balls import precision

BITS = 3000


def chain(betas: Sequence[float]) -> tuple[list[arb], list[arb], list[arb]]:
    """For t = 0..T: what multiplies x_0 in the mean, the variance, and the factor of one step."""
    factor, mean, variance = [arb(1)], [arb(1)], [arb(0)]
    for beta in betas:
        exact = Fraction(beta)
        b = arb(fmpq(exact.numerator, exact.denominator))
        factor.append((1 - b).sqrt())
        mean.append(factor[-1] * mean[-1])
        variance.append((1 - b) * variance[-1] + b)
    return mean, variance, factor


def posterior(betas: Sequence[float], s: int, t: int) -> tuple[Fraction, Fraction, Fraction]:
    """(c_x0, c_xt, variance) of x_s given x_t and x_0, to 150 bits, at the betas' exact values.

    Cov(x_s, x_t) is the variance at s times the factors of the steps from s to t.
    """
    with precision(BITS):
        mean, variance, factor = chain(betas)
        covariance = variance[s]
        for k in range(s + 1, t + 1):
            covariance = covariance * factor[k]
        gain = covariance / variance[t]
        constant, left = mean[s] - gain * mean[t], variance[s] - gain * covariance
        return fraction_of(constant), fraction_of(gain), fraction_of(left)
