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
from core.coordinate_descent import Descent, coordinate_descent, lasso, quadratic, soft_threshold
from core.ddim import ddim_coefficients, ddim_encode_step, ddim_sigma, ddim_step
from core.decoder import discretised_gaussian_log_likelihood
from core.denoiser import Denoiser, Prediction, respace, respaced_schedule
from core.encoding import decode, encode
from core.exact_denoiser import (
    DiagonalGaussian,
    GaussianMixture,
    exact_denoiser,
    reverse_covariance,
)
from core.forward import q_marginal, q_sample, q_step, q_transition
from core.gaussian import entropy, linear_combination, log_density
from core.kl import kl_gaussian, kl_multivariate, kl_standard
from core.likelihood import Likelihood, likelihood
from core.posterior import (
    posterior_coefficients,
    posterior_mean_from_eps,
    q_posterior,
    q_posterior_pair,
)
from core.reverse import ReverseStep, ReverseVariance, p_mean_variance
from core.samplers import DDIM, Ancestral, SamplerState, sample
from core.schedule import (
    NoiseSchedule,
    cosine_schedule,
    linear_schedule,
    scaled_linear_schedule,
    schedule_from_betas,
)
from core.timestep_embedding import timestep_embedding_ddpm, timestep_embedding_improved
from core.timestep_sampling import LossHistory, importance_probabilities, importance_timesteps
from core.variational_bound import Bound, BoundTerm, bound_term, prior_term
from core.weightings import (
    Weighting,
    bound_weighting,
    convert_weighting,
    min_snr_weighting,
    snr_weighting,
    truncated_snr_weighting,
)
from core.zero_terminal_snr import zero_terminal_snr

__all__ = [
    "DDIM",
    "Ancestral",
    "Bound",
    "BoundTerm",
    "Denoiser",
    "Descent",
    "DiagonalGaussian",
    "GaussianMixture",
    "Likelihood",
    "LossHistory",
    "NoiseSchedule",
    "Prediction",
    "ReverseStep",
    "ReverseVariance",
    "SamplerState",
    "Weighting",
    "bound_term",
    "bound_weighting",
    "convert_weighting",
    "coordinate_descent",
    "cosine_schedule",
    "ddim_coefficients",
    "ddim_encode_step",
    "ddim_sigma",
    "ddim_step",
    "decode",
    "discretised_gaussian_log_likelihood",
    "encode",
    "entropy",
    "eps_from_score",
    "eps_from_v",
    "eps_from_x_0",
    "exact_denoiser",
    "importance_probabilities",
    "importance_timesteps",
    "kl_gaussian",
    "kl_multivariate",
    "kl_standard",
    "lasso",
    "likelihood",
    "linear_combination",
    "linear_schedule",
    "log_density",
    "min_snr_weighting",
    "p_mean_variance",
    "posterior_coefficients",
    "posterior_mean_from_eps",
    "prior_term",
    "q_marginal",
    "q_posterior",
    "q_posterior_pair",
    "q_sample",
    "q_step",
    "q_transition",
    "quadratic",
    "respace",
    "respaced_schedule",
    "reverse_covariance",
    "sample",
    "scaled_linear_schedule",
    "schedule_from_betas",
    "score_from_eps",
    "snr_weighting",
    "soft_threshold",
    "timestep_embedding_ddpm",
    "timestep_embedding_improved",
    "truncated_snr_weighting",
    "v_from_x_0",
    "x_0_from_eps",
    "x_0_from_v",
    "zero_terminal_snr",
]
