r"""The coefficients of the noising demonstration, and the law of the images that they make.

    alpha_t     = 1 - beta_t,   alpha_bar_t = alpha_1 * ... * alpha_t          DDPM, above (4)
    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps                    DDPM (4)
    Cov(x_s, x_t | x_0) = sqrt(alpha_bar_t / alpha_bar_s) (1 - alpha_bar_s),   s <= t

DDPM is arXiv 2006.11239.  The covariance follows from DDPM (2): independent noise at each step.
"""

from fractions import Fraction
from itertools import accumulate
from math import prod
from operator import mul

from flint import arb
from sympy import Expr, Rational, sqrt

from derivations.claim import Checks, claim, corrects, refutes
from derivations.forward.marginal import marginal_mean, marginal_variance
from derivations.listings.noising_listing import LARGE, SMALL, T, evenly_spaced, listed
from derivations.prover.balls import lies_within
from derivations.prover.counterexample import differs
from derivations.prover.execution import evaluates
from derivations.prover.gaussian_forms import Form, covariance, standard_normal
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import Quantity, real

beta_t, alpha_bar_s, alpha_bar_t, deviation = real("beta_t alpha_bar_s alpha_bar_t deviation")
alpha_1, alpha_2, alpha_3, x_0 = real("alpha_1 alpha_2 alpha_3 x_0")


def covariance_of_chain(alpha_bar_s: Quantity, alpha_bar_t: Quantity) -> Expr:
    """Cov(x_s, x_t | x_0) of the Markov chain, s <= t."""
    return sqrt(alpha_bar_t / alpha_bar_s) * (1 - alpha_bar_s)


def covariance_of_listing(alpha_bar_s: Quantity, alpha_bar_t: Quantity) -> Expr:
    """Cov(x_s, x_t | x_0) where one noise image serves every time."""
    return sqrt((1 - alpha_bar_s) * (1 - alpha_bar_t))


@claim(
    "noising.alpha",
    lines="291",
    verdict="holds",
    title="Signal factors of one step",
    statement=r"$\alpha_t = 1 - \beta_t$, which lies in $[0.98, 1)$ for these variances.",
    assumptions=(beta_t > 0, beta_t <= Rational(1, 50)),
    witness={beta_t: Rational(1, 50)},
    sources=("arXiv 2006.11239, above eq. (4)",),
)
def alpha() -> Checks:
    yield implies(
        "every factor stays within [0.98, 1)",
        (beta_t > 0, beta_t <= Rational(1, 50)),
        (1 - beta_t >= Rational(49, 50)) & (1 - beta_t < 1),
        wrong={
            "square root taken too early": (1 - sqrt(beta_t) >= Rational(49, 50)),
            "1 + beta": (1 + beta_t >= Rational(49, 50)) & (1 + beta_t < 1),
        },
    )
    yield evaluates(
        "the first and the last factor", lambda: (1 - LARGE, 1 - SMALL),
        (Fraction(49, 50), Fraction(9999, 10000)),
        wrong={"variances themselves": lambda: (LARGE, SMALL)},
    )


@claim(
    "noising.cumulative-product",
    lines="292",
    verdict="holds",
    title="Running product of the signal factors",
    statement=r"Entry $i$ (from 0) of the running product along the only axis is "
    r"$\alpha_1 \cdots \alpha_{i+1} = \bar\alpha_{i+1}$; $\bar\alpha_0 = 1$ is not stored.",
    sources=("arXiv 2006.11239, above eq. (4)",),
    depends_on=("noising.alpha",),
)
def cumulative_product() -> Checks:
    alphas = [1 - evenly_spaced(LARGE, SMALL, Fraction(k), T) for k in range(40)]
    by_definition = tuple(prod(alphas[: k + 1]) for k in range(40))
    yield evaluates(
        "entry i multiplies the factors 1 .. i + 1, checked for the first 40 entries",
        lambda: tuple(accumulate(alphas, mul)), by_definition,
        wrong={
            "exclusive product": lambda: tuple(accumulate(alphas[:-1], mul, initial=Fraction(1))),
            "running sum": lambda: tuple(accumulate(alphas)),
        },
    )


