"""A schedule rescaled to end without signal: alpha_bar_T = 0, so that x_T is noise and no more.

    sqrt(alpha_bar'_t) = (sqrt(alpha_bar_t) - sqrt(alpha_bar_T))
                         sqrt(alpha_bar_1) / (sqrt(alpha_bar_1) - sqrt(alpha_bar_T))
                                                                           2305.08891 algorithm 1
alpha_bar_1 stays as it was and beta'_T = 1.  A sampler starts from N(0, I), which is q(x_T) of
such a schedule exactly, and of no other.  At T nothing of x_0 can be read off x_T and eps: the
network must predict v or x_0 (ibid. section 3.2), and whatever divides by alpha_bar refuses T.
"""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext

import torch

from core.schedule import NoiseSchedule


def zero_terminal_snr(schedule: NoiseSchedule) -> NoiseSchedule:
    """The rescaled schedule; beta'_T = 1, alpha_bar'_T = snr'_T = 0, log_snr'_T = -inf.

    With u_t = sqrt(alpha_bar_t) - sqrt(alpha_bar_T), accumulated from T as a sum of positive
    falls sqrt(alpha_bar_{t-1}) beta_t / (1 + sqrt(alpha_t)), beta'_t = (u_{t-1} - u_t)
    (u_{t-1} + u_t) / u_{t-1}^2 for t > 1 and beta'_1 = beta_1: in 60-digit arithmetic, each beta
    rounded once.  A schedule that ends without signal already is returned with the same betas.
    Errors: ValueError for T = 1, where one beta cannot be kept and be 1; and where beta_T is so
    much smaller than beta_{T-1} that beta'_{T-1} would round to 1.
    Source: 2305.08891 algorithm 1.
    """
    if schedule.T == 1:
        raise ValueError("schedule must have T >= 2, as algorithm 1 keeps beta_1; got T = 1")
    betas = schedule.beta.tolist()
    with localcontext(Context(prec=60, Emin=MIN_EMIN, Emax=MAX_EMAX)):
        root, falls = Decimal(1), [Decimal(0)]  # sqrt(alpha_bar_t); its fall from t - 1 to t
        for beta in map(Decimal, betas[1:]):
            root_alpha = (1 - beta).sqrt()
            falls.append(root * beta / (1 + root_alpha))
            root *= root_alpha
        rescaled: list[float] = []
        u = Decimal(0)
        for fall in reversed(falls[2:]):
            above = u + fall
            rescaled.append(float(fall * (above + u) / above**2))
            u = above
    rates = [0.0, betas[1], *reversed(rescaled)]
    return NoiseSchedule(torch.tensor(rates, dtype=torch.float64, device=schedule.beta.device))
