"""Known wrong variants of a sampler's step, DDIM (12), (16) and DDPM algorithm 2."""

from __future__ import annotations

from audit.conformance.context import Coefficients, Context, Variant, affine, over, root, tilde


def ddim(c: Context, *, sigma: float | None = None, noise: float | None = None,
         low: float | None = None, high: float | None = None, signal: float | None = None,
         turned: float | None = None, predicts: str = "", removed: float | None = None
         ) -> Coefficients:
    """DDIM (12) with any of its parts replaced."""
    low, high = c.low if low is None else low, c.high if high is None else high
    sigma = c.eta * root(tilde(low, high)) if sigma is None else sigma
    noise = sigma if noise is None else noise
    signal = root(low) if signal is None else signal
    turned = root(1 - low - sigma**2) if turned is None else turned
    return affine(signal, turned, noise, high, predicts or c.predicts, removed)


def _other(c: Context, which: int) -> str:
    return [p for p in ("eps", "x_0", "v") if p != c.predicts][which]


STEP = (
    Variant("noise-on-last-step", "noise is added on the last step, to t = 0",
            "leave the noise out where s = 0: sigma is 0 there",
            lambda c: ddim(c, noise=c.eta * root(1 - c.high)) if c.s == 0 else ()),
    Variant("eta-on-variance", "eta multiplies the variance where it belongs to the standard "
            "deviation: sigma^2 = eta beta_tilde instead of eta^2 beta_tilde",
            "sigma = eta * sqrt(beta_tilde); until then pass eta squared",
            lambda c: ddim(c, sigma=root(c.eta * c.tilde))),
    Variant("variance-for-deviation", "the noise is multiplied by the variance where the standard "
            "deviation belongs",
            "multiply the noise by sigma, the square root of the variance",
            lambda c: ddim(c, noise=c.eta**2 * c.tilde)),
    Variant("variance-for-deviation", "the variance stands for the standard deviation sigma",
            "sigma = eta * sqrt(beta_tilde)",
            lambda c: ddim(c, sigma=c.eta * c.tilde)),
    Variant("direction-ignores-sigma", "sigma^2 is left out of the direction: sqrt(1 - "
            "alpha_bar_s) instead of sqrt(1 - alpha_bar_s - sigma^2)",
            "subtract sigma^2 under the root",
            lambda c: ddim(c, turned=root(1 - c.low))),
    Variant("eta-under-root", "eta stands for its square under the root of the direction: "
            "sqrt(1 - alpha_bar_s - eta beta_tilde)", "eta^2 beta_tilde, the square of sigma",
            lambda c: ddim(c, turned=root(1 - c.low - c.eta * c.tilde))),
    Variant("not-scaled-back", "the result is x_s / sqrt(alpha_bar_s), not x_s",
            "multiply by sqrt(alpha_bar_s)",
            lambda c: tuple(over(k, root(c.low)) for k in ddim(c, sigma=0.0))),
    Variant("beta-for-beta-tilde", "sigma is made from beta where beta_tilde belongs: the factor "
            "(1 - alpha_bar_s) / (1 - alpha_bar_t) is missing",
            "multiply the variance by (1 - alpha_bar_s) / (1 - alpha_bar_t)",
            lambda c: ddim(c, sigma=c.eta * root(1 - over(c.high, c.low)))),
    Variant("beta-for-beta-tilde", "the noise is made from beta where beta_tilde belongs",
            "multiply the variance by (1 - alpha_bar_s) / (1 - alpha_bar_t)",
            lambda c: ddim(c, noise=c.eta * root(1 - over(c.high, c.low)))),
    Variant("sigma-inverted", "the quotient of sigma is upside down: (1 - alpha_bar_t) / (1 - "
            "alpha_bar_s)", "sigma^2 has (1 - alpha_bar_s) above (1 - alpha_bar_t)",
            lambda c: ddim(c, noise=c.eta * root(
                over(1 - c.high, 1 - c.low) * (1 - over(c.high, c.low))))),
    Variant("no-noise", "no noise is added although eta is above 0",
            "add sigma z", lambda c: ddim(c, noise=0.0)),
    Variant("eta-ignored", "eta is ignored: the step is deterministic",
            "take sigma from eta, DDIM (16)", lambda c: ddim(c, sigma=0.0)),
    Variant("eta-ignored", "eta is ignored: the step is that of eta = 1",
            "take sigma from eta, DDIM (16)", lambda c: ddim(c, sigma=root(c.tilde))),
    Variant("root-missing.target", "a root is missing: alpha_bar_s multiplies x_0 where its "
            "square root belongs", "sqrt(alpha_bar_s)", lambda c: ddim(c, signal=c.low)),
    Variant("root-missing.noise", "a root is missing: 1 - alpha_bar_t multiplies eps where its "
            "square root belongs", "sqrt(1 - alpha_bar_t)",
            lambda c: ddim(c, removed=1 - c.high)),
    Variant("root-missing.direction", "a root is missing: the direction is 1 - alpha_bar_s - "
            "sigma^2 where its square root belongs", "sqrt(1 - alpha_bar_s - sigma^2)",
            lambda c: ddim(c, turned=1 - c.low - c.eta**2 * c.tilde)),
    Variant("root-missing.signal", "a root is missing: x_0 is divided by alpha_bar_t where its "
            "square root belongs", "sqrt(alpha_bar_t)",
            lambda c: ddim(c, signal=over(root(c.low), root(c.high)))),
    Variant("alpha-for-alpha-bar", "alpha_t stands where the product alpha_bar_t belongs",
            "use the running product of the alphas",
            lambda c: ddim(c, high=c.alpha(c.t), low=c.alpha(c.s) if c.s else 1.0)),
    Variant("sign", "the noise prediction is added where it must be subtracted",
            "x_0 = (x_t - sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_bar_t)",
            lambda c: ddim(c, removed=-root(1 - c.high))),
    *(Variant("index", f"levels are taken one step too {word}: t {sign} 1 where t is meant, for "
              "both ends of the step", "convert between t = 1..T and indices 0..T-1 once",
              lambda c, d=d: ddim(c, high=c.level(c.t + d), low=c.level(c.s + d)))
      for word, sign, d in (("low", "-", -1), ("high", "+", 1))),
    *(Variant("index.from", f"alpha_bar_t is taken at t {sign} 1",
              "look alpha_bar up at t", lambda c, d=d: ddim(c, high=c.level(c.t + d)))
      for sign, d in (("-", -1), ("+", 1))),
    *(Variant("prediction-misread", "the prediction is read as another kind (eps, x_0 or v) than "
              "it is", "convert the prediction to x_0 and eps first",
              lambda c, k=k: ddim(c, predicts=_other(c, k))) for k in (0, 1)),
)