@claim(
    "noising.sqrt-alpha-bar",
    lines="293",
    verdict="holds",
    title="Coefficient of the clean image",
    statement=r"$\sqrt{\bar\alpha_t} = \sqrt{\alpha_1}\cdots\sqrt{\alpha_t}$: the root of the "
    r"product is what $t$ steps multiply the image by.",
    assumptions=(alpha_1 > 0, alpha_2 > 0, alpha_3 > 0),
    witness={alpha_1: 1, alpha_2: 1, alpha_3: 1},
    sources=("arXiv 2006.11239, eq. (4)",),
    depends_on=("noising.cumulative-product",),
)
def sqrt_alpha_bar() -> Checks:
    product, root = real("product root")
    yield identity(
        "three steps", sqrt(alpha_1 * alpha_2 * alpha_3),
        sqrt(alpha_1) * sqrt(alpha_2) * sqrt(alpha_3),
        given=(alpha_1 > 0, alpha_2 > 0, alpha_3 > 0),
        wrong={"no root": alpha_1 * alpha_2 * alpha_3},
    )
    yield invariant(
        "any number of steps",
        Recursion(
            start={product: 1, root: 1},
            step={product: alpha_1 * product, root: sqrt(alpha_1) * root},
            domain=(product > 0,), inputs=(alpha_1 > 0,),
        ),
        {root: sqrt(product)},
        wrong={"no root": {root: product}},
    )


@claim(
    "noising.sqrt-one-minus-alpha-bar",
    lines="294",
    verdict="holds",
    title="Coefficient of the noise",
    statement=r"$\sqrt{1 - \bar\alpha_t}$ completes the squares: "
    r"$(\sqrt{\bar\alpha_t})^2 + (\sqrt{1-\bar\alpha_t})^2 = 1$.",
    assumptions=(alpha_bar_t > 0, alpha_bar_t < 1),
    witness={alpha_bar_t: Rational(1, 2)},
    sources=("arXiv 2006.11239, eq. (4)",),
    depends_on=("noising.sqrt-alpha-bar",),
)
def sqrt_one_minus_alpha_bar() -> Checks:
    given = (alpha_bar_t > 0, alpha_bar_t < 1)
    yield identity(
        "the noise coefficient, squared, is what the signal coefficient leaves",
        sqrt(1 - alpha_bar_t) ** 2, 1 - sqrt(alpha_bar_t) ** 2, given=given,
        wrong={
            "one minus the root": (1 - sqrt(alpha_bar_t)) ** 2,
            "the root of the reciprocal minus 1": 1 / alpha_bar_t - 1,
        },
    )


@claim(
    "noising.cancellation",
    lines="294",
    verdict="holds-if",
    severity="cosmetic",
    title="Forming one minus the product by subtraction is accurate",
    statement=r"A relative error $\delta$ of the computed $\bar\alpha_t$ is multiplied by "
    r"$\bar\alpha_t/(1-\bar\alpha_t)$, the signal-to-noise ratio. At $t = 1$ that is 49 here and "
    r"9999 in the published order: harmless in float64, not in float32.",
    assumptions=(alpha_bar_t > 0, alpha_bar_t < 1, "tables are float64"),
    witness={alpha_bar_t: Rational(1, 2)},
    correction=r"Keep the tables in float64 and accumulate $1-\bar\alpha_t$ as a sum of positive "
    r"terms: $1-\bar\alpha_t = (1-\bar\alpha_{t-1}) + \bar\alpha_{t-1}\beta_t$.",
    depends_on=("noising.sqrt-one-minus-alpha-bar",),
)
def cancellation() -> Checks:
    given = (alpha_bar_t > 0, alpha_bar_t < 1)
    snr = alpha_bar_t / (1 - alpha_bar_t)
    yield identity(
        "how an error of the product reaches the difference",
        (1 - alpha_bar_t * (1 + deviation)) / (1 - alpha_bar_t), 1 - deviation * snr, given=given,
        wrong={"unamplified": 1 - deviation, "amplified by alpha_bar": 1 - deviation * alpha_bar_t},
    )
    yield lies_within(
        "2^-24 times 9999, the signal-to-noise ratio at t = 1 of the published order",
        lambda: arb(9999) / 2**24, (Rational(59, 10**5), Rational(60, 10**5)),
        wrong={"half an ulp of 0.9999 in float32 as a relative error":
               (Rational(29, 10**5), Rational(30, 10**5))},
    )
    amplified = deviation * 9999
    yield implies(
        "the unit roundoff of float64, 2^-53, is amplified to less than 2e-12 at t = 1 of the "
        "published order",
        (deviation >= 0, deviation <= Rational(1, 2**53)), amplified < Rational(2, 10**12),
        wrong={"one part in 1e15": amplified < Rational(1, 10**15)},
    )
    yield refutes(differs(
        "the unit roundoff of float32, 2^-24, is amplified to 6e-4 of the difference at t = 1 of "
        "the published order",
        (1 - alpha_bar_t * (1 + deviation)) / (1 - alpha_bar_t), Rational(1), given=given,
        at={alpha_bar_t: Rational(9999, 10000), deviation: Rational(1, 2**24)},
        wrong={"the amplified error": 1 - Rational(9999, 2**24)},
    ))


