r"""KL divergence of normal distributions in d dimensions, which the document leaves out.

    KL = (log det S_2 - log det S_1 - d + tr(S_2^-1 S_1) + (m_1 - m_2)' S_2^-1 (m_1 - m_2)) / 2

for N(m_1, S_1) and N(m_2, S_2) with positive definite covariances; the terms of the bound of DDPM,
arXiv 2006.11239, eq. (5), are of this form.
"""

from __future__ import annotations

from functools import reduce

from sympy import Expr, Matrix, diag, eye, log, pi

from derivations.claim import Checks, claim
from derivations.kl.kl import divergence_of_normals, excess
from derivations.kl.kl_gaussian import GIVEN, POSITIVE, mu_1, mu_2, sigma_1, sigma_2
from derivations.prover.gaussian_forms import expectation
from derivations.prover.induction import Recursion, invariant
from derivations.prover.normal_form import identity
from derivations.symbols import real

u, w = Matrix(real("u_1 u_2")), Matrix(real("w_1 w_2"))


def kl_multivariate(mean_1: Matrix, cov_1: Matrix, mean_2: Matrix, cov_2: Matrix) -> Expr:
    """KL(N(mean_1, cov_1) || N(mean_2, cov_2)) in nats; covariances positive definite."""
    shift = mean_1 - mean_2
    det_1, det_2 = (c.det(method="berkowitz") for c in (cov_1, cov_2))
    inverse = cov_2.adjugate() / det_2
    quadratic = (shift.T * inverse * shift)[0, 0]
    trace = (inverse * cov_1).trace()
    return (log(det_2) - log(det_1) - len(shift) + trace + quadratic) / 2


def lower(a: Expr, b: Expr, c: Expr) -> Matrix:
    """The lower triangular matrix with a, c on the diagonal."""
    return Matrix([[a, 0], [b, c]])


@claim(
    "kl.gaussian.multivariate-missing",
    lines="149",
    verdict="incomplete",
    severity="misleading",
    title="Images have many dimensions; the formula has one",
    statement="The divergence is given for one dimension only, while diffusion models use it for "
    "vectors. The formula for d dimensions is missing.",
    supplied_by=("kl.gaussian.independent-coordinates", "kl.gaussian.multivariate"),
)
def multivariate_missing() -> Checks:
    yield from ()


@claim(
    "kl.gaussian.independent-coordinates",
    lines="149",
    verdict="holds",
    title="Over independent coordinates the divergences add, for every dimension (supplied)",
    statement=r"For diagonal covariances $\Sigma_k=\mathrm{diag}(\sigma_{k,1}^2,\dots,"
    r"\sigma_{k,d}^2)$ the sum of the $d$ divergences of the coordinates is "
    r"$\tfrac12\big(\log\tfrac{\det\Sigma_2}{\det\Sigma_1}-d+\mathrm{tr}(\Sigma_2^{-1}\Sigma_1)+"
    r"(m_1-m_2)^{\mathsf T}\Sigma_2^{-1}(m_1-m_2)\big)$, for every $d\ge1$.",
    **POSITIVE,
    depends_on=("gaussian.density", "moments.stein"),
)
def independent_coordinates() -> Checks:
    D1, D2, T, Q, d, K = real("D_1 D_2 T Q d K")
    # One more coordinate a step: determinants, trace, quadratic form, dimension, divergence.
    coordinates = Recursion(
        {D1: 1, D2: 1, T: 0, Q: 0, d: 0, K: 0},
        {D1: D1 * sigma_1**2, D2: D2 * sigma_2**2, T: T + sigma_1**2 / sigma_2**2,
         Q: Q + (mu_1 - mu_2) ** 2 / sigma_2**2, d: d + 1,
         K: K + divergence_of_normals(mu_1, sigma_1, mu_2, sigma_2)},
        domain=(D1 > 0, D2 > 0), inputs=GIVEN,
    )
    closed = (log(D2) - log(D1) - d + T + Q) / 2
    yield invariant(
        "one more coordinate keeps the formula", coordinates, {K: closed},
        wrong={"determinants exchanged": {K: (log(D1) - log(D2) - d + T + Q) / 2},
               "dimension left out": {K: closed + d / 2}, "no quadratic form": {K: closed - Q / 2}},
    )
    variances = real("v_1 v_2 v_3 w_1 w_2 w_3")
    means = real("a_1 a_2 a_3 b_1 b_2 b_3")
    positive = tuple(v > 0 for v in variances)
    together = kl_multivariate(
        Matrix(means[:3]), diag(*variances[:3]), Matrix(means[3:]), diag(*variances[3:])
    )
    apart = [
        (excess(v_1 / v_2) + (m_1 - m_2) ** 2 / v_2) / 2
        for v_1, v_2, m_1, m_2 in zip(variances[:3], variances[3:], means[:3], means[3:],
                                      strict=True)
    ]
    yield identity(
        "three coordinates, with matrices", together, sum(apart), given=positive,
        wrong={"their mean": sum(apart) / 3, "two of them": sum(apart[:2])},
    )


