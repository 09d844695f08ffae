r"""A schedule rescaled to end without signal, by an affine map of the roots of alpha_bar.

    root'_t = (root_t - root_T) root_1 / (root_1 - root_T),   root = sqrt(alpha_bar)
    beta'_t = 1 - (root'_t / root'_{t-1})^2                         arXiv 2305.08891, algorithm 1
"""

from sympy import And, Eq, Expr, Rational

from derivations.claim import Checks, claim
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

LIN = "Lin et al. 2023, arXiv 2305.08891, algorithm 1"

root_1, root_s, root_t, root_end, slope, shift = real("root_1 root_s root_t root_end slope shift")
# root_s and root_t belong to neighbours s < t; each has constant ends, so points can be drawn.
ROOTS = (root_end > 0, root_end < 1, root_1 > 0, root_1 < 1, root_1 > root_end)
NEIGHBOURS = (*ROOTS, root_t > 0, root_t < 1, root_s > 0, root_s < 1,
              root_s <= root_1, root_s > root_t, root_t >= root_end)
WITNESS = {root_end: Rational(1, 10), root_t: Rational(1, 2), root_s: Rational(2, 3),
           root_1: Rational(9, 10)}


def rescaled_root(root: Expr, first: Expr, last: Expr) -> Expr:
    """The square root of the rescaled alpha_bar."""
    return (root - last) * first / (first - last)


def rescaled_beta(before: Expr, after: Expr, last: Expr) -> Expr:
    """beta' of the step between neighbours whose roots were before and after, t > 1."""
    return 1 - ((after - last) / (before - last)) ** 2


@claim(
    "schedule.zero-terminal.roots",
    lines="413-439",
    verdict="holds",
    title="The rescaling that ends without signal (supplied)",
    statement=(
        r"$\sqrt{\bar\alpha'_t} = (\sqrt{\bar\alpha_t}-\sqrt{\bar\alpha_T})\,\sqrt{\bar\alpha_1}/"
        r"(\sqrt{\bar\alpha_1}-\sqrt{\bar\alpha_T})$ is the only affine map of the roots that "
        r"keeps the first and sends the last to $0$. It keeps their order and leaves less signal "
        r"at every $t>1$."
    ),
    assumptions=NEIGHBOURS,
    witness=WITNESS,
    sources=(LIN,),
    code=("core.zero_terminal_snr.zero_terminal_snr",),
    depends_on=("schedule.tables.decreasing",),
)
def roots() -> Checks:
    yield identity(
        "the first is kept, the last is 0, and equal distances stay equal",
        [rescaled_root(root_1, root_1, root_end), rescaled_root(root_end, root_1, root_end),
         rescaled_root((root_s + root_t) / 2, root_1, root_end)],
        [root_1, 0,
         (rescaled_root(root_s, root_1, root_end) + rescaled_root(root_t, root_1, root_end)) / 2],
        given=NEIGHBOURS,
        wrong={"shifted only": [root_1 - root_end, 0, (root_s + root_t) / 2 - root_end],
               "the first becomes 1": [1, 0, (root_s + root_t) / 2]},
    )
    yield implies(
        "an affine map with these two values is this one",
        (*NEIGHBOURS, Eq(slope * root_1 + shift, root_1), Eq(slope * root_end + shift, 0)),
        Eq(slope * root_t + shift, rescaled_root(root_t, root_1, root_end)),
        wrong={"it is the shift": Eq(slope * root_t + shift, root_t - root_end)},
    )
    new_s, new_t = (rescaled_root(r, root_1, root_end) for r in (root_s, root_t))
    yield implies(
        "the order is kept, and nothing but the last is without signal",
        NEIGHBOURS, And(new_t < new_s, new_t >= 0, new_s <= root_1),
        wrong={"the last keeps some": And(new_t < new_s, new_t > 0),
               "the order is reversed": new_t > new_s},
    )
    yield implies(
        "each later root is smaller than it was", NEIGHBOURS, new_t < root_t,
        wrong={"larger": new_t > root_t, "by more than the last": new_t < root_t - root_end},
    )


@claim(
    "schedule.zero-terminal.betas",
    lines="413-439",
    verdict="holds",
    title="The betas of the rescaled schedule (supplied)",
    statement=(
        r"With $u_t=\sqrt{\bar\alpha_t}-\sqrt{\bar\alpha_T}$: $\beta'_t = "
        r"(u_{t-1}-u_t)(u_{t-1}+u_t)/u_{t-1}^2$ for $t>1$, without the common factor and without "
        r"cancellation; it lies in $(0,1)$ for $1<t<T$, is $1$ at $T$, and $\beta'_1=\beta_1$."
    ),
    assumptions=NEIGHBOURS,
    witness=WITNESS,
    sources=(LIN,),
    code=("core.zero_terminal_snr.zero_terminal_snr",),
    depends_on=("schedule.zero-terminal.roots",),
)
def betas() -> Checks:
    new_s, new_t = (rescaled_root(r, root_1, root_end) for r in (root_s, root_t))
    u_s, u_t = root_s - root_end, root_t - root_end
    yield identity(
        "from the quotient of the new alpha_bar, which is 1 - beta'",
        [1 - new_t**2 / new_s**2, rescaled_beta(root_s, root_t, root_end)],
        [(u_s - u_t) * (u_s + u_t) / u_s**2] * 2,
        given=NEIGHBOURS,
        wrong={"of the roots, not their squares": [(u_s - u_t) / u_s] * 2,
               "of the old roots": [(root_s - root_t) * (root_s + root_t) / root_s**2] * 2},
    )
    yield identity(
        "1 at the end, and the first unchanged: 1 - alpha_bar'_1 over alpha_bar_0 = 1",
        [rescaled_beta(root_s, root_end, root_end),
         1 - rescaled_root(root_1, root_1, root_end) ** 2],
        [1, 1 - root_1**2], given=NEIGHBOURS,
        wrong={"both as they were": [1 - root_end**2 / root_s**2, 1 - root_1**2],
               "the first rescaled": [1, 1 - (root_1 - root_end) ** 2]},
    )
    beta = rescaled_beta(root_s, root_t, root_end)
    yield implies(
        "in (0, 1) before the end", (*NEIGHBOURS, root_t > root_end),
        And(beta > 0, beta < 1), wrong={"below the old one": beta < 1 - root_t**2 / root_s**2},
    )
