r"""Tweedie's formula: the best guess of the clean image is read off the score of q(x_t).

    E[x_0 | x_t] = (x_t + (1 - alpha_bar_t) d/dx_t log q(x_t)) / sqrt(alpha_bar_t)
    E[eps | x_t] = -sqrt(1 - alpha_bar_t) d/dx_t log q(x_t)

Proved for Gaussian data by conditioning and for data on finitely many points from the densities;
Efron 2011, JASA 106(496), calls it Tweedie's formula after Robbins 1956.
"""

from sympy import Expr, Rational, diff, sqrt

from derivations.claim import Checks, claim
from derivations.prover.gaussian_forms import condition, standard_normal
from derivations.prover.normal_form import identity
from derivations.reverse.conversions import NOISY, NOISY_WITNESS, B, eps_from_score
from derivations.reverse.posterior import LINES, log_normal, normal
from derivations.symbols import real

EFRON = "Efron 2011, Journal of the American Statistical Association 106(496), eq. (2.8)"

m, v, x_t = real("m v x_t")


def tweedie(x: Expr, score: Expr, alpha_bar: Expr) -> Expr:
    """E[x_0 | x_t] from the score of the marginal density of x_t."""
    return (x + (1 - alpha_bar) * score) / sqrt(alpha_bar)


@claim(
    "conversions.tweedie.gaussian",
    lines=LINES,
    verdict="holds",
    title="Tweedie's formula for Gaussian data (supplied)",
    statement=(
        r"If $x_0\sim\mathcal{N}(m, v)$, $v\ge0$, then $\mathbb{E}[x_0\mid x_t] = \big(x_t + "
        r"(1-\bar\alpha_t)\,\partial_{x_t}\log q(x_t)\big)/\sqrt{\bar\alpha_t}$ and "
        r"$\mathbb{E}[\epsilon\mid x_t] = -\sqrt{1-\bar\alpha_t}\,\partial_{x_t}\log q(x_t)$."
    ),
    assumptions=(*NOISY, v >= 0),
    witness={**NOISY_WITNESS, v: 1},
    sources=(EFRON,),
    code=("core.exact_denoiser.exact_denoiser",),
    depends_on=("posterior.conditioning-rule", "conversions.score"),
)
def gaussian_data() -> Checks:
    given = (*NOISY, v >= 0)
    data, noise = m + sqrt(v) * standard_normal("data"), standard_normal("noise")
    here = sqrt(B) * data + sqrt(1 - B) * noise
    slope = diff(log_normal(x_t, here.mean, here.variance), x_t)
    yield identity(
        "conditioning x_0 on x_t gives what the score of the marginal gives",
        condition(data, here, x_t)[0], tweedie(x_t, slope, B), given=given,
        wrong={"standard deviation for variance": (x_t + sqrt(1 - B) * slope) / sqrt(B),
               "alpha_bar without its root": (x_t + (1 - B) * slope) / B,
               "the score subtracted": tweedie(x_t, -slope, B)},
    )
    yield identity(
        "conditioning the noise on x_t does too",
        condition(noise, here, x_t)[0], eps_from_score(slope, B), given=given,
        wrong={"the other sign": -eps_from_score(slope, B)},
    )


@claim(
    "conversions.tweedie.points",
    lines=LINES,
    verdict="holds",
    title="Tweedie's formula for data on points (supplied)",
    statement=(
        r"If $x_0$ takes the values $a_i$ with probabilities $w_i$, then $\partial_{x_t}\log "
        r"q(x_t) = \big(\sqrt{\bar\alpha_t}\,\mathbb{E}[x_0\mid x_t] - x_t\big)/(1-\bar\alpha_t)$. "
        r"Written for two points; each further point adds one term to both sums."
    ),
    assumptions=(*NOISY, *(p > 0 for p in real("p_1 p_2")), *(w > 0 for w in real("w_1 w_2"))),
    witness={**NOISY_WITNESS, **dict.fromkeys(real("p_1 p_2 w_1 w_2"), Rational(1, 2))},
    sources=(EFRON,),
    depends_on=("conversions.tweedie.gaussian",),
)
def data_on_points() -> Checks:
    a_1, a_2, p_1, p_2, w_1, w_2 = real("a_1 a_2 p_1 p_2 w_1 w_2")
    density = normal(x_t, sqrt(B) * a_1, 1 - B)
    yield identity(
        "the derivative of one component is its density times a linear factor",
        diff(density, x_t), density * (sqrt(B) * a_1 - x_t) / (1 - B), given=NOISY,
        wrong={"no division by the variance": density * (sqrt(B) * a_1 - x_t)},
    )
    # p_i stands for the (positive) density of component i at x_t, so the slope is a plain sum.
    weights = (w_1 * p_1 / (w_1 * p_1 + w_2 * p_2), w_2 * p_2 / (w_1 * p_1 + w_2 * p_2))
    slope = sum(w * p * (sqrt(B) * a - x_t) / (1 - B)
                for w, p, a in ((w_1, p_1, a_1), (w_2, p_2, a_2))) / (w_1 * p_1 + w_2 * p_2)
    yield identity(
        "the rule of Bayes gives the mean of x_0, and it is what the score gives",
        weights[0] * a_1 + weights[1] * a_2, tweedie(x_t, slope, B),
        given=(*NOISY, p_1 > 0, p_2 > 0, w_1 > 0, w_2 > 0),
        wrong={"prior weights": tweedie(x_t, (sqrt(B) * (w_1 * a_1 + w_2 * a_2) - x_t) / (1 - B)
                                        / (w_1 + w_2), B),
               "the score subtracted": tweedie(x_t, -slope, B)},
    )
