r"""KL divergence of two normal distributions: the four integrals of the prose.

    int p log sigma_2^2 = log sigma_2^2        int p (x - mu_2)^2 = sigma_1^2 + (mu_1 - mu_2)^2
    -int p log sigma_1^2 = -log sigma_1^2      -int p (x - mu_1)^2 / sigma_1^2 = -1

with p the density of N(mu_1, sigma_1^2).
"""

from __future__ import annotations

from sympy import Eq, Expr, log

from derivations.claim import Checks, claim, corrects, refutes
from derivations.kl.kl import x
from derivations.kl.kl_gaussian import GIVEN, POINTS, POSITIVE, mu_1, mu_2, sigma_1, sigma_2
from derivations.kl.kl_gaussian_steps import BRACKET, FORWARD, PARTS, integral_under_first
from derivations.prover.balls import encloses
from derivations.prover.counterexample import counterexample, differs
from derivations.prover.execution import token
from derivations.prover.gaussian_forms import expectation
from derivations.prover.normal_form import identity
from derivations.symbols import real

sigma_3 = real("sigma_3")
SECOND_ABOUT_OTHER = sigma_1**2 + (mu_1 - mu_2) ** 2
VALUES = (log(sigma_2**2), -log(sigma_1**2), SECOND_ABOUT_OTHER / sigma_2**2, -1)
STEPS = ("kl.gaussian.abbreviation", "moments.stein")


def under_first(integrand: Expr) -> Expr:
    """E_p[integrand] for p = N(mu_1, sigma_1^2), by Stein's recursion."""
    return expectation(integrand, x, mu_1, sigma_1**2)


@claim(
    "kl.gaussian.split",
    lines="144",
    verdict="holds",
    title="The integral of the general case splits into four",
    statement=r"The integral of $p$ times the bracket of line 141 is the sum of the integrals of "
    r"its four summands; each is finite, since all moments of a normal law are.",
    **POSITIVE,
    depends_on=STEPS,
)
def split() -> Checks:
    means = [under_first(part) for part in PARTS]
    yield identity(
        "the four expectations add up to that of the bracket", under_first(BRACKET), sum(means),
        given=GIVEN, wrong={"three of them": sum(means[:3]),
                            "fourth with the wrong sign": sum(means[:3]) - means[3]},
    )
    yield encloses(
        "the four integrals, each enclosed, against twice the divergence",
        lambda point: sum((integral_under_first(part)(point) for part in PARTS[1:]),
                          integral_under_first(PARTS[0])(point)),
        2 * FORWARD, points=POINTS, wrong={"the divergence itself": FORWARD},
    )


@claim(
    "kl.gaussian.first-integral",
    lines="144",
    verdict="holds",
    title="General case, first integral: a constant times the total mass",
    statement=r"$\int p(x)\log\sigma_2^2\,dx=\log\sigma_2^2$.",
    **POSITIVE,
    depends_on=STEPS,
)
def first_integral() -> Checks:
    yield encloses(
        "the integral", integral_under_first(PARTS[0]), VALUES[0], points=POINTS,
        wrong={"log of sigma_2": VALUES[0] / 2, "the other variance": log(sigma_1**2)},
    )
    yield identity(
        "what a constant leaves when its mean is taken", under_first(PARTS[0]), 2 * log(sigma_2),
        given=GIVEN, wrong={"one logarithm of sigma_2": log(sigma_2)},
    )


@claim(
    "kl.gaussian.second-integral",
    lines="144",
    verdict="holds",
    title="General case, second integral: minus a constant times the total mass",
    statement=r"$\int p(x)(-\log\sigma_1^2)\,dx=-\log\sigma_1^2$.",
    **POSITIVE,
    depends_on=STEPS,
)
def second_integral() -> Checks:
    yield encloses(
        "the integral", integral_under_first(PARTS[1]), VALUES[1], points=POINTS,
        wrong={"sign": -VALUES[1], "the other variance": -log(sigma_2**2)},
    )
    yield identity(
        "what a constant leaves when its mean is taken", under_first(PARTS[1]), -2 * log(sigma_1),
        given=GIVEN, wrong={"one logarithm of sigma_1": -log(sigma_1)},
    )