def ddpm(c: Context, *, noise: float | None = None, low: float | None = None,
         high: float | None = None, on_x_0: float | None = None, on_x: float | None = None
         ) -> Coefficients:
    """DDPM algorithm 2 through the posterior mean (7), with any of its parts replaced."""
    low, high = c.low if low is None else low, c.high if high is None else high
    if noise is None:
        kind = 1 - over(high, low) if c.weight == "beta" else tilde(low, high)
        noise = root(kind) if c.s else 0.0
    if on_x_0 is None:
        on_x_0 = over(root(low) * (1 - over(high, low)), 1 - high)
    if on_x is None:
        on_x = over(root(over(high, low)) * (1 - low), 1 - high)
    a, b, _ = affine(on_x_0, 0.0, 0.0, high, c.predicts)
    return a + on_x, b, noise


def _mean_of_eps(c: Context, gain: float, by: float) -> Coefficients:
    """gain (x - by eps), for networks that predict eps; the right one is DDPM (11)."""
    return (gain, -gain * by, ddpm(c)[2]) if c.predicts == "eps" else ()


ANCESTRAL = (
    Variant("noise-on-last-step", "noise is added on the last step, to t = 0",
            "no noise where the target is t = 0 (DDPM algorithm 2, z = 0)",
            lambda c: ddpm(c, noise=root(1 - c.high)) if c.s == 0 else ()),
    Variant("noise-on-last-step", "noise is added on the last step, to t = 0",
            "no noise where the target is t = 0 (DDPM algorithm 2, z = 0)",
            lambda c: ddpm(c, noise=root(tilde(c.level(1), c.level(2)))) if c.s == 0 else ()),
    Variant("beta-for-beta-tilde", "the variance is beta where beta_tilde was asked for",
            "multiply the variance by (1 - alpha_bar_s) / (1 - alpha_bar_t)",
            lambda c: ddpm(c, noise=root(1 - over(c.high, c.low)))
            if c.weight == "beta_tilde" and c.s else ()),
    Variant("beta-tilde-for-beta", "the variance is beta_tilde where beta was asked for",
            "leave out the factor (1 - alpha_bar_s) / (1 - alpha_bar_t)",
            lambda c: ddpm(c, noise=root(c.tilde)) if c.weight == "beta" and c.s else ()),
    Variant("variance-for-deviation", "the noise is multiplied by the variance where the standard "
            "deviation belongs", "multiply the noise by the square root of the variance",
            lambda c: ddpm(c, noise=ddpm(c)[2] ** 2)),
    Variant("log-for-variance", "the logarithm of the variance is used where the variance belongs",
            "exp(log_variance / 2) is the standard deviation",
            lambda c: ddpm(c, noise=0.0) if ddpm(c)[2] > 1 - 1e-6 else ()),
    Variant("no-noise", "no noise is added before the last step", "add sigma z",
            lambda c: ddpm(c, noise=0.0)),
    Variant("root-missing.mean", "a root is missing: eps is multiplied by beta / (1 - alpha_bar_t) "
            "where beta / sqrt(1 - alpha_bar_t) belongs", "take the root, DDPM (11)",
            lambda c: _mean_of_eps(c, over(1, root(over(c.high, c.low))),
                                   over(1 - over(c.high, c.low), 1 - c.high))),
    Variant("root-missing.gain", "a root is missing: the mean is divided by alpha_t where "
            "sqrt(alpha_t) belongs", "1 / sqrt(alpha_t), DDPM (11)",
            lambda c: _mean_of_eps(c, over(c.low, c.high),
                                   over(1 - over(c.high, c.low), root(1 - c.high)))),
    Variant("gain-missing", "the factor 1 / sqrt(alpha_t) of the mean is missing",
            "divide by sqrt(alpha_t), DDPM (11)",
            lambda c: _mean_of_eps(c, 1.0, over(1 - over(c.high, c.low), root(1 - c.high)))),
    Variant("forward-noise-removed", "the forward step is undone: eps is multiplied by sqrt(beta) "
            "where beta / sqrt(1 - alpha_bar_t) belongs", "DDPM (11)",
            lambda c: _mean_of_eps(c, over(1, root(over(c.high, c.low))),
                                   root(1 - over(c.high, c.low)))),
    Variant("root-missing.posterior", "a root is missing in the posterior mean: alpha_bar_s where "
            "sqrt(alpha_bar_s) belongs", "DDPM (7)",
            lambda c: ddpm(c, on_x_0=over(c.low * (1 - over(c.high, c.low)), 1 - c.high))),
    Variant("root-missing.posterior", "a root is missing in the posterior mean: alpha_t where "
            "sqrt(alpha_t) belongs", "DDPM (7)",
            lambda c: ddpm(c, on_x=over(over(c.high, c.low) * (1 - c.low), 1 - c.high))),
    Variant("t-for-t-1", "alpha_bar_t stands where alpha_bar_{t-1} belongs in the posterior",
            "DDPM (7): the numerators carry alpha_bar_{t-1}",
            lambda c: ddpm(c, on_x_0=over(root(c.high) * (1 - over(c.high, c.low)), 1 - c.high))),
    Variant("single-step-variance", "beta_t of the full chain is the variance of a step that skips "
            "levels", "use 1 - alpha_bar_t / alpha_bar_s of the levels visited",
            lambda c: ddpm(c, noise=root(1 - c.alpha(c.t))) if c.s else ()),
    Variant("single-step-beta", "beta_t of the full chain is used for a step that skips levels",
            "use 1 - alpha_bar_t / alpha_bar_s of the levels visited",
            lambda c: ddpm(c, low=over(c.high, c.alpha(c.t)))),
    *(Variant("index", f"levels are taken one step too {word}: t {sign} 1 where t is meant",
              "convert between t = 1..T and indices 0..T-1 once",
              lambda c, d=d: ddpm(c, high=c.level(c.t + d), low=c.level(c.s + d)))
      for word, sign, d in (("low", "-", -1), ("high", "+", 1))),
)