@claim(
    "noising.table-name",
    lines="294",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Name of the noise-coefficient table",
    statement=r"The name reads like minus one, the table is one minus; in released code the same "
    r"suffix stands for $1/\bar\alpha_t - 1$.",
    correction=r"Say one-minus in the name.",
    sources=("openai/improved-diffusion, gaussian_diffusion.py (sqrt_recipm1_alphas_cumprod)",),
)
def table_name() -> Checks:
    yield from ()


@claim(
    "noising.q-sample",
    lines="305",
    verdict="holds",
    title="One image drawn from the closed form",
    statement=r"$x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\varepsilon$ with "
    r"standard normal $\varepsilon$ has the mean and the variance that $t$ steps of the chain "
    r"give (marginal.density).",
    assumptions=("each noise is standard normal and independent of the others",),
    sources=("arXiv 2006.11239, eq. (4)",),
    depends_on=(
        "marginal.density", "noising.sqrt-alpha-bar", "noising.sqrt-one-minus-alpha-bar",
    ),
)
def q_sample() -> Checks:
    image = sqrt(alpha_bar_t) * Form(x_0) + sqrt(1 - alpha_bar_t) * standard_normal("eps")
    given = (alpha_bar_t > 0, alpha_bar_t < 1)
    yield identity(
        "mean and variance of the image as the line forms it",
        [image.mean, image.variance],
        [marginal_mean(alpha_bar_t, x_0), marginal_variance(alpha_bar_t)],
        given=given,
        wrong={
            "coefficients exchanged": [sqrt(1 - alpha_bar_t) * x_0, alpha_bar_t],
            "no roots": [alpha_bar_t * x_0, (1 - alpha_bar_t) ** 2],
        },
    )


@claim(
    "noising.shared-noise",
    lines="303-305",
    verdict="code-defect",
    severity="misleading",
    title="One noise image for every time is not the noising chain",
    statement=r"Each image alone has the right law, but all are built from one noise image. Their "
    r"covariance is $\sqrt{(1-\bar\alpha_s)(1-\bar\alpha_t)}$ (correlation 1) where the chain has "
    r"$\sqrt{\bar\alpha_t/\bar\alpha_s}\,(1-\bar\alpha_s)$; between the first and the last noisy "
    r"tile the chain's correlation is 0.2411. The tiles are an interpolation, not a path.",
    assumptions=(alpha_bar_s > alpha_bar_t, alpha_bar_t > 0, alpha_bar_s < 1),
    witness={alpha_bar_s: Rational(1, 2), alpha_bar_t: Rational(1, 4)},
    correction=r"Iterate $x_t = \sqrt{1-\beta_t}\,x_{t-1} + \sqrt{\beta_t}\,z_t$ with fresh $z_t$, "
    r"or say that the tiles are separate marginals that share their noise.",
    sources=("arXiv 2006.11239, eqs. (2) and (4)",),
    depends_on=("noising.q-sample",),
)
def shared_noise() -> Checks:
    given = (alpha_bar_s > alpha_bar_t, alpha_bar_t > 0, alpha_bar_s < 1)
    noise = standard_normal("eps")
    early = sqrt(alpha_bar_s) * Form(x_0) + sqrt(1 - alpha_bar_s) * noise
    late = sqrt(alpha_bar_t) * Form(x_0) + sqrt(1 - alpha_bar_t) * noise
    yield refutes(differs(
        "covariance of two images of the listing against that of the chain",
        covariance(early, late), covariance_of_chain(alpha_bar_s, alpha_bar_t), given=given,
        at={alpha_bar_s: Rational(1, 2), alpha_bar_t: Rational(1, 4)},
        wrong={"one shared noise": covariance_of_listing(alpha_bar_s, alpha_bar_t)},
    ))
    ratio = alpha_bar_t / alpha_bar_s
    stepped = sqrt(ratio) * early + sqrt(1 - ratio) * standard_normal("fresh")
    yield corrects(identity(
        "a later image made from the earlier one with fresh noise: covariance and variance",
        [covariance(early, stepped), stepped.variance],
        [covariance_of_chain(alpha_bar_s, alpha_bar_t), 1 - alpha_bar_t], given=given,
        wrong={
            "one shared noise": [covariance_of_listing(alpha_bar_s, alpha_bar_t), 1 - alpha_bar_t],
            "no root of the ratio": [ratio * (1 - alpha_bar_s), 1 - alpha_bar_t],
        },
    ))

    def squared_correlation(s: int, t: int) -> Fraction:
        a, b = listed()[s], listed()[t]
        return b * (1 - a) / (a * (1 - b))

    yield corrects(evaluates(
        "square of the chain's correlation between t = 1 and t = 15, cut to 6 decimals",
        lambda: int(squared_correlation(1, 15) * 10**6), 58129,
        wrong={"shared noise": lambda: 10**6},
    ))
