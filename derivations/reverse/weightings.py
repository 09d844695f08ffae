r"""Weights of the squared error by t, each written for the three predictions; and t drawn unevenly.

    snr (x_0 - x_0_hat)^2 = (eps - eps_hat)^2 = alpha_bar (v - v_hat)^2          2202.00512 sec. 4
    min(snr, gamma) of x_0 = min(1, gamma / snr) of eps
                           = min(alpha_bar, gamma (1 - alpha_bar)) of v          2303.09556 sec. 3.4
    max(snr, 1) of x_0     = max(1, 1 / snr) of eps
                           = max(alpha_bar, 1 - alpha_bar) of v                  2202.00512 sec. 4
    E_{t ~ p} L_t / (T p_t) = (L_1 + ... + L_T) / T                              2102.09672 (18)
"""

from fractions import Fraction

from sympy import Eq, Expr, Rational

from derivations.claim import Checks, claim
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.reverse.conversions import (
    NOISY,
    NOISY_WITNESS,
    B,
    eps_from_x_0,
    v_from_x_0,
    x_0,
    x_t,
)
from derivations.reverse.posterior import LINES
from derivations.symbols import Quantity, real

SALIMANS = "Salimans & Ho 2022, arXiv 2202.00512, section 4"
HANG = "Hang et al. 2023, arXiv 2303.09556, section 3.4"
IDDPM_18 = "Nichol & Dhariwal 2021, arXiv 2102.09672, eq. (18)"

x_0_hat, gamma = real("x_0_hat gamma")


def snr_weights(alpha_bar: Quantity) -> tuple[Quantity, int, Quantity]:
    """The weights of the squared errors of x_0, eps and v that make the plain error of eps."""
    return alpha_bar / (1 - alpha_bar), 1, alpha_bar


def constant_weights(alpha_bar: Quantity, limit: Quantity) -> tuple[Quantity, ...]:
    """The weights of the squared errors of x_0, eps and v that make limit times that of x_0."""
    return limit, limit * (1 - alpha_bar) / alpha_bar, limit * (1 - alpha_bar)


def min_snr_weights(alpha_bar: Fraction, limit: Fraction) -> tuple[Fraction | int, ...]:
    """Whichever of the two is the smaller, for numbers: min(snr, limit) of x_0."""
    below = alpha_bar <= limit * (1 - alpha_bar)
    return snr_weights(alpha_bar) if below else constant_weights(alpha_bar, limit)


def truncated_snr_weights(alpha_bar: Fraction) -> tuple[Fraction | int, Fraction | int, Fraction]:
    """Whichever of the two is the larger at limit 1, for numbers: max(snr, 1) of x_0."""
    below = alpha_bar <= 1 - alpha_bar
    return constant_weights(alpha_bar, 1) if below else snr_weights(alpha_bar)


def squared_errors() -> tuple[Expr, ...]:
    """Those of x_0, eps and v at one x_t, each from the definition of what is predicted."""
    def noise(clean: Expr) -> Expr:
        return eps_from_x_0(x_t, clean, B)

    def v(clean: Expr) -> Expr:
        return v_from_x_0(clean, noise(clean), B)

    return (x_0 - x_0_hat) ** 2, (noise(x_0) - noise(x_0_hat)) ** 2, (v(x_0) - v(x_0_hat)) ** 2


def losses(weights: tuple[Expr, Expr, Expr]) -> list[Expr]:
    """The three weighted errors, which should be one and the same loss."""
    return [w * error for w, error in zip(weights, squared_errors(), strict=True)]


@claim(
    "reverse.weighting.snr",
    lines=LINES,
    verdict="holds",
    title="The simple loss of the noise, as a loss of x_0 or of v (supplied)",
    statement=(
        r"At one $x_t$, $(\epsilon-\hat\epsilon)^2 = \mathrm{snr}_t(x_0-\hat x_0)^2 = "
        r"\bar\alpha_t(v-\hat v)^2$: the weight $1$ of the noise is $\mathrm{snr}_t$ of the image "
        r"and $\bar\alpha_t$ of $v$, whichever of them the network predicts."
    ),
    assumptions=NOISY,
    witness=NOISY_WITNESS,
    sources=(SALIMANS,),
    code=("core.weightings.snr_weighting",),
    depends_on=("conversions.error.x0", "conversions.error.v"),
)
def weighted_by_snr() -> Checks:
    loss = squared_errors()[1]
    yield identity(
        "the three weighted errors are one", losses(snr_weights(B)), [loss] * 3, given=NOISY,
        wrong={"all alike": list(squared_errors()), "the image's own": [squared_errors()[0]] * 3},
    )


