r"""From x_t back to x_0: each line of the expansion that leads to DDPM (4).

    x_t = sqrt(alpha_t ... alpha_1) x_0 + sum_{i=1}^t sqrt(alpha_t ... alpha_{i+1} beta_i) z_i

This is the step of DDPM (2), arXiv 2006.11239, put into itself t times.  Left sides below are made
by the step; right sides are transcribed from the document.  In one coordinate throughout.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Eq, Expr, Rational, Rel, S, Symbol, sqrt

from derivations.claim import Checks, claim, corrects, refutes
from derivations.forward.forward import BETA, DDPM, RATE, step
from derivations.prover.counterexample import counterexample, differs
from derivations.prover.execution import token
from derivations.prover.gaussian_forms import Form, standard_normal
from derivations.prover.normal_form import identity
from derivations.symbols import real

X, Z = real("x z")
T = real("t")
B, B_1, B_2 = real("beta_t beta_t-1 beta_t-2")
A, A_1, A_2 = 1 - B, 1 - B_1, 1 - B_2
Z_T, Z_1, Z_2 = real("z_t z_t-1 z_t-2")
X_1, X_2, X_3 = real("x_t-1 x_t-2 x_t-3")
RATES = tuple(r for b in (B, B_1, B_2) for r in (b > 0, b < 1))
RATE_WITNESS = {B: Rational(1, 2), B_1: Rational(1, 3), B_2: Rational(1, 4)}
EXPLICIT_STEPS = 6


def signal_coefficient(alpha_bar: Expr) -> Expr:
    """Coefficient of x_0 in x_t: the root of alpha_t ... alpha_1."""
    return sqrt(alpha_bar)


def noise_coefficient(beta_i: Expr, later_alphas: Expr) -> Expr:
    """Coefficient of z_i in x_t; later_alphas is alpha_t ... alpha_{i+1}, 1 for i = t."""
    return sqrt(later_alphas * beta_i)


@claim(
    "marginal.expansion.mu",
    lines="236",
    verdict="misprint",
    severity="misleading",
    title="mu stands where beta is meant",
    statement=r"Three times on this line the rate is written $\mu_t$, a letter that is never "
    r"defined in this section and means the mean of a normal law elsewhere in the document. Lines "
    r"220 and 237 have $\beta_t$ in its place.",
    correction=r"$\beta_t$ for each $\mu_t$.",
    sources=(DDPM,),
)
def mu() -> Checks:
    yield refutes(token(
        "the rate of the step is beta_t, as lines 220, 225 and 237 write it", 236,
        r"\mu_{t}", r"\beta_t",
    ))


@claim(
    "marginal.expansion.radical-image",
    lines="236",
    verdict="misprint",
    severity="wrong-result",
    title="The radical covers the image as well",
    statement=r"As printed the first term is the root of a product with $x_{t-1}$ inside, "
    r"$\sqrt{1-\beta_tx_{t-1}}$, and then $\sqrt{\alpha_tx_{t-1}}$ (with $\beta$ for $\mu$). "
    r"For $\beta_t=\tfrac34$, $x_{t-1}=\tfrac49$ these are $\sqrt{2/3}$ and $\tfrac13$ "
    r"instead of $\tfrac29$; the second is not real for a negative image value.",
    assumptions=RATE,
    witness={BETA: Rational(3, 4)},
    correction=r"$\sqrt{1-\beta_t}\,x_{t-1}=\sqrt{\alpha_t}\,x_{t-1}$",
    sources=(DDPM,),
    depends_on=("forward.step.definition", "forward.alpha.definition"),
)
def radical_image() -> Checks:
    signal = step(X, BETA, S.Zero)
    at = {BETA: Rational(3, 4), X: Rational(4, 9)}
    yield refutes(differs(
        "first form: 1 - beta x under the root", signal, sqrt(1 - BETA * X), given=RATE, at=at,
        wrong={"root of 1 - beta, times x": sqrt(1 - BETA) * X},
    ))
    radicand = (1 - BETA) * X
    yield refutes(differs(
        "second form: alpha x under the root", signal, sqrt(radicand), given=RATE, at=at,
        wrong={"root of alpha, times x": sqrt(1 - BETA) * X},
    ))
    yield refutes(counterexample(
        "a negative image value makes the second radicand negative", radicand >= 0,
        given=RATE, at={BETA: Rational(3, 4), X: -1},
        wrong={"the radicand without the image": 1 - BETA >= 0},
    ))
    yield corrects(identity(
        "what the step makes of the image, with alpha for 1 - beta", signal, sqrt(1 - BETA) * X,
        given=RATE, wrong={"alpha without a root": (1 - BETA) * X},
    ))


@claim(
    "marginal.expansion.radical-noise",
    lines="236",
    verdict="misprint",
    severity="wrong-result",
    title="The radical covers the noise as well",
    statement=r"As printed, twice, the noise term is $\sqrt{\beta_tz_t}$ (with $\beta$ for $\mu$). "
    r"It is not real when $z_t<0$, which has probability $\tfrac12$, and for $\beta_t=\tfrac14$, "
    r"$z_t=4$ it is 1 instead of 2.",
    assumptions=RATE,
    witness={BETA: Rational(1, 4)},
    correction=r"$\sqrt{\beta_t}\,z_t$",
    sources=(DDPM,),
    depends_on=("forward.step.definition",),
)
def radical_noise() -> Checks:
    noise = step(S.Zero, BETA, Z)
    yield refutes(differs(
        "the noise under the root", noise, sqrt(BETA * Z), given=RATE,
        at={BETA: Rational(1, 4), Z: 4}, wrong={"root of beta, times z": sqrt(BETA) * Z},
    ))
    yield refutes(counterexample(
        "a negative noise value makes the radicand negative", BETA * Z >= 0, given=RATE,
        at={BETA: Rational(1, 4), Z: -1}, wrong={"the radicand without the noise": BETA >= 0},
    ))
    yield corrects(identity(
        "the term has variance beta only with z outside the root",
        step(Form(), BETA, standard_normal("z")).variance, BETA, given=RATE,
        wrong={"beta squared": BETA**2},
    ))


@claim(
    "marginal.expansion.first-equality",
    lines="236",
    verdict="misprint",
    severity="wrong-result",
    title="As printed, the two forms on the line are not equal",
    statement=r"Even with $\mu_t=1-\alpha_t$ the printed equality says "
    r"$1-\beta_tx_{t-1}=(1-\beta_t)x_{t-1}$ under the roots, which is true for $x_{t-1}=1$ and for "
    r"nothing else: at $\beta_t=\tfrac34$, $x_{t-1}=\tfrac49$ it says $\tfrac23=\tfrac19$. With "
    r"the "
    r"radicals mended the equality is the definition of $\alpha_t$.",
    assumptions=RATE,
    witness={BETA: Rational(3, 4)},
    correction=r"$x_t=\sqrt{1-\beta_t}\,x_{t-1}+\sqrt{\beta_t}\,z_t"
    r"=\sqrt{\alpha_t}\,x_{t-1}+\sqrt{\beta_t}\,z_t$",
    sources=(DDPM,),
    depends_on=("forward.alpha.definition",),
)
def first_equality() -> Checks:
    alpha = real("alpha")
    yield refutes(counterexample(
        "the radicands as printed", Eq(1 - BETA * X, (1 - BETA) * X, evaluate=False), given=RATE,
        at={BETA: Rational(3, 4), X: Rational(4, 9)},
        wrong={"with the image outside the root":
               Eq(sqrt(1 - BETA) * X, sqrt(1 - BETA) * X, evaluate=False)},
    ))
    yield corrects(identity(
        "the step, with alpha put for 1 - beta", step(X, 1 - alpha, Z),
        sqrt(alpha) * X + sqrt(1 - alpha) * Z, given=(alpha > 0, alpha < 1),
        wrong={"alpha without a root": alpha * X + sqrt(1 - alpha) * Z,
               "beta without a root": sqrt(alpha) * X + (1 - alpha) * Z},
    ))


@claim(
    "marginal.expansion.substitute-once",
    lines="237",
    verdict="holds",
    title="The step before is put in, for t >= 2",
    statement=r"$x_t=\sqrt{\alpha_t}\,(\sqrt{\alpha_{t-1}}\,x_{t-2}+\sqrt{\beta_{t-1}}\,z_{t-1})"
    r"+\sqrt{\beta_t}\,z_t$ for $t\ge2$. It follows from line 236 as corrected, not as printed.",
    assumptions=(*RATES, T >= 2),
    witness={**RATE_WITNESS, T: 2},
    sources=(DDPM,),
    depends_on=("marginal.expansion.first-equality",),
)
def substitute_once() -> Checks:
    yield identity(
        "two steps, against the line", step(step(X_2, B_1, Z_1), B, Z_T),
        sqrt(A) * (sqrt(A_1) * X_2 + sqrt(B_1) * Z_1) + sqrt(B) * Z_T, given=RATES,
        wrong={
            "the rate of the wrong step": sqrt(A) * (sqrt(A) * X_2 + sqrt(B) * Z_1) + sqrt(B) * Z_T,
            "one noise for both steps": sqrt(A) * (sqrt(A_1) * X_2 + sqrt(B_1) * Z_T)
            + sqrt(B) * Z_T,
        },
    )


@claim(
    "marginal.expansion.colour",
    lines="237, 239",
    verdict="misprint",
    severity="cosmetic",
    title="The colour command turns the rest of the line red",
    statement=r"In LaTeX, KaTeX and MathJax 3, \color is a switch that holds to the end of its "
    r"group; the braces after it do not limit it. Here terms follow the coloured bracket, and they "
    r"turn red, too. (MathJax 2 takes the braces as an argument; the form of line 258 is right in "
    r"all.)",
    correction=r"{\color{red}{(...)}}, as line 258 has it, or \textcolor{red}{(...)}",
    sources=("Carlisle, Packages in the graphics bundle (LaTeX), the color package",
             "MathJax documentation, TeX extensions color and colorv2"),
)
def colour() -> Checks:
    for line in (237, 239):
        yield refutes(token("a switch without a group of its own", line, r"\color{red}{",
                            r"{\color{red}{"))


@claim(
    "marginal.expansion.multiply-once",
    lines="238",
    verdict="holds",
    title="The first product is multiplied out",
    statement=r"$x_t=\sqrt{\alpha_t\alpha_{t-1}}\,x_{t-2}+\sqrt{\alpha_t\beta_{t-1}}\,z_{t-1}"
    r"+\sqrt{\beta_t}\,z_t$ for $t\ge2$; $\sqrt a\sqrt b=\sqrt{ab}$ because all rates lie in "
    r"$(0,1)$.",
    assumptions=(*RATES, T >= 2),
    witness={**RATE_WITNESS, T: 2},
    sources=(DDPM,),
    depends_on=("marginal.expansion.substitute-once",),
)
def multiply_once() -> Checks:
    yield identity(
        "two steps, against the line", step(step(X_2, B_1, Z_1), B, Z_T),
        sqrt(A * A_1) * X_2 + sqrt(A * B_1) * Z_1 + sqrt(B) * Z_T, given=RATES,
        wrong={
            "earlier noise not shrunk": sqrt(A * A_1) * X_2 + sqrt(B_1) * Z_1 + sqrt(B) * Z_T,
            "alpha of the earlier step": sqrt(A * A_1) * X_2 + sqrt(A_1 * B_1) * Z_1
            + sqrt(B) * Z_T,
            "no roots": A * A_1 * X_2 + A * B_1 * Z_1 + B * Z_T,
        },
    )


@claim(
    "marginal.expansion.substitute-twice",
    lines="239",
    verdict="holds",
    title="The step before that is put in, for t >= 3",
    statement=r"$x_{t-2}=\sqrt{\alpha_{t-2}}\,x_{t-3}+\sqrt{\beta_{t-2}}\,z_{t-2}$ is put into "
    r"line "
    r"238; it needs $t\ge3$.",
    assumptions=(*RATES, T >= 3),
    witness={**RATE_WITNESS, T: 3},
    sources=(DDPM,),
    depends_on=("marginal.expansion.multiply-once",),
)
def substitute_twice() -> Checks:
    rest = sqrt(A * B_1) * Z_1 + sqrt(B) * Z_T
    yield identity(
        "three steps, against the line", step(step(step(X_3, B_2, Z_2), B_1, Z_1), B, Z_T),
        sqrt(A * A_1) * (sqrt(A_2) * X_3 + sqrt(B_2) * Z_2) + rest, given=RATES,
        wrong={
            "only one alpha before the bracket":
                sqrt(A) * (sqrt(A_2) * X_3 + sqrt(B_2) * Z_2) + rest,
            "rate of the wrong step":
                sqrt(A * A_1) * (sqrt(A_1) * X_3 + sqrt(B_1) * Z_2) + rest,
        },
    )


@claim(
    "marginal.expansion.multiply-twice",
    lines="240",
    verdict="holds",
    title="The second product is multiplied out",
    statement=r"$x_t=\sqrt{\alpha_t\alpha_{t-1}\alpha_{t-2}}\,x_{t-3}+"
    r"\sqrt{\alpha_t\alpha_{t-1}\beta_{t-2}}\,z_{t-2}+\sqrt{\alpha_t\beta_{t-1}}\,z_{t-1}+"
    r"\sqrt{\beta_t}\,z_t$ for $t\ge3$.",
    assumptions=(*RATES, T >= 3),
    witness={**RATE_WITNESS, T: 3},
    sources=(DDPM,),
    depends_on=("marginal.expansion.substitute-twice",),
)
def multiply_twice() -> Checks:
    rest = sqrt(A * B_1) * Z_1 + sqrt(B) * Z_T
    yield identity(
        "three steps, against the line", step(step(step(X_3, B_2, Z_2), B_1, Z_1), B, Z_T),
        sqrt(A * A_1 * A_2) * X_3 + sqrt(A * A_1 * B_2) * Z_2 + rest, given=RATES,
        wrong={
            "one alpha missing": sqrt(A * A_1 * A_2) * X_3 + sqrt(A * B_2) * Z_2 + rest,
            "one alpha too many": sqrt(A * A_1 * A_2) * X_3 + sqrt(A * A_1 * A_2 * B_2) * Z_2
            + rest,
        },
    )


def unrolled(steps: int) -> tuple[list[Symbol], Form]:
    """beta_1..beta_steps, and x_steps as a linear form in x_0 (mean) and z_1..z_steps."""
    betas = [real(f"beta_{i}") for i in range(1, steps + 1)]
    x = Form(real("x_0"))
    for i, beta in enumerate(betas, start=1):
        x = step(x, beta, standard_normal(f"z_{i}"))
    return betas, x


def alphas_between(betas: Sequence[Expr], first: int, last: int) -> Expr:
    """alpha_first ... alpha_last as a product; 1 when it is empty.  1-based, as in the paper."""
    product = S.One
    for beta in betas[first - 1:last]:
        product *= 1 - beta
    return product


def within(betas: Sequence[Symbol]) -> tuple[Rel, ...]:
    """Every rate lies in (0, 1)."""
    return tuple(r for beta in betas for r in (beta > 0, beta < 1))