@claim(
    "kl.gaussian.multivariate",
    lines="149",
    verdict="holds",
    title="KL divergence of normal distributions in d dimensions (supplied)",
    statement=r"$\mathrm{KL}(\mathcal{N}(m_1,\Sigma_1)\,\|\,\mathcal{N}(m_2,\Sigma_2))="
    r"\tfrac12\big(\log\tfrac{\det\Sigma_2}{\det\Sigma_1}-d+\mathrm{tr}(\Sigma_2^{-1}\Sigma_1)+"
    r"(m_1-m_2)^{\mathsf T}\Sigma_2^{-1}(m_1-m_2)\big)$. Proved for $d=2$ with every covariance; "
    r"for every $d$, the matrices are made diagonal at once by $\Sigma_1=ADA^{\mathsf T}$, "
    r"$\Sigma_2=AA^{\mathsf T}$, and the coordinates add.",
    assumptions=("both covariances are symmetric and positive definite",),
    sources=("Horn & Johnson, Matrix Analysis, 2nd ed. 2013, section 7.6 (simultaneous "
             "diagonalisation by congruence)",),
    code=("core.kl.kl_multivariate",),
    depends_on=("gaussian.density", "moments.stein", "kl.gaussian.independent-coordinates",
                "kl.gaussian.affine-invariance"),
)
def multivariate() -> Checks:
    a, b, c, e, f, g = real("a b c e f g")
    m = Matrix(real("m_1 m_2"))
    # x = m + L u under the first law; the second law is that of M w, so w solves M w = x.
    first, second = lower(a, b, c), lower(e, f, g)
    x = m + first * u
    w_1 = x[0] / e
    solved = Matrix([w_1, (x[1] - f * w_1) / g])
    log_p = -u.dot(u) / 2 - log(a) - log(c) - log(2 * pi)
    log_q = -solved.dot(solved) / 2 - log(e) - log(g) - log(2 * pi)
    mean = reduce(lambda p, s: expectation(p, s, 0, 1), u, log_p - log_q)
    cov_1, cov_2, origin = first * first.T, second * second.T, Matrix([0, 0])
    right = kl_multivariate(m, cov_1, origin, cov_2)
    given = (a > 0, c > 0, e > 0, g > 0)
    yield identity(
        "d = 2, all covariances by their Cholesky factors: the mean of log p - log q under p",
        mean, right, given=given,
        wrong={"arguments exchanged": kl_multivariate(origin, cov_2, m, cov_1),
               "correlations left out":
               kl_multivariate(m, diag(a**2, b**2 + c**2), origin, diag(e**2, f**2 + g**2)),
               "no dimension": right + 1, "factors for covariances":
               kl_multivariate(m, first, origin, second)},
    )
    A = Matrix(2, 2, real("A_11 A_12 A_21 A_22"))
    D, nu = real("D_1 D_2"), Matrix(real("n_1 n_2"))
    made_diagonal = kl_multivariate(A * nu, A * diag(*D) * A.T, origin, A * A.T)
    apart = sum(excess(D[i]) + nu[i] ** 2 for i in range(2)) / 2
    yield identity(
        "the formula in the coordinates in which both matrices are diagonal",
        made_diagonal, apart, given=(D[0] > 0, D[1] > 0, A.det() > 0),
        wrong={"no half": 2 * apart, "the means not transformed": apart - nu.dot(nu) / 2
               + (A * nu).dot(A * nu) / 2,
               "inverse roles": sum(excess(1 / D[i]) + nu[i] ** 2 for i in range(2)) / 2},
    )
    yield identity(
        "equal laws have divergence 0", kl_multivariate(m, cov_1, m, cov_1), 0, given=given,
        wrong={"the dimension left out": eye(2).trace() / 2},
    )