@claim(
    "kl.gaussian.foreign-moment",
    lines="146",
    verdict="holds",
    title="Numerator of the third integral: second moment about another mean",
    statement=r"$\int p(x)(x-\mu_2)^2\,dx=\sigma_1^2+(\mu_1-\mu_2)^2$: the numerator of the line. "
    r"The cross term vanishes because $\mathbb{E}_p(x-\mu_1)=0$.",
    **POSITIVE,
    depends_on=STEPS,
)
def foreign_moment() -> Checks:
    moment = (x - mu_2) ** 2
    wrong = {"sum of the means": sigma_1**2 + (mu_1 + mu_2) ** 2,
             "the other variance": sigma_2**2 + (mu_1 - mu_2) ** 2,
             "moment about 0": mu_1**2 + sigma_1**2,
             "variance of a difference": sigma_1**2 + sigma_2**2 + (mu_1 - mu_2) ** 2}
    yield identity("by Stein's recursion", under_first(moment), SECOND_ABOUT_OTHER, wrong=wrong)
    yield identity(
        "the square about the other mean, expanded about its own", moment,
        (x - mu_1) ** 2 + 2 * (mu_1 - mu_2) * (x - mu_1) + (mu_1 - mu_2) ** 2,
        wrong={"no cross term": (x - mu_1) ** 2 + (mu_1 - mu_2) ** 2},
    )
    yield encloses("the integral", integral_under_first(moment), SECOND_ABOUT_OTHER,
                   points=POINTS, wrong=wrong)


@claim(
    "kl.gaussian.sigma-3",
    lines="146",
    verdict="misprint",
    severity="wrong-result",
    title="A third variance that does not exist",
    statement=r"The third integral is given as $\frac{\sigma_1^2+(\mu_1-\mu_2)^2}{\sigma_3^2}$; no "
    r"$\sigma_3$ is defined. For two standard normals the integral is 1; with $\sigma_3=2$ the "
    r"line gives $\tfrac14$.",
    assumptions=(*GIVEN, sigma_3 > 0),
    witness={sigma_1: 1, sigma_2: 1, sigma_3: 2},
    correction=r"$\frac{\sigma_1^2+(\mu_1-\mu_2)^2}{\sigma_2^2}$, as in line 149",
    depends_on=("kl.gaussian.foreign-moment",),
)
def sigma_three() -> Checks:
    third, right = under_first(PARTS[2]), VALUES[2]
    printed = SECOND_ABOUT_OTHER / sigma_3**2
    yield refutes(token("an undefined variance", 146, r"\sigma_3^2", r"\sigma_2^2"))
    yield refutes(differs(
        "two standard normals", third, printed, given=(*GIVEN, sigma_3 > 0),
        at={mu_1: 0, sigma_1: 1, mu_2: 0, sigma_2: 1, sigma_3: 2},
        wrong={"with sigma_2": right},
    ))
    yield corrects(identity(
        "with sigma_2, by Stein's recursion", third, right, given=GIVEN,
        wrong={"with sigma_1": SECOND_ABOUT_OTHER / sigma_1**2,
               "with sigma_2, not squared": SECOND_ABOUT_OTHER / sigma_2},
    ))
    yield corrects(encloses(
        "with sigma_2, the integral", integral_under_first(PARTS[2]), right, points=POINTS,
        wrong={"with sigma_1": SECOND_ABOUT_OTHER / sigma_1**2},
    ))


