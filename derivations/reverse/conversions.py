r"""x_0, eps, v and the score: given x_t, each determines the others.

    x_t   = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps                   DDPM (4)
    x_0   = (x_t - sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_bar_t)               DDIM (9)
    v     = sqrt(alpha_bar_t) eps - sqrt(1 - alpha_bar_t) x_0                   2202.00512 section 4
    x_0   = sqrt(alpha_bar_t) x_t - sqrt(1 - alpha_bar_t) v                     2202.00512 section 4
    eps   = sqrt(1 - alpha_bar_t) x_t + sqrt(alpha_bar_t) v                     2202.00512 app. D
    score = -eps / sqrt(1 - alpha_bar_t)                                        DDPM section 3.2

DDPM = arXiv 2006.11239, DDIM = arXiv 2010.02502; v from Salimans & Ho 2022, arXiv 2202.00512.
"""

from sympy import Expr, Matrix, Rational, cos, diff, sin, sqrt

from derivations.claim import Checks, claim
from derivations.prover.normal_form import identity
from derivations.reverse.posterior import LINES, log_normal
from derivations.symbols import real

DDPM_4 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (4)"
DDIM_9 = "Song, Meng & Ermon 2021, arXiv 2010.02502, eq. (9)"
SALIMANS = "Salimans & Ho 2022, arXiv 2202.00512, section 4 and appendix D"


def noised(x_0: Expr, eps: Expr, alpha_bar: Expr) -> Expr:
    """x_t of a clean image and its noise."""
    return sqrt(alpha_bar) * x_0 + sqrt(1 - alpha_bar) * eps


def x_0_from_eps(x_t: Expr, eps: Expr, alpha_bar: Expr) -> Expr:
    """The clean image that x_t and the noise imply."""
    return (x_t - sqrt(1 - alpha_bar) * eps) / sqrt(alpha_bar)


def eps_from_x_0(x_t: Expr, x_0: Expr, alpha_bar: Expr) -> Expr:
    """The noise that x_t and the clean image imply."""
    return (x_t - sqrt(alpha_bar) * x_0) / sqrt(1 - alpha_bar)


def v_from_x_0(x_0: Expr, eps: Expr, alpha_bar: Expr) -> Expr:
    """v of a clean image and its noise."""
    return sqrt(alpha_bar) * eps - sqrt(1 - alpha_bar) * x_0


def x_0_from_v(x_t: Expr, v: Expr, alpha_bar: Expr) -> Expr:
    """The clean image that x_t and v imply."""
    return sqrt(alpha_bar) * x_t - sqrt(1 - alpha_bar) * v


def eps_from_v(x_t: Expr, v: Expr, alpha_bar: Expr) -> Expr:
    """The noise that x_t and v imply."""
    return sqrt(1 - alpha_bar) * x_t + sqrt(alpha_bar) * v


def score_from_eps(eps: Expr, alpha_bar: Expr) -> Expr:
    """The derivative of log q(x_t | x_0) in x_t."""
    return -eps / sqrt(1 - alpha_bar)


def eps_from_score(score: Expr, alpha_bar: Expr) -> Expr:
    """The noise that the score implies."""
    return -sqrt(1 - alpha_bar) * score


B, x_0, x_t, eps = real("alpha_bar_t x_0 x_t eps")
NOISY = (B > 0, B < 1)
NOISY_WITNESS = {B: Rational(1, 2)}


@claim(
    "conversions.x0-from-eps",
    lines=LINES,
    verdict="holds",
    title="The clean image from the noise (supplied)",
    statement=r"$x_0 = \big(x_t - \sqrt{1-\bar\alpha_t}\,\epsilon\big)/\sqrt{\bar\alpha_t}$.",
    assumptions=NOISY,
    witness=NOISY_WITNESS,
    sources=(DDPM_4, DDIM_9),
    code=("core.conversions.x_0_from_eps",),
)
def clean_from_noise() -> Checks:
    yield identity(
        "put x_t of DDPM (4) in: x_0 comes back",
        x_0_from_eps(noised(x_0, eps, B), eps, B), x_0, given=NOISY,
        wrong={"the noise comes back": eps, "scaled": sqrt(B) * x_0},
    )
    yield identity(
        "and x_t is recovered from the x_0 so found",
        noised(x_0_from_eps(x_t, eps, B), eps, B), x_t, given=NOISY,
        wrong={"divided once more": x_t / sqrt(B)},
    )


@claim(
    "conversions.eps-from-x0",
    lines=LINES,
    verdict="holds",
    title="The noise from the clean image (supplied)",
    statement=r"$\epsilon = \big(x_t - \sqrt{\bar\alpha_t}\,x_0\big)/\sqrt{1-\bar\alpha_t}$.",
    assumptions=NOISY,
    witness=NOISY_WITNESS,
    sources=(DDPM_4,),
    code=("core.conversions.eps_from_x_0",),
)
def noise_from_clean() -> Checks:
    yield identity(
        "put x_t of DDPM (4) in: eps comes back",
        eps_from_x_0(noised(x_0, eps, B), x_0, B), eps, given=NOISY,
        wrong={"divided by the variance": eps / sqrt(1 - B), "the image comes back": x_0},
    )
    yield identity(
        "round trip: noise to clean image to noise",
        eps_from_x_0(x_t, x_0_from_eps(x_t, eps, B), B), eps, given=NOISY,
        wrong={"sign lost": -eps},
    )


