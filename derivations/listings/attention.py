r"""Scaled dot-product attention, which line 406 names and never defines.

    A(q, k, v) = softmax(q k^T / sqrt(d)) v        Vaswani et al. 2017 (arXiv 1706.03762), eq. (1)
    (q / d^(1/4)) . (k / d^(1/4)) = q . k / sqrt(d)     the form of the released code

d is the number of components of a query, per head.  Rows of the softmax belong to queries.
"""

from collections.abc import Sequence

from sympy import Expr, Matrix, Rational, exp, sqrt

from derivations.claim import Checks, claim
from derivations.prover.gaussian_forms import expectation
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.symbols import real

VASWANI = "Vaswani et al. 2017, arXiv 1706.03762, eq. (1)"
RELEASED = "openai/improved-diffusion, unet.py (QKVAttention)"

d, q_1, q_2, k_1, k_2 = real("d q_1 q_2 k_1 k_2")
ONE = Rational(1)
v_1, v_2, v_3, w_1, w_2, w_3, common = real("v_1 v_2 v_3 w_1 w_2 w_3 common")


def softmax(logits: Sequence[Expr]) -> list[Expr]:
    """Weights proportional to exp(logit)."""
    total = sum(exp(x) for x in logits)
    return [exp(x) / total for x in logits]


def weighted(weights: Sequence[Expr], values: Sequence[Expr]) -> Expr:
    """sum w_j v_j / sum w_j for positive, not yet normalised weights."""
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


def attention(
    query: Sequence[Expr], keys: Sequence[Sequence[Expr]], values: Sequence[Expr]
) -> Expr:
    """One query's output: softmax over the keys, then the mean of the values."""
    size = len(query)
    logits = [sum(a * b for a, b in zip(query, key, strict=True)) / sqrt(size) for key in keys]
    return sum(p * v for p, v in zip(softmax(logits), values, strict=True))


@claim(
    "unet.attention-definition",
    lines="406",
    verdict="definition",
    severity="cosmetic",
    title="Scaled dot-product attention (supplied)",
    statement=r"$A(q, k, v) = \mathrm{softmax}(q k^{\top}/\sqrt{d})\,v$: each position's output is "
    r"a mean of the values, weighted by how well its query matches each key. With a single "
    r"position it is the value itself; equal keys give the plain mean.",
    sources=(VASWANI, RELEASED),
)
def attention_definition() -> Checks:
    yield identity(
        "one position attends to itself", attention([q_1, q_2], [[k_1, k_2]], [v_1]), v_1,
        wrong={"unnormalised": exp((q_1 * k_1 + q_2 * k_2) / sqrt(2)) * v_1},
    )
    yield identity(
        "equal keys give the mean of the values",
        attention([q_1, q_2], [[k_1, k_2]] * 2, [v_1, v_2]), (v_1 + v_2) / 2,
        wrong={"sum": v_1 + v_2, "the first value": v_1},
    )


@claim(
    "unet.attention-scale",
    lines="406",
    verdict="holds",
    title="Scaling queries and keys each by the fourth root (supplied)",
    statement=r"$\big(q/d^{1/4}\big)\cdot\big(k/d^{1/4}\big) = q\cdot k/\sqrt{d}$: the released "
    r"code scales both sides before the product, which gives the same and keeps half precision in "
    r"range. (Supplied.)",
    assumptions=(d > 0,),
    witness={d: 64},
    sources=(VASWANI, RELEASED),
    depends_on=("unet.attention-definition",),
)
def attention_scale() -> Checks:
    fourth = sqrt(sqrt(d))
    query, key = Matrix([[q_1, q_2]]), Matrix([k_1, k_2])
    yield identity(
        "two components", list((query / fourth) * (key / fourth)), list(query * key / sqrt(d)),
        given=(d > 0,),
        wrong={"full root on both": list(query * key / d), "not scaled": list(query * key)},
    )


@claim(
    "unet.attention-variance",
    lines="406",
    verdict="holds",
    title="Why the root of the width: logits of variance one (supplied)",
    statement=r"If the $d$ components of query and key are independent with mean 0 and variance 1, "
    r"then $q \cdot k$ has mean 0 and variance $d$, so that $q\cdot k/\sqrt{d}$ has variance 1. "
    r"(Supplied.)",
    assumptions=("components independent, mean 0, variance 1",),
    sources=("Vaswani et al. 2017, arXiv 1706.03762, footnote 4",),
    depends_on=("unet.attention-scale",),
)
def attention_variance() -> Checks:
    width, variance = real("width variance")
    second = [expectation(x**2, x, 0 * ONE, ONE) for x in (q_1, k_1)]
    product = second[0] * second[1]
    yield identity(
        "one product of independent components has variance 1", product, ONE,
        wrong={"fourth moment": 3 * ONE},
    )
    yield invariant(
        "d independent products add up to variance d",
        Recursion(
            start={width: 0, variance: 0},
            step={width: width + 1, variance: variance + product},
        ),
        {variance: width},
        wrong={"standard deviations added": {variance: width**2}, "one": {variance: ONE}},
    )
    yield identity(
        "divided by the root of the width, the variance is 1",
        d * (1 / sqrt(d)) ** 2, ONE, given=(d > 0,),
        wrong={"divided by the width": d * (1 / d) ** 2},
    )


@claim(
    "unet.attention-rows",
    lines="406",
    verdict="holds",
    title="Attention weights add up to one; outputs stay between the values (supplied)",
    statement=r"Each row of the softmax is positive and sums to 1, so that an output lies between "
    r"the smallest and the largest value; adding a common number to all logits of a row (which "
    r"multiplies all weights) changes nothing. (Supplied.)",
    assumptions=(w_1 > 0, w_2 > 0, w_3 > 0, common > 0),
    witness={w_1: 1, w_2: 1, w_3: 1, common: 2},
    sources=(VASWANI,),
    depends_on=("unet.attention-definition",),
)
def attention_rows() -> Checks:
    logits = [q_1, q_2, k_1]
    positive = (w_1 > 0, w_2 > 0, w_3 > 0)
    yield identity(
        "three keys", sum(softmax(logits)), ONE,
        wrong={"not normalised": sum(exp(x) for x in logits)},
    )
    weights, values = [w_1, w_2, w_3], [v_1, v_2, v_3]
    output = weighted(weights, values)
    below = [v <= v_3 for v in (v_1, v_2)]
    yield implies(
        "no output exceeds the largest value", (*positive, *below), output <= v_3,
        wrong={"no output exceeds the first": output <= v_1},
    )
    yield identity(
        "a common factor of the weights drops out",
        weighted([common * w for w in weights], values), output, given=(*positive, common > 0),
        wrong={"it stays": common * output},
    )
    total, kept, value = real("total kept value")
    yield invariant(
        "any number of keys: if all values are one v, the weighted sum is v times the total weight",
        Recursion(
            start={total: 0, kept: 0, value: v_1},
            step={total: total + w_1, kept: kept + w_1 * value, value: value},
        ),
        {kept: total * value}, wrong={"values not weighted": {kept: total}},
    )
