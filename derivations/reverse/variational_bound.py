r"""The variational bound, its decomposition for every T, and why it is a bound.

    L = E_q[-log p_theta(x_{0:T}) / q(x_{1:T} | x_0)] >= -log p_theta(x_0)           DDPM (3)
    L = L_T + sum_{t=2}^T L_{t-1} + L_0                                              DDPM (5)
    L_T     = KL(q(x_T | x_0) || p(x_T))
    L_{t-1} = E KL(q(x_{t-1} | x_t, x_0) || p_theta(x_{t-1} | x_t))
    L_0     = -E log p_theta(x_0 | x_1)

DDPM = Ho, Jain & Abbeel 2020, arXiv 2006.11239.
"""

from sympy import Eq, Expr, Function, Rational, S, diff, log, pi, sqrt

from derivations.claim import Checks, claim
from derivations.prover.balls import ball, encloses, gaussian_integral
from derivations.prover.gaussian_forms import Form, condition, expectation, standard_normal
from derivations.prover.induction import Recursion, invariant, telescopes
from derivations.prover.normal_form import identity
from derivations.prover.smt import implies
from derivations.reverse.posterior import LINES, log_normal, normal, posterior_mean
from derivations.reverse.training_objective import kl_of_step
from derivations.symbols import real

DDPM_3 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (3)"
DDPM_5 = "Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. (5) and appendix A"

beta, x_0 = real("beta x_0")
GAUSSIAN_CHECK = (
    *(a > 0 for a in real("a_1 a_2")), *(a < 1 for a in real("a_1 a_2")),
    *(s > 0 for s in real("s_1 s_2")),
)


@claim(
    "bound.marginals-telescope",
    lines=LINES,
    verdict="holds",
    title="The marginals cancel along the chain (supplied)",
    statement=(
        r"$\sum_{t=2}^{T}\log\frac{q(x_t\mid x_0)}{q(x_{t-1}\mid x_0)} = \log\frac{q(x_T\mid x_0)}"
        r"{q(x_1\mid x_0)}$ for every $T\ge2$ and whatever the densities are."
    ),
    sources=(DDPM_5,),
)
def marginals_telescope() -> Checks:
    t, m = real("t"), Function("log_marginal")
    yield telescopes(
        "the sum of the differences of log q(x_t | x_0)",
        m(t) - m(t - 1), t, 2, m(t) - m(1),
        wrong={"the start at x_0": m(t) - m(0), "the first term only": m(2) - m(1),
               "the sign": m(1) - m(t)},
    )


@claim(
    "bound.decomposition",
    lines=LINES,
    verdict="holds",
    title="The bound splits into one term a step, for every T (supplied)",
    statement=(
        r"For every $T\ge1$: $-\log\frac{p_\theta(x_{0:T})}{q(x_{1:T}\mid x_0)} = "
        r"\log\frac{q(x_T\mid x_0)}{p(x_T)} + \sum_{t=2}^T\log\frac{q(x_{t-1}\mid "
        r"x_t,x_0)}{p_\theta(x_{t-1}\mid x_t)} - \log p_\theta(x_0\mid x_1)$. Taking expectations "
        r"under $q$ gives $L = L_T + \sum_{t\ge2}L_{t-1} + L_0$."
    ),
    assumptions=(
        r"$q(x_t\mid x_{t-1}) = q(x_{t-1}\mid x_t,x_0)\,q(x_t\mid x_0)/q(x_{t-1}\mid x_0)$, "
        r"$t\ge2$ (rule of Bayes and Markov property)",
    ),
    sources=(DDPM_5,),
    code=("core.likelihood.likelihood",),
    depends_on=("posterior.bayes", "bound.marginals-telescope"),
)
def decomposition() -> Checks:
    # Logarithms of densities: of q(x_t | x_0), of the posterior and of the model's step.
    forward, m, terms = real("forward marginal terms")
    m_1, p_1, m_next, r, p = real("marginal_1 model_1 marginal_next posterior model")
    one_step = r + m_next - m  # log q(x_t | x_{t-1}), by the rule of Bayes
    chain = Recursion(
        # forward accumulates log q(x_t | x_{t-1}) - log p(x_{t-1} | x_t) from t = 1 on.
        start={forward: m_1 - p_1, m: m_1, terms: S.Zero},
        step={forward: forward + one_step - p, m: m_next, terms: terms + r - p},
    )
    yield invariant(
        "what T steps accumulate is log q(x_T | x_0), the sum of the terms, and the first term",
        chain, {forward: m + terms - p_1},
        wrong={
            "no term for x_T": {forward: terms - p_1},
            "the first term with its marginal": {forward: m + terms - p_1 + m_1},
            "the sign of the terms": {forward: m - terms - p_1},
        },
    )


