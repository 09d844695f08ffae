"""Known wrong variants of the forward sample, the posterior, the inversion and the tables."""

from __future__ import annotations

from audit.conformance.context import Context, Variant, affine, over, root, tilde

INDEX = "convert between t = 1..T and indices 0..T-1 once"

FORWARD = (
    Variant("root-missing.signal", "a root is missing: alpha_bar_t multiplies x_0 where its square "
            "root belongs", "sqrt(alpha_bar_t)", lambda c: (c.high, root(1 - c.high))),
    Variant("variance-for-deviation", "a root is missing: the variance 1 - alpha_bar_t multiplies "
            "eps where the standard deviation belongs", "sqrt(1 - alpha_bar_t)",
            lambda c: (root(c.high), 1 - c.high)),
    Variant("root-missing.both", "both roots are missing", "sqrt(alpha_bar_t), sqrt(1 - "
            "alpha_bar_t)", lambda c: (c.high, 1 - c.high)),
    Variant("deviation-from-root", "1 - sqrt(alpha_bar_t) multiplies eps where sqrt(1 - "
            "alpha_bar_t) belongs", "sqrt(1 - alpha_bar_t)",
            lambda c: (root(c.high), 1 - root(c.high))),
    Variant("alpha-for-alpha-bar", "alpha_t stands where the product alpha_bar_t belongs",
            "use the running product of the alphas",
            lambda c: (root(c.alpha(c.t)), root(1 - c.alpha(c.t)))),
    Variant("beta-for-1-minus-alpha-bar", "sqrt(beta_t) multiplies eps where sqrt(1 - alpha_bar_t) "
            "belongs", "sqrt(1 - alpha_bar_t)",
            lambda c: (root(c.high), root(1 - c.alpha(c.t)))),
    Variant("exchanged", "the coefficients of x_0 and eps are exchanged",
            "sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps",
            lambda c: (root(1 - c.high), root(c.high))),
    Variant("sign", "the noise is subtracted", "add it", lambda c: (root(c.high),
                                                                    -root(1 - c.high))),
    *(Variant("index", f"alpha_bar is taken at t {sign} 1 where t is meant", INDEX,
              lambda c, d=d: (root(c.level(c.t + d)), root(1 - c.level(c.t + d))))
      for sign, d in (("-", -1), ("+", 1))),
)


def _posterior(low: float, high: float) -> tuple[float, float, float]:
    ratio = over(high, low)
    return (over(root(low) * (1 - ratio), 1 - high), over(root(ratio) * (1 - low), 1 - high),
            tilde(low, high))


def _replaced(c: Context, **parts: float) -> tuple[float, ...]:
    right = dict(zip(("on_x_0", "on_x", "variance"), _posterior(c.low, c.high), strict=True))
    return tuple((right | parts).values())