@claim(
    "reverse.weighting.min-snr",
    lines=LINES,
    verdict="holds",
    title="Min-SNR weights for the three predictions (supplied)",
    statement=(
        r"For $\gamma>0$ the weights $\min(\mathrm{snr}_t,\gamma)$ of the squared error of $x_0$, "
        r"$\min(1,\gamma/\mathrm{snr}_t)$ of that of $\epsilon$ and $\min(\bar\alpha_t,"
        r"\gamma(1-\bar\alpha_t))$ of that of $v$ give one loss: all three minima change sides at "
        r"$\mathrm{snr}_t=\gamma$."
    ),
    assumptions=(*NOISY, gamma > 0),
    witness={**NOISY_WITNESS, gamma: 5},
    sources=(HANG,),
    code=("core.weightings.min_snr_weighting",),
    depends_on=("reverse.weighting.snr",),
)
def weighted_by_min_snr() -> Checks:
    given = (*NOISY, gamma > 0)
    small, large = snr_weights(B), constant_weights(B, gamma)
    error = squared_errors()[0]
    yield identity(
        "to the right of the change: gamma times the error of x_0 in each form",
        losses(large), [gamma * error] * 3, given=given,
        wrong={"gamma for each prediction": [gamma * e for e in squared_errors()],
               "snr / gamma for the noise": [gamma * error, error / gamma, gamma * error]},
    )
    is_below = (small[0] <= gamma, 1 <= gamma / small[0], B <= gamma * (1 - B))
    for i, j in ((0, 1), (1, 2), (2, 0)):
        yield implies(
            "where one minimum is the first of its two, so is the next",
            (*given, is_below[i]), is_below[j],
            wrong={"not so": ~is_below[j], "at half of gamma": B <= gamma / 2 * (1 - B)},
        )


@claim(
    "reverse.weighting.truncated-snr",
    lines=LINES,
    verdict="holds",
    title="Truncated SNR weights for the three predictions (supplied)",
    statement=(
        r"The weights $\max(\mathrm{snr}_t,1)$ of the squared error of $x_0$, "
        r"$\max(1,1/\mathrm{snr}_t)$ of that of $\epsilon$ and $\max(\bar\alpha_t,"
        r"1-\bar\alpha_t)$ of that of $v$ give one loss; the last never falls below $\frac12$."
    ),
    assumptions=NOISY,
    witness=NOISY_WITNESS,
    sources=(SALIMANS,),
    code=("core.weightings.truncated_snr_weighting",),
    depends_on=("reverse.weighting.snr",),
)
def weighted_by_truncated_snr() -> Checks:
    error = squared_errors()[0]
    yield identity(
        "where the ratio is below 1: the error of x_0 itself in each form",
        losses(constant_weights(B, 1)), [error] * 3, given=NOISY,
        wrong={"all alike": list(squared_errors())},
    )
    snr = snr_weights(B)[0]
    is_above = (snr >= 1, 1 >= 1 / snr, B >= 1 - B)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        yield implies(
            "where one maximum is the first of its two, so is the next",
            (*NOISY, is_above[i]), is_above[j],
            wrong={"not so": ~is_above[j], "only above 2": snr >= 2},
        )
    yield implies(
        "one of alpha_bar and 1 - alpha_bar is at least a half", NOISY,
        (B >= Rational(1, 2)) | (1 - B >= Rational(1, 2)),
        wrong={"above a half": (B > Rational(1, 2)) | (1 - B > Rational(1, 2))},
    )


@claim(
    "reverse.objective.importance",
    lines=LINES,
    verdict="holds",
    title="Timesteps drawn unevenly, losses divided by their probability (supplied)",
    statement=(
        r"If $t$ is drawn with probabilities $p_t>0$ and $L_t$ is weighted with $1/(T p_t)$, the "
        r"expectation is $\frac1T\sum_tL_t$, for every $T$ and every such $p$. Of all $p$ the "
        r"second moment $\frac1{T^2}\sum_t\mathbb{E}[L_t^2]/p_t$ is least at $p_t\propto"
        r"\sqrt{\mathbb{E}[L_t^2]}$."
    ),
    assumptions=(real("p") > 0, real("root") >= 0),
    witness={real("p"): Rational(1, 2), real("root"): 1},
    sources=(IDDPM_18,),
    code=("core.timestep_sampling.importance_probabilities",
          "core.timestep_sampling.importance_timesteps"),
    depends_on=("reverse.objective.simple",),
)
def importance() -> Checks:
    p, loss, total, expected = real("p loss total expected")
    draws = Recursion(
        start={total: 0, expected: 0},
        step={total: total + loss, expected: expected + p * (loss / p)},
        inputs=(p > 0,),
    )
    yield invariant(
        "timestep by timestep, T times the expectation of the weighted loss is the plain sum",
        draws, {expected: total},
        wrong={"twice the sum": {expected: 2 * total}, "the square": {expected: total**2}},
    )
    # root is the root of E[L_t^2]; whole is the sum of the roots over all t, one number.
    root, whole, roots, mass, second, squares = real("root whole roots mass second squares")
    moments = Recursion(
        start={whole: whole, roots: 0, mass: 0, second: 0, squares: 0},
        step={whole: whole, roots: roots + root, mass: mass + p, second: second + root**2 / p,
              squares: squares + (root - whole * p) ** 2 / p},
        inputs=(p > 0, root >= 0),
    )
    yield invariant(
        "T^2 times the second moment is a sum of squares and terms that depend on sums only",
        moments, {squares: second - 2 * whole * roots + whole**2 * mass},
        wrong={"no cross term": {squares: second + whole**2 * mass},
               "one cross term": {squares: second - whole * roots + whole**2 * mass}},
    )
    yield implies(
        "with all probability given out, it is at least the square of the sum of the roots",
        (Eq(roots, whole), Eq(mass, 1), squares >= 0,
         Eq(squares, second - 2 * whole * roots + whole**2 * mass)),
        second >= whole**2,
        wrong={"strictly": second > whole**2},
    )
    yield identity(
        "and a square is 0 where the probability is proportional to the root",
        (root - whole * (root / whole)) ** 2, 0, given=(whole > 0, root > 0),
        wrong={"where all are equal": (root - whole) ** 2},
    )