@claim(
    "kl.gaussian.foreign-moment-name",
    lines="144",
    verdict="definition",
    severity="misleading",
    title="The third term is called the second moment of a different normal",
    statement=r"The name is not a standard one and the value is said to be well known. The term is "
    r"$\mathbb{E}_p(x-\mu_2)^2/\sigma_2^2$: the second moment of $p$ itself about the mean of $q$, "
    r"divided by the variance of $q$. The second moments of $q$ are $\mu_2^2+\sigma_2^2$ and "
    r"$\sigma_2^2$.",
    **POSITIVE,
    correction=r"The third integral is the second moment of $p$ about $\mu_2$, divided by "
    r"$\sigma_2^2$.",
    depends_on=("kl.gaussian.foreign-moment", "moments.normal-second"),
)
def foreign_moment_name() -> Checks:
    of_q = expectation(x**2, x, mu_2, sigma_2**2)
    at = {mu_1: 0, sigma_1: 1, mu_2: 1, sigma_2: 2}
    third = under_first(PARTS[2])
    for name, moment in (("about 0", of_q), ("about its mean", sigma_2**2)):
        yield counterexample(
            f"the term is not the second moment of q {name}",
            Eq(third, moment, evaluate=False), given=GIVEN, at=at,
            wrong={"what it is": Eq(third, VALUES[2], evaluate=False)},
        )


@claim(
    "kl.gaussian.fourth-integral",
    lines="146",
    verdict="holds",
    title="General case, fourth integral: minus one",
    statement=r"$-\int p(x)\,\frac{(x-\mu_1)^2}{\sigma_1^2}\,dx=-\frac{\sigma_1^2}{\sigma_1^2}"
    r"=-1$.",
    **POSITIVE,
    depends_on=STEPS,
)
def fourth_integral() -> Checks:
    yield identity(
        "by Stein's recursion", under_first(PARTS[3]), -1, given=GIVEN,
        wrong={"minus the variance": -(sigma_1**2),
               "quotient of the variances": -(sigma_1**2) / sigma_2**2},
    )
    yield encloses("the integral", integral_under_first(PARTS[3]), -1, points=POINTS,
                   wrong={"plus one": 1})


@claim(
    "kl.gaussian.factor-half",
    lines="144, 146",
    verdict="incomplete",
    severity="cosmetic",
    title="The common factor one half is not mentioned in the general case",
    statement=r"The result is said to consist of four integrals with the stated values; their sum "
    r"is twice the divergence. The factor $\tfrac12$ of line 141 returns in line 149.",
    **POSITIVE,
    supplied_by=("kl.gaussian.closed-form",),
)
def factor_half() -> Checks:
    yield refutes(differs(
        "the sum of the four values is not the divergence", FORWARD, sum(VALUES), given=GIVEN,
        at={mu_1: 0, sigma_1: 1, mu_2: 1, sigma_2: 2}, wrong={"half their sum": sum(VALUES) / 2},
    ))


@claim(
    "kl.gaussian.log-letters",
    lines="144",
    verdict="misprint",
    severity="cosmetic",
    title="log is set as a product of three letters in the general case",
    statement=r"Four times the logarithm is set in italic letters, as $l\cdot o\cdot g$.",
    correction=r"$\log\sigma_2^2$, $-\log\sigma_1^2$",
)
def log_letters() -> Checks:
    yield refutes(token("italic letters", 144, r"$log\sigma_2^2", r"$\log\sigma_2^2"))


@claim(
    "kl.gaussian.doubled-character",
    lines="144",
    verdict="misprint",
    severity="cosmetic",
    title="A character is doubled",
    statement="The second character of the word for integral is printed twice.",
    correction="Print it once.",
)
def doubled_character() -> Checks:
    yield refutes(token("a doubled character", 144, "积分 分", "积分"))


@claim(
    "kl.gaussian.extra-parenthesis",
    lines="144",
    verdict="misprint",
    severity="cosmetic",
    title="A closing parenthesis too many",
    statement="The remark that the second integral contains the total mass 1 ends with two closing "
    "parentheses and has one opening parenthesis.",
    correction="One closing parenthesis.",
)
def extra_parenthesis() -> Checks:
    yield refutes(token("two closing parentheses", 144, "1))", "1)"))


@claim(
    "kl.gaussian.broken-sentence",
    lines="144, 146",
    verdict="not-mathematical",
    severity="cosmetic",
    title="A sentence is interrupted by an empty line",
    statement="The sentence of line 144 continues in line 146 with its formula, after an empty "
    "line that starts a new paragraph.",
)
def broken_sentence() -> Checks:
    yield from ()