POSTERIOR = (
    Variant("beta-for-beta-tilde", "the variance is beta where beta_tilde belongs",
            "multiply by (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t), DDPM (7)",
            lambda c: _replaced(c, variance=1 - over(c.high, c.low))),
    Variant("deviation-for-variance", "the standard deviation is returned as the variance",
            "return beta_tilde itself", lambda c: _replaced(c, variance=root(c.tilde))),
    Variant("variance-squared", "the variance is squared", "return beta_tilde itself",
            lambda c: _replaced(c, variance=c.tilde**2)),
    Variant("inverted", "the quotient of the variance is upside down",
            "(1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) beta_t",
            lambda c: _replaced(c, variance=over(1 - c.high, 1 - c.low) * (1 - c.alpha(c.t)))),
    Variant("root-missing.x_0", "a root is missing: alpha_bar_{t-1} where sqrt(alpha_bar_{t-1}) "
            "belongs", "DDPM (7)",
            lambda c: _replaced(c, on_x_0=over(c.low * (1 - c.alpha(c.t)), 1 - c.high))),
    Variant("root-missing.x_t", "a root is missing: alpha_t where sqrt(alpha_t) belongs",
            "DDPM (7)", lambda c: _replaced(c, on_x=over(c.alpha(c.t) * (1 - c.low), 1 - c.high))),
    Variant("root-added.beta", "sqrt(beta_t) multiplies x_0 where beta_t belongs", "DDPM (7)",
            lambda c: _replaced(c, on_x_0=over(root(c.low) * root(1 - c.alpha(c.t)), 1 - c.high))),
    Variant("t-for-t-1", "alpha_bar_t stands where alpha_bar_{t-1} belongs, in the weight of x_0",
            "DDPM (7): the numerators carry alpha_bar_{t-1}",
            lambda c: _replaced(c, on_x_0=over(root(c.high) * (1 - c.alpha(c.t)), 1 - c.high))),
    Variant("t-for-t-1", "1 - alpha_bar_t stands where 1 - alpha_bar_{t-1} belongs, in the weight "
            "of x_t", "DDPM (7): the numerators carry alpha_bar_{t-1}",
            lambda c: _replaced(c, on_x=root(c.alpha(c.t)))),
    Variant("t-for-t-1", "alpha_bar_t stands where alpha_bar_{t-1} belongs, in the variance",
            "DDPM (7): the numerators carry alpha_bar_{t-1}",
            lambda c: _replaced(c, variance=1 - c.alpha(c.t))),
    Variant("alpha-bar-for-alpha", "sqrt(alpha_bar_t) multiplies x_t where sqrt(alpha_t) belongs",
            "DDPM (7)", lambda c: _replaced(c, on_x=over(root(c.high) * (1 - c.low), 1 - c.high))),
    Variant("t-for-t-1", "the posterior is that of t + 1: t stands where t - 1 is meant", INDEX,
            lambda c: _posterior(c.level(c.t), c.level(c.t + 1))),
    Variant("index", "the posterior is that of t - 1", INDEX,
            lambda c: _posterior(c.level(c.t - 2), c.level(c.t - 1))),
    Variant("exchanged", "the weights of x_0 and x_t are exchanged", "DDPM (7)",
            lambda c: (lambda p: (p[1], p[0], p[2]))(_posterior(c.low, c.high))),
)


def _up(c: Context, low: float, high: float) -> tuple[float, float]:
    return affine(root(high), root(1 - high), 0.0, low, c.predicts)[:2]


INVERSION = (
    Variant("downwards", "the step goes down, from t to s, where it must go up",
            "exchange the two levels", lambda c: _up(c, c.high, c.low)),
    Variant("stays", "the step returns its input's level: it does not go up",
            "the target level is alpha_bar_t", lambda c: _up(c, c.low, c.low)),
    *(Variant("index", f"levels are taken one step too {word}", INDEX,
              lambda c, d=d: _up(c, c.level(c.s + d), c.level(c.t + d)))
      for word, d in (("low", -1), ("high", 1))),
    *(Variant("index.target", f"the target level is that of t {sign} 1", INDEX,
              lambda c, d=d: _up(c, c.low, c.level(c.t + d))) for sign, d in (("-", -1), ("+", 1))),
    *(Variant("index.source", f"the level of the input is taken at s {sign} 1", INDEX,
              lambda c, d=d: _up(c, c.level(c.s + d), c.high))
      for sign, d in (("-", -1), ("+", 1))),
)


def table_value(c: Context, name: str) -> float:
    """A table's entry at c.t in float64."""
    return {
        "beta": 1 - c.alpha(c.t), "alpha": c.alpha(c.t), "alpha_bar": c.high,
        "one_minus_alpha_bar": 1 - c.high, "sqrt_alpha_bar": root(c.high),
        "sqrt_one_minus_alpha_bar": root(1 - c.high), "snr": over(c.high, 1 - c.high),
        "beta_tilde": tilde(c.level(c.t - 1), c.high),
    }[name]