@claim(
    "bound.decomposition.gaussian-check",
    lines=LINES,
    verdict="holds",
    title="The decomposition, computed in full for a chain of two steps (supplied)",
    statement=(
        r"For $T=2$, one coordinate, any $\beta_t = 1 - a_t^2$ and a linear model "
        r"$p_\theta(x_{t-1}\mid x_t) = \mathcal{N}(k_t x_t, s_t)$, the expectation of "
        r"$-\log\frac{p_\theta(x_{0:2})}{q(x_{1:2}\mid x_0)}$ equals $L_2 + L_1 + L_0$ with each "
        r"KL divergence in closed form."
    ),
    assumptions=GAUSSIAN_CHECK,
    witness=dict.fromkeys(real("a_1 a_2 s_1 s_2"), Rational(1, 2)),
    sources=(DDPM_5,),
    depends_on=("bound.decomposition", "posterior.mean", "posterior.variance"),
)
def gaussian_check() -> Checks:
    # a_t is the square root of alpha_t: with it the whole identity is rational.
    a_1, a_2, k_1, k_2, s_1, s_2 = real("a_1 a_2 k_1 k_2 s_1 s_2")
    b_1, b_2 = 1 - a_1**2, 1 - a_2**2
    z_1, z_2 = standard_normal("z_1"), standard_normal("z_2")
    at_1 = a_1 * x_0 + sqrt(b_1) * z_1
    at_2 = a_2 * at_1 + sqrt(b_2) * z_2

    def minus_log(residual: Form, variance: Expr) -> Expr:
        """E[-log N(residual; 0, variance)]."""
        return log(2 * pi * variance) / 2 + (residual.variance + residual.mean**2) / (2 * variance)

    whole = (
        minus_log(at_2, 1)
        + minus_log(at_1 - k_2 * at_2, s_2) - minus_log(at_2 - a_2 * at_1, b_2)
        + minus_log(x_0 + -(k_1 * at_1), s_1) - minus_log(at_1 - a_1 * x_0, b_1)
    )
    x_2 = real("x_2")
    abar_2 = a_1**2 * a_2**2
    last = kl_of_step(a_1 * a_2 * x_0, 1 - abar_2, 0, 1)
    mean = posterior_mean(b_2, 1 - b_1).subs(real("x_t"), x_2)
    variance = b_2 * b_1 / (1 - abar_2)
    # E over x_2 ~ q(x_2 | x_0) of the KL divergence, a polynomial in x_2 and a constant.
    constant = (log(s_2 / variance) + variance / s_2 - 1) / 2
    middle = constant + expectation(
        (mean - k_2 * x_2) ** 2 / (2 * s_2), x_2, a_1 * a_2 * x_0, 1 - abar_2
    )
    first = minus_log(x_0 + -(k_1 * at_1), s_1)
    yield identity(
        "expectations of the log densities of the whole chain against the three terms",
        whole, last + middle + first, given=GAUSSIAN_CHECK,
        wrong={"without L_T": middle + first,
               "log beta_2 in the middle": last + middle + first - log(b_2 / variance) / 2},
    )


@claim(
    "bound.log-inequality",
    lines=LINES,
    verdict="holds",
    title="A logarithm lies below its tangent at 1 (supplied)",
    statement=(
        r"$\log u\le u - 1$ for every $u > 0$, with equality at $u=1$ only: $u - 1 - \log u$ is "
        r"$0$ at $1$ and its derivative $(u-1)/u$ has the sign of $u - 1$."
    ),
    assumptions=(real("u") > 0,),
    witness={real("u"): 2},
    sources=("Cover & Thomas 2006, Elements of Information Theory, section 2.6",),
)
def log_inequality() -> Checks:
    u = real("u")
    gap = u - 1 - log(u)
    yield identity(
        "value 0 at u = 1 and the derivative", [gap.subs(u, 1), diff(gap, u)], [0, (u - 1) / u],
        given=(u > 0,),
        wrong={"derivative of log u - u": [0, 1 / u - 1], "no constant": [1, (u - 1) / u]},
    )
    yield implies(
        "the derivative is negative below 1 and positive above", (u > 0,),
        ((u >= 1) | ((u - 1) / u < 0)) & ((u <= 1) | ((u - 1) / u > 0)),
        wrong={"positive everywhere": (u - 1) / u > 0},
    )


