"""Schedules, samplers and exact levels that the tests of samplers share."""

import mpmath
import numpy as np
import torch

from core.reverse import ReverseVariance
from core.samplers import DDIM, Ancestral
from core.schedule import linear_schedule
from core.zero_terminal_snr import zero_terminal_snr

MP = mpmath.MPContext()
MP.dps = 80
LINEAR = linear_schedule()
ZERO = zero_terminal_snr(LINEAR)
METHODS = {
    "DDIM": DDIM(), "eta 0.5": DDIM(0.5), "eta 1": DDIM(1.0),
    "beta": Ancestral(ReverseVariance("beta")),
    "beta_tilde": Ancestral(ReverseVariance("beta_tilde")),
}  # fmt: skip


def doubles(*values):
    return torch.tensor(np.array(values), dtype=torch.float64)


def exact_alpha_bars(schedule, chain):
    """alpha_bar at the visited timesteps, from the least noisy, in 80 digits."""
    products = [MP.mpf(1)]
    for beta in schedule.beta[1:].tolist():
        products.append(products[-1] * (1 - MP.mpf(beta)))
    return [products[t] for t in reversed(chain)]
