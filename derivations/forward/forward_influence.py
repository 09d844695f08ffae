r"""What weighs more in x_t, the earlier image or the noise: per step, and accumulated.

    noise : image in one step        = sqrt(beta_t) : sqrt(1 - beta_t)
    noise : clean image accumulated  = sqrt(1 - alpha_bar_t) : sqrt(alpha_bar_t)

They follow from DDPM (2) and (4), arXiv 2006.11239.
"""

from __future__ import annotations

from fractions import Fraction

from sympy import And, Expr, Or, Rational, sqrt
from sympy.logic.boolalg import Boolean

from derivations.claim import Checks, claim, refutes
from derivations.forward.forward import BETA, BETA_1, BETA_2, DDPM, RATE, RATES
from derivations.forward.limit_constants import PUBLISHED, linear_rate
from derivations.intro import right_flanking
from derivations.prover.counterexample import counterexample
from derivations.prover.execution import evaluates, token
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

A_T = real("alpha_bar_t")


def one_step_ratio(beta: Expr) -> Expr:
    """Weight of the fresh noise over the weight of the previous image."""
    return sqrt(beta) / sqrt(1 - beta)


@claim(
    "forward.bold",
    lines="214",
    verdict="misprint",
    severity="cosmetic",
    title="A bold opening sentence whose asterisks are printed",
    statement=(
        "The closing asterisks stand between a full-width comma and a letter. There they are not "
        "right-flanking in the sense of CommonMark, so they close nothing and both pairs appear "
        "as asterisks, as on line 3."
    ),
    correction="Put the comma behind the closing asterisks.",
    sources=("CommonMark 0.31.2, section 6.2 (emphasis)",),
)
def bold() -> Checks:
    yield refutes(token("the closing run as it stands", 214, "，**根", "**，根"))
    yield refutes(evaluates(
        "a run after a full-width comma and before a letter cannot close an emphasis",
        lambda: right_flanking("，", "根"), False,
        wrong={"after a letter": lambda: right_flanking("多", "，")},
    ))


@claim(
    "forward.influence.noise-grows",
    lines="214",
    verdict="holds-if",
    severity="cosmetic",
    title="Noise is added at every step, and more of it later",
    statement=r"Noise is added again and again, and later steps add more: "
    r"$\sqrt{\beta_{t-1}}<\sqrt{\beta_t}$. The second half is the assumption that the rates rise, "
    r"made only at line 217; for other rates in $(0,1)$ it fails.",
    assumptions=(*RATES[:4], BETA_1 < BETA_2),
    witness={BETA_1: Rational(1, 4), BETA_2: Rational(1, 2)},
    correction=r"If the rates rise, so does the noise added per step.",
    sources=(DDPM,),
    depends_on=("forward.rates.increasing",),
)
def noise_grows() -> Checks:
    yield implies(
        "rising rates give rising standard deviations", (*RATES[:4], BETA_1 < BETA_2),
        sqrt(BETA_1) < sqrt(BETA_2), wrong={"doubling": sqrt(BETA_2) > 2 * sqrt(BETA_1)},
    )
    yield refutes(counterexample(
        "rates within (0, 1) alone do not", sqrt(BETA_1) < sqrt(BETA_2),
        given=RATES[:4], at={BETA_1: Rational(1, 2), BETA_2: Rational(1, 4)},
        wrong={"some noise at each step": And(sqrt(BETA_1) > 0, sqrt(BETA_2) > 0)},
    ))


@claim(
    "forward.influence.question",
    lines="214",
    verdict="incomplete",
    severity="misleading",
    title="Whether image or noise weighs more is asked and not answered",
    statement=r"It is asked whether the previous image or the added noise has more influence, and "
    r"the answer given is a trend only. A reader may take it that noise comes to outweigh the "
    r"previous image within a step; with the published rates it never does.",
    sources=(DDPM,),
    supplied_by=("forward.influence.dominance", "forward.influence.accumulated"),
)
def question() -> Checks:
    yield from ()


