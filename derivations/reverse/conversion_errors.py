r"""How the errors of x_0, eps and v go over into one another at a given x_t.

    x_0_hat - x_0 = -sqrt((1 - alpha_bar_t) / alpha_bar_t) (eps_hat - eps)
    (v_hat - v)^2 = (1 + snr_t) (x_0_hat - x_0)^2 = (1 + 1 / snr_t) (eps_hat - eps)^2
    snr_t = alpha_bar_t / (1 - alpha_bar_t)

The first from DDIM (9), arXiv 2010.02502; the second from Salimans & Ho 2022, arXiv 2202.00512.
"""

from sympy import Rational, sqrt

from derivations.claim import Checks, claim
from derivations.prover.balls import lies_within
from derivations.prover.execution import evaluates
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.reverse.conversions import (
    DDIM_9,
    NOISY,
    NOISY_WITNESS,
    SALIMANS,
    B,
    eps,
    eps_from_v,
    x_0_from_eps,
    x_0_from_v,
    x_t,
)
from derivations.reverse.posterior import LINES
from derivations.schedule.published_schedule import alpha_bar, alpha_bar_ball
from derivations.symbols import real


@claim(
    "conversions.error.x0",
    lines=LINES,
    verdict="holds",
    title="How an error of the noise becomes an error of the image (supplied)",
    statement=(
        r"$\hat x_0 - x_0 = -\sqrt{(1-\bar\alpha_t)/\bar\alpha_t}\,(\hat\epsilon - \epsilon)$: the "
        r"squared error is divided by the signal-to-noise ratio. At $t = 1000$ of the published "
        r"schedule the factor of the error is $157.4$."
    ),
    assumptions=NOISY,
    witness=NOISY_WITNESS,
    sources=(DDIM_9,),
    code=("core.weightings.convert_weighting",),
    depends_on=("conversions.x0-from-eps",),
)
def error_of_image() -> Checks:
    guess = real("eps_hat")
    yield identity(
        "two noises at the same x_t",
        x_0_from_eps(x_t, guess, B) - x_0_from_eps(x_t, eps, B),
        -sqrt((1 - B) / B) * (guess - eps), given=NOISY,
        wrong={"multiplied by the ratio's root": -sqrt(B / (1 - B)) * (guess - eps),
               "the squared factor": -(1 - B) / B * (guess - eps)},
    )
    yield lies_within(
        "the factor at the last step",
        lambda: ((1 - alpha_bar_ball(1000)) / alpha_bar_ball(1000)).sqrt(),
        (Rational(15740, 100), Rational(15741, 100)),
        wrong={"the squared factor": (Rational(24700), Rational(24800))},
    )
    yield evaluates(
        "its square, rounded to an integer, from the exact alpha_bar",
        lambda: round((1 - alpha_bar(1000)) / alpha_bar(1000)), 24777,
        wrong={"one step early": lambda: round((1 - alpha_bar(999)) / alpha_bar(999))},
    )


@claim(
    "conversions.error.v",
    lines=LINES,
    verdict="holds",
    title="The squared error of v in terms of those of x_0 and of the noise (supplied)",
    statement=(
        r"For predictions that imply each other at one $x_t$: $(\hat v - v)^2 = (1 + "
        r"\mathrm{snr}_t)(\hat x_0 - x_0)^2 = (1 + 1/\mathrm{snr}_t)(\hat\epsilon - \epsilon)^2$, "
        r"with $\mathrm{snr}_t = \bar\alpha_t/(1-\bar\alpha_t)$."
    ),
    assumptions=NOISY,
    witness=NOISY_WITNESS,
    sources=(SALIMANS,),
    code=("core.weightings.convert_weighting",),
    depends_on=("conversions.eps-from-v", "conversions.x0-from-v"),
)
def error_of_v() -> Checks:
    v, guess = real("v v_hat")
    of_v = (guess - v) ** 2
    of_eps = (eps_from_v(x_t, guess, B) - eps_from_v(x_t, v, B)) ** 2
    of_x_0 = (x_0_from_v(x_t, guess, B) - x_0_from_v(x_t, v, B)) ** 2
    snr = B / (1 - B)
    yield identity(
        "differences of the two linear maps",
        [(1 + snr) * of_x_0, (1 + 1 / snr) * of_eps, of_x_0 + of_eps], [of_v, of_v, of_v],
        given=NOISY,
        wrong={"the ratio alone": [snr * of_v / (1 + snr), of_v, of_v],
               "exchanged": [of_v * snr, of_v, of_v]},
    )
    yield implies(
        "so neither of the two errors exceeds that of v, and both weights are above 1", NOISY,
        (1 / (1 + snr) < 1) & (1 / (1 + 1 / snr) < 1) & (1 / (1 + snr) > 0),
        wrong={"the noise has the larger share": 1 / (1 + 1 / snr) > 1 / (1 + snr)},
    )
