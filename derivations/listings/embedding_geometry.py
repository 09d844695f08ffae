r"""What the sinusoidal embedding is good for: constant length, relative times, no collisions.

    |e(t)|^2 = half
    <e(t), e(t')> = sum_i cos((t - t') f_i)
    e(t) = e(t') for integers only if t = t',  because f_0 = 1

The conventions of iDDPM (line 329) and DDPM share all three; the formulas of e and f_i are in
timestep_embedding.py.
"""

from collections.abc import Callable
from typing import Any

from flint import arb
from sympy import Expr, Rational, cos, expand_trig, sin

from derivations.claim import Checks, claim
from derivations.listings.timestep_embedding import CODE
from derivations.prover.balls import ball, encloses
from derivations.prover.execution import evaluates
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.symbols import real

t, t_other, shift, frequency = real("t t_other shift frequency")


@claim(
    "embedding.norm",
    lines="329",
    verdict="holds",
    title="Every timestep has an embedding of the same length (supplied)",
    statement=r"$\lVert e(t) \rVert^2 = \mathrm{half}$ for every real $t$ and every number of "
    r"frequencies: each pair contributes $\cos^2 + \sin^2 = 1$. (Supplied.)",
    code=(CODE + "timestep_embedding_improved", CODE + "timestep_embedding_ddpm"),
    depends_on=("embedding.order",),
)
def norm() -> Checks:
    pairs, square = real("pairs square")
    angle = t * frequency
    yield invariant(
        "one more frequency adds exactly 1, whatever it is",
        Recursion(
            start={pairs: 0, square: 0},
            step={pairs: pairs + 1, square: square + cos(angle) ** 2 + sin(angle) ** 2},
        ),
        {square: pairs},
        wrong={"number of columns": {square: 2 * pairs}, "constant": {square: pairs * 0 + 1}},
    )


@claim(
    "embedding.shift-invariance",
    lines="329",
    verdict="holds",
    title="Inner products depend on the time difference alone (supplied)",
    statement=r"$\langle e(t), e(t') \rangle = \sum_i \cos\big((t - t') f_i\big)$; adding the same "
    r"shift to both timesteps rotates every pair and changes no inner product. (Supplied.)",
    sources=("Vaswani et al. 2017, arXiv 1706.03762, section 3.5",),
    depends_on=("embedding.norm",),
)
def shift_invariance() -> Checks:
    a, b = t * frequency, t_other * frequency
    inner = cos(a) * cos(b) + sin(a) * sin(b)
    yield identity(
        "one pair: the addition theorem of the cosine", inner, expand_trig(cos(a - b)),
        wrong={"sum of times": expand_trig(cos(a + b)), "sine": expand_trig(sin(a - b))},
    )
    yield encloses(
        "one pair, enclosed", lambda point: ball(inner.subs(point)), cos(a - b),
        points=[{t: 999, t_other: k, frequency: Rational(1, 7)} for k in (0, 1, 500)],
        wrong={"sum of times": cos(a + b)},
    )
    rotated, plain = real("rotated plain")
    turn = shift * frequency

    def rotate(angle: Expr) -> tuple[Expr, Expr]:
        return (cos(angle) * cos(turn) - sin(angle) * sin(turn),
                sin(angle) * cos(turn) + cos(angle) * sin(turn))

    (c, s), (c_other, s_other) = rotate(a), rotate(b)
    yield invariant(
        "all pairs: a common rotation of each pair leaves the sum as it is",
        Recursion(
            start={rotated: 0, plain: 0},
            step={rotated: rotated + c * c_other + s * s_other, plain: plain + inner},
        ),
        {rotated: plain}, wrong={"sign turned": {rotated: -plain}, "doubled": {rotated: 2 * plain}},
    )


@claim(
    "embedding.injective",
    lines="325, 329",
    verdict="holds",
    title="Different integer timesteps have different embeddings (supplied)",
    statement=r"For $\mathrm{dim} \ge 2$ the first pair is $(\cos t, \sin t)$, because $f_0 = 1$. "
    r"Two integers $t \ne t'$ agree in it only if $t - t'$ is a multiple of $2\pi$, which no "
    r"non-zero integer is, $\pi$ being irrational. (Supplied.)",
    assumptions=("dim >= 2", "timesteps are integers"),
    sources=("Niven 1947, A simple proof that pi is irrational",),
    depends_on=("embedding.frequencies",),
)
def injective() -> Checks:
    def separated(first_frequency: Callable[..., Any]) -> int:
        """Differences d in 1..3999 whose first pairs are proved to be a positive distance apart."""
        return sum(bool(2 - 2 * (d * first_frequency()).cos() > 0) for d in range(1, 4000))

    u, v = t, t_other
    yield identity(
        "squared distance of the first pairs",
        (cos(u) - cos(v)) ** 2 + (sin(u) - sin(v)) ** 2, 2 - 2 * expand_trig(cos(u - v)),
        wrong={"sum of times": 2 - 2 * expand_trig(cos(u + v))},
    )
    yield evaluates(
        "that distance is positive for every difference of timesteps up to T = 4000",
        lambda: separated(lambda: arb(1)), 3999,
        wrong={"first frequency 2 pi": lambda: separated(lambda: 2 * arb.pi()),
               "first frequency pi/2": lambda: separated(lambda: arb.pi() / 2)},
    )