@claim(
    "forward.influence.dominance",
    lines="214",
    verdict="holds",
    title="In one step the previous image outweighs the noise (supplied)",
    statement=r"$\sqrt{\beta_t}<\sqrt{1-\beta_t}$ exactly when $\beta_t<\tfrac12$. For the "
    r"published rates, $\beta_t\le0.02$, the ratio is at most $\tfrac17$: at $t=T$ the weights are "
    r"$0.1414$ and $0.98995$, so the previous image outweighs the fresh noise at every step.",
    assumptions=RATE,
    witness={BETA: Rational(1, 50)},
    sources=("DDPM, arXiv 2006.11239, section 4",),
)
def dominance() -> Checks:
    yield implies(
        "below one half the image weighs more", (*RATE, BETA < Rational(1, 2)),
        sqrt(BETA) < sqrt(1 - BETA), wrong={"twice as much": 2 * sqrt(BETA) < sqrt(1 - BETA)},
    )
    yield implies(
        "and only there", (*RATE, sqrt(BETA) < sqrt(1 - BETA)), BETA < Rational(1, 2),
        wrong={"below one third": BETA < Rational(1, 3)},
    )

    def at_most(part: int) -> Boolean:
        return part * sqrt(BETA) <= sqrt(1 - BETA)

    yield implies(
        "up to 0.02 the ratio of the weights is at most 1/7", (*RATE, BETA <= Rational(1, 50)),
        at_most(7), wrong={"1/8": at_most(8)},
    )
    yield identity(
        "and 1/7 is reached at 0.02", one_step_ratio(Rational(1, 50)), Rational(1, 7),
        wrong={"ratio of the variances": Rational(1, 49)},
    )


@claim(
    "forward.influence.one-step-trend",
    lines="214, 250",
    verdict="holds-if",
    severity="cosmetic",
    title="Per step, the weight of noise rises as far as the rates do",
    statement=r"Within a step, $\sqrt{\beta_t}/\sqrt{1-\beta_t}$ is said to rise with $t$. It "
    r"rises "
    r"if and only if $\beta_t$ does, so the rates must rise strictly.",
    assumptions=(*RATES[:4], BETA_1 < BETA_2),
    witness={BETA_1: Rational(1, 4), BETA_2: Rational(1, 2)},
    correction=r"$\sqrt{\beta_t/(1-\beta_t)}>\sqrt{\beta_{t-1}/(1-\beta_{t-1})}$ if and only if "
    r"$\beta_t>\beta_{t-1}$.",
    sources=(DDPM,),
)
def one_step_trend() -> Checks:
    rises = BETA_1 / (1 - BETA_1) < BETA_2 / (1 - BETA_2)
    yield implies(
        "if the rate rises, the ratio rises", (*RATES[:4], BETA_1 < BETA_2), rises,
        wrong={"to more than twice": 2 * BETA_1 / (1 - BETA_1) < BETA_2 / (1 - BETA_2)},
    )
    yield implies(
        "if the ratio rises, the rate rises", (*RATES[:4], rises), BETA_1 < BETA_2,
        wrong={"to more than twice": 2 * BETA_1 < BETA_2},
    )
    yield refutes(counterexample(
        "falling rates: the ratio falls", rises, given=RATES[:4],
        at={BETA_1: Rational(1, 2), BETA_2: Rational(1, 4)},
        wrong={"it falls": BETA_1 / (1 - BETA_1) > BETA_2 / (1 - BETA_2)},
    ))


def first_noisy_half(steps: int = 1000) -> int:
    """The first t at which 1 - alpha_bar_t exceeds alpha_bar_t, published end points."""
    kept, t = Fraction(1), 0
    while 2 * kept >= 1:
        t += 1
        kept *= 1 - linear_rate(Fraction(t), steps, *PUBLISHED)
    return t


