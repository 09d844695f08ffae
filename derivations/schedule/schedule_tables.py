r"""The tables of a schedule: alpha_bar, one minus it, and the signal-to-noise ratio.

    alpha_bar_t = alpha_bar_{t-1} (1 - beta_t)                         arXiv 2006.11239, above (4)
    1 - alpha_bar_t = (1 - alpha_bar_{t-1}) + alpha_bar_{t-1} beta_t
    snr_t = alpha_bar_t / (1 - alpha_bar_t)
"""

from sympy import Expr, Rational, log

from derivations.claim import Checks, claim
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.schedule.schedule import snr
from derivations.symbols import real

before, beta = real("alpha_bar_prev beta_t")
LEVEL = (before > 0, before <= 1, beta > 0, beta < 1)
WITNESS = {before: Rational(1, 2), beta: Rational(1, 50)}


def next_alpha_bar(before: Expr, beta: Expr) -> Expr:
    """alpha_bar_t from alpha_bar_{t-1}."""
    return before * (1 - beta)


def next_one_minus(one_minus_before: Expr, before: Expr, beta: Expr) -> Expr:
    """1 - alpha_bar_t as a sum of terms of one sign."""
    return one_minus_before + before * beta


@claim(
    "schedule.tables.decreasing",
    lines="413-439",
    verdict="holds",
    title="alpha-bar falls strictly for every valid schedule (supplied)",
    statement=(
        r"For $\beta_t\in(0,1)$, increasing or not, $\bar\alpha_t<\bar\alpha_{t-1}$: the levels of "
        r"any valid schedule are distinct.  They are positive by marginal.alpha-bar.definition; "
        r"$\beta_t=1$ would leave nothing."
    ),
    assumptions=LEVEL,
    witness=WITNESS,
    sources=("arXiv 2006.11239, section 2",),
    code=("core.schedule.schedule_from_betas",),
    depends_on=("marginal.alpha-bar.definition",),
)
def tables_decreasing() -> Checks:
    after = next_alpha_bar(before, beta)
    yield implies(
        "one step lowers alpha_bar",
        LEVEL,
        after < before,
        wrong={"it stays above one half": after > Rational(1, 2), "it grows": after >= before},
    )
    yield implies(
        "beta = 1 would leave nothing",
        (before > 0, before <= 1, beta >= 1),
        after <= 0,
        wrong={"something is left": after > 0},
    )


@claim(
    "schedule.tables.one-minus-alpha-bar",
    lines="413-439",
    verdict="holds",
    title="One minus alpha-bar without cancellation (supplied)",
    statement=(
        r"$1-\bar\alpha_t=(1-\bar\alpha_{t-1})+\bar\alpha_{t-1}\beta_t$, so the running sum "
        r"$\sum_{i\le t}\bar\alpha_{i-1}\beta_i$ of positive terms is $1-\bar\alpha_t$ for every "
        r"$t$.  The difference itself loses digits where $\bar\alpha_t$ is near 1."
    ),
    assumptions=LEVEL,
    witness=WITNESS,
    sources=("arXiv 2006.11239, section 2",),
    code=("core.schedule.schedule_from_betas",),
)
def tables_one_minus() -> Checks:
    level, total, b = real("alpha_bar one_minus beta")
    chain = Recursion(
        start={level: 1, total: 0},
        step={level: next_alpha_bar(level, b), total: next_one_minus(total, level, b)},
        domain=(level > 0, level <= 1),
        inputs=(b > 0, b < 1),
    )
    yield invariant(
        "the running sum is one minus the running product",
        chain,
        {total: 1 - level},
        wrong={"the product itself": {total: level}, "its square": {total: 1 - level**2}},
    )


@claim(
    "schedule.tables.log-snr",
    lines="413-439",
    verdict="holds",
    title="The logarithm of the signal-to-noise ratio (supplied)",
    statement=(
        r"For $\mathrm{SNR}_t=\bar\alpha_t/(1-\bar\alpha_t)$ of marginal.snr, $t\ge1$: "
        r"$\ln\mathrm{SNR}_t=\ln\bar\alpha_t-\ln(1-\bar\alpha_t)$.  At $t=0$ it is infinite."
    ),
    assumptions=(before > 0, before < 1),
    witness=WITNESS,
    sources=("Kingma et al., Variational diffusion models, arXiv 2107.00630, section 3.1",),
    code=("core.schedule.schedule_from_betas",),
    depends_on=("marginal.snr",),
)
def tables_log_snr() -> Checks:
    yield identity(
        "the logarithm of the ratio",
        log(snr(before)), log(before) - log(1 - before), given=(before > 0, before < 1),
        wrong={"a sum of logarithms": log(before) + log(1 - before),
               "the ratio inverted": log(1 - before) - log(before)},
    )