@claim(
    "bound.kl-nonnegative",
    lines=LINES,
    verdict="holds",
    title="The KL divergences of the bound are not negative (supplied)",
    statement=(
        r"$\mathrm{KL}(q\,\|\,p) = \mathbb{E}_q[-\log(p/q)]\ge\mathbb{E}_q[1 - p/q] \ge 0$; for "
        r"normal distributions it is $\frac12(r - 1 - \log r) + "
        r"\frac{(\mu_q-\mu_p)^2}{2\sigma_p^2}$ with $r = \sigma_q^2/\sigma_p^2$, a sum of two "
        r"terms that are not negative."
    ),
    assumptions=tuple(s > 0 for s in real("v_q v_p")),
    witness=dict.fromkeys(real("v_q v_p"), 1),
    sources=("Kullback & Leibler 1951, Annals of Mathematical Statistics 22(1)",),
    depends_on=("bound.log-inequality",),
)
def kl_nonnegative() -> Checks:
    mu_q, mu_p, v_q, v_p, x = real("mu_q mu_p v_q v_p x")
    given = (v_q > 0, v_p > 0)
    ratio = v_q / v_p
    closed = (ratio - 1 - log(ratio)) / 2 + (mu_q - mu_p) ** 2 / (2 * v_p)
    polynomial = -((x - mu_q) ** 2) / (2 * v_q) + (x - mu_p) ** 2 / (2 * v_p)
    value = log(v_p / v_q) / 2 + expectation(polynomial, x, mu_q, v_q)
    yield identity(
        "the expectation of log q - log p", value, closed, given=given,
        wrong={"the quotient upside down":
               (1 / ratio - 1 - log(1 / ratio)) / 2 + (mu_q - mu_p) ** 2 / (2 * v_p),
               "distance over the variance of q":
               (ratio - 1 - log(ratio)) / 2 + (mu_q - mu_p) ** 2 / (2 * v_q)},
    )
    yield encloses(
        "the same by integration",
        lambda p: gaussian_integral(polynomial.subs(p), x, mu_q.subs(p), v_q.subs(p), normal)
        + ball((log(v_p / v_q) / 2).subs(p)),
        closed,
        points=[{mu_q: 0, mu_p: 1, v_q: 1, v_p: 3},
                {mu_q: Rational(1, 5), mu_p: 0, v_q: Rational(1, 10000), v_p: 2}],
        wrong={"twice": 2 * closed},
    )


