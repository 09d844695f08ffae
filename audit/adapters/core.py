"""The one module of the audit that imports core: what the comparisons hold against the proofs."""

from core.conversions import (
    eps_from_score,
    eps_from_v,
    eps_from_x_0,
    score_from_eps,
    v_from_x_0,
    x_0_from_eps,
    x_0_from_v,
)
from core.coordinate_descent import coordinate_descent, lasso, quadratic, soft_threshold
from core.ddim import ddim_coefficients, ddim_sigma, ddim_step
from core.forward import q_marginal, q_sample, q_step, q_transition
from core.gaussian import entropy, linear_combination, log_density
from core.kl import kl_gaussian, kl_multivariate, kl_standard
from core.posterior import (
    posterior_coefficients,
    posterior_mean_from_eps,
    q_posterior,
    q_posterior_pair,
)
from core.schedule import (
    NoiseSchedule,
    cosine_schedule,
    linear_schedule,
    scaled_linear_schedule,
    schedule_from_betas,
)
from core.timestep_embedding import timestep_embedding_ddpm, timestep_embedding_improved

__all__ = [
    "NoiseSchedule",
    "coordinate_descent",
    "cosine_schedule",
    "ddim_coefficients",
    "ddim_sigma",
    "ddim_step",
    "entropy",
    "eps_from_score",
    "eps_from_v",
    "eps_from_x_0",
    "kl_gaussian",
    "kl_multivariate",
    "kl_standard",
    "lasso",
    "linear_combination",
    "linear_schedule",
    "log_density",
    "posterior_coefficients",
    "posterior_mean_from_eps",
    "q_marginal",
    "q_posterior",
    "q_posterior_pair",
    "q_sample",
    "q_step",
    "q_transition",
    "quadratic",
    "scaled_linear_schedule",
    "schedule_from_betas",
    "score_from_eps",
    "soft_threshold",
    "timestep_embedding_ddpm",
    "timestep_embedding_improved",
    "v_from_x_0",
    "x_0_from_eps",
    "x_0_from_v",
]