@claim(
    "conversions.v-rotation",
    lines=LINES,
    verdict="holds",
    title="(x_t, v) is (x_0, eps) turned by one angle (supplied)",
    statement=(
        r"With $\cos\varphi = \sqrt{\bar\alpha_t}$ and $\sin\varphi = \sqrt{1-\bar\alpha_t}$, "
        r"$(x_t, v)^\top = R(\varphi)\,(x_0, \epsilon)^\top$ for a rotation $R$ "
        r"($R^\top R = I$, $\det R = 1$), so $x_t^2 + v^2 = x_0^2 + \epsilon^2$."
    ),
    assumptions=NOISY,
    witness=NOISY_WITNESS,
    sources=(SALIMANS,),
    code=("core.conversions.v_from_x_0",),
)
def rotation() -> Checks:
    turn = Matrix([[diff(f, variable) for variable in (x_0, eps)]
                   for f in (noised(x_0, eps, B), v_from_x_0(x_0, eps, B))])
    yield identity(
        "the matrix of the map from (x_0, eps) to (x_t, v) is orthogonal with determinant 1",
        [list(turn.T * turn), turn[0, 0] * turn[1, 1] - turn[0, 1] * turn[1, 0]],
        [[1, 0, 0, 1], 1], given=NOISY,
        wrong={"a reflection": [[1, 0, 0, 1], -1], "a shear": [[1, sqrt(B), 0, 1], 1]},
    )
    yield identity(
        "squared lengths agree",
        noised(x_0, eps, B) ** 2 + v_from_x_0(x_0, eps, B) ** 2, x_0**2 + eps**2, given=NOISY,
        wrong={"a cross term stays": x_0**2 + eps**2 + 4 * sqrt(B) * sqrt(1 - B) * x_0 * eps},
    )
    phi, c, s = real("phi"), cos(real("phi")), sin(real("phi"))
    yield identity(
        "v is the derivative of x_t with respect to the angle",
        diff(c * x_0 + s * eps, phi), c * eps - s * x_0,
        wrong={"the other sign": s * x_0 - c * eps},
    )


@claim(
    "conversions.x0-from-v",
    lines=LINES,
    verdict="holds",
    title="The clean image from v, without a division (supplied)",
    statement=r"$x_0 = \sqrt{\bar\alpha_t}\,x_t - \sqrt{1-\bar\alpha_t}\,v$.",
    assumptions=NOISY,
    witness=NOISY_WITNESS,
    sources=(SALIMANS,),
    code=("core.conversions.x_0_from_v",),
    depends_on=("conversions.v-rotation",),
)
def clean_from_v() -> Checks:
    here, v = noised(x_0, eps, B), v_from_x_0(x_0, eps, B)
    yield identity(
        "the first row of the inverse rotation", x_0_from_v(here, v, B), x_0, given=NOISY,
        wrong={"the sign of v": sqrt(B) * here + sqrt(1 - B) * v,
               "roots exchanged": sqrt(1 - B) * here - sqrt(B) * v},
    )


@claim(
    "conversions.eps-from-v",
    lines=LINES,
    verdict="holds",
    title="The noise from v, without a division (supplied)",
    statement=r"$\epsilon = \sqrt{1-\bar\alpha_t}\,x_t + \sqrt{\bar\alpha_t}\,v$.",
    assumptions=NOISY,
    witness=NOISY_WITNESS,
    sources=(SALIMANS,),
    code=("core.conversions.eps_from_v",),
    depends_on=("conversions.v-rotation",),
)
def noise_from_v() -> Checks:
    here, v = noised(x_0, eps, B), v_from_x_0(x_0, eps, B)
    yield identity(
        "the second row of the inverse rotation", eps_from_v(here, v, B), eps, given=NOISY,
        wrong={"the sign of v": sqrt(1 - B) * here - sqrt(B) * v,
               "roots exchanged": sqrt(B) * here + sqrt(1 - B) * v},
    )
    yield identity(
        "round trip through x_0", eps_from_x_0(here, x_0_from_v(here, v, B), B), eps, given=NOISY,
        wrong={"the image": x_0},
    )


@claim(
    "conversions.score",
    lines=LINES,
    verdict="holds",
    title="The score of the noised image given the clean one (supplied)",
    statement=(
        r"$\nabla_{x_t}\log q(x_t\mid x_0) = -\epsilon/\sqrt{1-\bar\alpha_t}$ at the $x_t$ that "
        r"$x_0$ and $\epsilon$ make; conversely $\epsilon = -\sqrt{1-\bar\alpha_t}$ times it."
    ),
    assumptions=NOISY,
    witness=NOISY_WITNESS,
    sources=("arXiv 2006.11239, section 3.2", "Vincent 2011, Neural Computation 23(7)"),
    code=("core.conversions.score_from_eps", "core.conversions.eps_from_score"),
    depends_on=("conversions.eps-from-x0",),
)
def score() -> Checks:
    slope = diff(log_normal(x_t, sqrt(B) * x_0, 1 - B), x_t).subs(x_t, noised(x_0, eps, B))
    yield identity(
        "differentiate the log density of DDPM (4)", slope, score_from_eps(eps, B), given=NOISY,
        wrong={"divided by the variance": -eps / (1 - B), "the other sign": eps / sqrt(1 - B)},
    )
    yield identity(
        "and back", eps_from_score(slope, B), eps, given=NOISY,
        wrong={"without the sign": -eps, "times the variance": (1 - B) * eps},
    )