@claim(
    "bound.inequality",
    lines=LINES,
    verdict="holds",
    title="The bound lies above the negative log likelihood (supplied)",
    statement=(
        r"$L\ge-\log p_\theta(x_0)$: with $u = p_\theta(x_{1:T}\mid x_0)/q(x_{1:T}\mid x_0)$, "
        r"$L + \log p_\theta(x_0) = -\mathbb{E}_q\log u\ge 1 - \mathbb{E}_q u\ge 0$, for every $T$."
    ),
    assumptions=(
        r"$q(x_{1:T}\mid x_0)$ is positive (Gaussian), so $\mathbb{E}_q u = \int "
        r"p_\theta(x_{1:T}\mid x_0) = 1$",
        r"$\mathbb{E}_q$ is monotone: $\log u\le u - 1$ at every point gives $\mathbb{E}_q\log u"
        r"\le\mathbb{E}_q u - 1$ (shown here for finitely many values of the latent images)",
    ),
    sources=(DDPM_3, "Jensen 1906"),
    depends_on=("bound.log-inequality", "bound.gap"),
)
def inequality() -> Checks:
    # A latent with finitely many values, of weight q and p under the two laws; u = p/q.
    q, p, log_u, mass_q, mass_p, slack = real("q p log_u mass_q mass_p slack")
    e_log_u, e_u, bound, minus_log_p = real("e_log_u e_u bound minus_log_p")
    values = Recursion(
        start={mass_q: 0, mass_p: 0, slack: 0, e_u: 0, e_log_u: 0},
        step={
            mass_q: mass_q + q, mass_p: mass_p + p, slack: slack + q * (p / q - 1 - log_u),
            e_u: e_u + q * (p / q), e_log_u: e_log_u + q * log_u,
        },
        domain=(slack >= 0,),
        inputs=(q > 0, p > 0, log_u <= p / q - 1),
    )
    yield invariant(
        "value by value: E_q[u] is the mass of p, and E_q[log u] lacks slack >= 0 of E_q[u] - 1",
        values, {e_u: mass_p, e_log_u: mass_p - mass_q - slack},
        wrong={"weighted by p": {e_u: mass_p, e_log_u: mass_q - mass_p - slack},
               "equality": {e_u: mass_p, e_log_u: mass_p - mass_q}},
    )
    yield implies(
        "with both masses 1 and L = -log p_theta(x_0) - E_q[log u], as in bound.gap",
        (slack >= 0, Eq(e_u, 1), Eq(e_log_u, e_u - 1 - slack),
         Eq(bound, minus_log_p - e_log_u, evaluate=False)),
        bound >= minus_log_p,
        wrong={"strictly above": bound > minus_log_p, "below": bound <= minus_log_p},
    )


@claim(
    "bound.gap",
    lines=LINES,
    verdict="holds",
    title="What the bound exceeds the negative log likelihood by (supplied)",
    statement=(
        r"$L + \log p_\theta(x_0) = \mathrm{KL}\big(q(x_{1:T}\mid x_0)\,\|\,p_\theta(x_{1:T}\mid "
        r"x_0)\big)$ for every $T$, by the product rule $p_\theta(x_{0:T}) = p_\theta(x_0)\,"
        r"p_\theta(x_{1:T}\mid x_0)$ at every point. In closed form for $T=1$ and "
        r"$p_\theta(x_0\mid x_1)=\mathcal{N}(k x_1, s)$; there it is $0$ where the model's "
        r"conditional is the forward process."
    ),
    assumptions=(beta > 0, beta < 1, real("s") > 0),
    witness={beta: Rational(1, 2), real("s"): 1},
    sources=(DDPM_3,),
    depends_on=("posterior.conditioning-rule",),
)
def gap() -> Checks:
    k, s, x_1 = real("k s x_1")
    joint, here, forward = real("p_joint p_x_0 q_latents")
    yield identity(
        "at every point: -log(joint / q) + log p(x_0) is log q - log p(latents | x_0), p(latents | "
        "x_0) being joint / p(x_0)",
        -log(joint / forward) + log(here), log(forward) - log(joint / here),
        given=(joint > 0, here > 0, forward > 0),
        wrong={"the quotient upside down": log(joint / here) - log(forward),
               "joint for conditional": log(forward) - log(joint)},
    )
    given = (beta > 0, beta < 1, s > 0)
    mean, variance = sqrt(1 - beta) * x_0, beta
    bound = kl_of_step(mean, variance, 0, 1) + log(2 * pi * s) / 2 + expectation(
        (x_0 - k * x_1) ** 2 / (2 * s), x_1, mean, variance
    )
    latent, fresh = standard_normal("x_1"), standard_normal("decoder")
    image = k * latent + sqrt(s) * fresh
    likelihood = log_normal(x_0, image.mean, image.variance)
    backward = condition(latent, image, x_0)
    yield identity(
        "L_1 + L_0 and the log likelihood of a linear Gaussian model with one latent image",
        bound + likelihood, kl_of_step(mean, variance, *backward), given=given,
        wrong={"no gap": S.Zero, "the KL divergence the other way round":
               kl_of_step(*backward, mean, variance)},
    )
    yield identity(
        "unit-variance data and its exact reverse step: the bound is the negative log likelihood",
        (bound + likelihood).subs({k: sqrt(1 - beta), s: beta}), 0, given=given[:2],
        wrong={"L_1 would be lost": kl_of_step(mean, variance, 0, 1)},
    )