@claim(
    "forward.influence.accumulated",
    lines="214, 250",
    verdict="holds",
    title="The accumulated weight of noise rises for any rates",
    statement=r"In $x_t$ as a whole the weight of noise, $\sqrt{1-\bar\alpha_t}$, rises strictly "
    r"with $t$, and the weight of $x_0$, $\sqrt{\bar\alpha_t}$, falls strictly, for any "
    r"$\beta_t\in(0,1)$, rising or not. With the published rates noise outweighs the clean image "
    r"from $t=260$ on.",
    assumptions=(A_T > 0, A_T <= 1, *RATE),
    witness={A_T: Rational(1, 2), BETA: Rational(1, 50)},
    sources=("DDPM, arXiv 2006.11239, eq. (4)",),
    depends_on=("marginal.alpha-bar.noise-variance",),
)
def accumulated() -> Checks:
    given = (A_T > 0, A_T <= 1, *RATE)
    after = A_T * (1 - BETA)
    yield implies(
        "one more step: more noise, less signal, and alpha_bar stays within (0, 1)", given,
        And(sqrt(1 - after) > sqrt(1 - A_T), sqrt(after) < sqrt(A_T), after > 0, after < 1),
        wrong={"noise variance grows by all of beta": 1 - after >= 1 - A_T + BETA,
               "noise outweighs at once": 1 - after > after},
    )
    yield evaluates(
        "the first step at which noise outweighs the image, exactly", first_noisy_half, 260,
        wrong={"half as many steps": lambda: first_noisy_half(500)},
    )


@claim(
    "forward.influence.motivation",
    lines="214",
    verdict="not-mathematical",
    severity="cosmetic",
    title="Why the rates rise",
    statement=r"A motive is given: a little noise tells at first, more is needed later. This is a "
    r"reason for a design, not a fact that can be proved; DDPM also considered constant rates.",
    sources=("DDPM, arXiv 2006.11239, appendix B",),
)
def motivation() -> Checks:
    yield from ()


@claim(
    "forward.influence.therefore",
    lines="250",
    verdict="holds-if",
    severity="misleading",
    title="Rising rates are not why noise gains weight in x_t",
    statement=r"From $\beta$ rising and $\alpha$ falling it is concluded that noise gains weight "
    r"in $x_t$. For the noise of one step this is right. For all the noise in $x_t$ the conclusion "
    r"is true and the reason is not one: it gains weight for falling rates too, for instance with "
    r"$\beta_1=\tfrac12$, $\beta_2=\tfrac14$.",
    assumptions=(*RATES[:4], BETA_1 < BETA_2),
    witness={BETA_1: Rational(1, 4), BETA_2: Rational(1, 2)},
    correction=r"Noise gains weight in $x_t$ because every $\alpha_t<1$; that the rates rise only "
    r"makes each step noisier than the one before.",
    sources=(DDPM,),
    depends_on=("forward.influence.accumulated", "forward.influence.one-step-trend"),
)
def therefore() -> Checks:
    yield implies(
        "one step: a smaller alpha gives the fresh noise more weight",
        (*RATES[:4], 1 - BETA_2 < 1 - BETA_1), sqrt(BETA_2) > sqrt(BETA_1),
        wrong={"less weight": sqrt(BETA_2) < sqrt(BETA_1)},
    )
    first, second = BETA_1, 1 - (1 - BETA_1) * (1 - BETA_2)
    yield refutes(counterexample(
        "all noise: it is not so that it gains weight only if the rates rise",
        Or(second <= first, BETA_1 < BETA_2), given=RATES[:4],
        at={BETA_1: Rational(1, 2), BETA_2: Rational(1, 4)},
        wrong={"it gains weight only if the rates are positive": Or(second <= first, BETA_2 > 0)},
    ))


@claim(
    "forward.influence.noise-is-normal",
    lines="250",
    verdict="definition",
    severity="cosmetic",
    title="z is normal noise",
    statement=r"A reminder that $z$ is normal noise. The index is dropped and the law is the "
    r"standard one, $z_t\sim\mathcal N(0,I)$, as at line 220.",
    sources=(DDPM,),
)
def noise_is_normal() -> Checks:
    yield from ()
