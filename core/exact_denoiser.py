"""The optimal denoiser of known data: samplers and likelihoods have exact answers with it.

    E[x_0 | x_t] = m + sqrt(alpha_bar_t) C D^-1 (x_t - sqrt(alpha_bar_t) m),   x_0 ~ N(m, C)
    E[eps | x_t] = sqrt(1 - alpha_bar_t) D^-1 (x_t - sqrt(alpha_bar_t) m)
    D = alpha_bar_t C + (1 - alpha_bar_t) I,  the covariance of q(x_t)

For a mixture both are averages over the components, weighted with the probability of each given
x_t.  The network that minimises any weighting of the squared error is this one, whichever of
eps, x_0 and v it predicts (conditional expectation; DDPM (4) gives the joint law).

Images are (B, C, ...), as a `Denoiser` has them; their d = C * ... pixels are read in row-major
order where a covariance is a (d, d) matrix.  Everything is computed in float64 and rounded once
to the dtype of x_t.  Errors are ValueErrors: shapes that do not match, an integer tensor, NaN or
infinity, a negative variance or weight, a covariance that is not symmetric and positive
semidefinite.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.checks import require_choice, require_finite, require_non_negative, require_timesteps
from core.denoiser import PREDICTIONS, Denoiser
from core.schedule import NoiseSchedule, cast_like


@dataclass(frozen=True, eq=False)
class DiagonalGaussian:
    """N(mean, diag(variance)): independent pixels.  mean and variance: (C, ...), variance >= 0.

    Any floating dtype; kept as float64.  A variance of 0 is a pixel that is always its mean.
    """

    mean: Tensor
    variance: Tensor

    def __post_init__(self) -> None:
        _keep(self, "mean", self.mean)
        _keep(self, "variance", require_non_negative("variance", self.variance))
        _require_shape("variance", self.variance, tuple(self.mean.shape), "that of mean")

    @property
    def shape(self) -> torch.Size:
        """(C, ...), of one image."""
        return self.mean.shape

    def expectations(self, x_t: Tensor, signal: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """E[x_0 | x_t] and E[eps | x_t], (B, C, ...), where x_t = signal x_0 + noise eps."""
        whitened = (x_t - signal * self.mean) / (signal**2 * self.variance + noise**2)
        return self.mean + signal * self.variance * whitened, noise * whitened

    def noised(self, alpha_bar: Tensor, one_minus_alpha_bar: Tensor) -> "DiagonalGaussian":
        """The law of sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps; scalar coefficients."""
        variance = alpha_bar * self.variance + one_minus_alpha_bar
        return DiagonalGaussian(alpha_bar.sqrt() * self.mean, variance)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean (d,) and covariance (d, d)."""
        return self.mean.flatten(), self.variance.flatten().diag()


@dataclass(frozen=True, eq=False)
class FullGaussian:
    """N(mean, covariance): correlated pixels.  mean: (C, ...), covariance: (d, d), symmetric and
    positive semidefinite.  Any floating dtype; kept as float64.
    """

    mean: Tensor
    covariance: Tensor
    spectrum: Tensor = field(init=False)  # (d,), the eigenvalues
    basis: Tensor = field(init=False)  # (d, d), an eigenvector in each column

    def __post_init__(self) -> None:
        _keep(self, "mean", self.mean)
        _keep(self, "covariance", self.covariance)
        d = self.mean.numel()
        _require_shape("covariance", self.covariance, (d, d), "(d, d) of the d pixels of mean")
        size = self.covariance.abs().max()
        if bool((self.covariance - self.covariance.mT).abs().max() > 1e-12 * size):
            raise ValueError(f"covariance must be symmetric; got {self.covariance.tolist()}")
        spectrum, basis = torch.linalg.eigh(self.covariance)
        if bool(spectrum[0] < -1e-12 * size):
            raise ValueError(
                f"covariance must be positive semidefinite; got an eigenvalue {spectrum[0].item()}"
            )
        object.__setattr__(self, "spectrum", spectrum.clamp(min=0))
        object.__setattr__(self, "basis", basis)

    @property
    def shape(self) -> torch.Size:
        """(C, ...), of one image."""
        return self.mean.shape

    def expectations(self, x_t: Tensor, signal: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """E[x_0 | x_t] and E[eps | x_t], (B, C, ...), where x_t = signal x_0 + noise eps."""
        centred = (x_t - signal * self.mean).flatten(1) @ self.basis
        signal_row, noise_row = (c.reshape(-1, 1) for c in (signal, noise))
        whitened = centred / (signal_row**2 * self.spectrum + noise_row**2)
        correction = (signal_row * self.spectrum * whitened) @ self.basis.mT
        eps = (noise_row * whitened) @ self.basis.mT
        return self.mean + correction.reshape(x_t.shape), eps.reshape(x_t.shape)

    def noised(self, alpha_bar: Tensor, one_minus_alpha_bar: Tensor) -> "FullGaussian":
        """The law of sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps; scalar coefficients."""
        unit = torch.eye(self.mean.numel(), dtype=torch.float64, device=self.mean.device)
        covariance = alpha_bar * self.covariance + one_minus_alpha_bar * unit
        return FullGaussian(alpha_bar.sqrt() * self.mean, covariance)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean (d,) and covariance (d, d)."""
        return self.mean.flatten(), self.covariance


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """sum_k weights_k N(means_k, diag(variances_k)).

    weights: (K,), positive, summing to 1; means: (K, C, ...); variances: like means, or (K,) for
    isotropic components; 0 or more.  Any floating dtype; kept as float64.
    """

    weights: Tensor
    means: Tensor
    variances: Tensor

    def __post_init__(self) -> None:
        _keep(self, "weights", require_non_negative("weights", self.weights))
        _keep(self, "means", self.means)
        _keep(self, "variances", require_non_negative("variances", self.variances))
        _require_shape("weights", self.weights, tuple(self.means.shape[:1]), "(K,) of means")
        total = self.weights.sum().item()
        if abs(total - 1) > 1e-6 or not bool((self.weights > 0).all()):
            raise ValueError(
                f"weights must be positive and sum to 1; got {self.weights.tolist()}, sum {total}"
            )
        if self.variances.shape == self.weights.shape:
            spread = self.variances.reshape(-1, *(1,) * (self.means.ndim - 1))
            object.__setattr__(self, "variances", spread.expand(self.means.shape))
        _require_shape("variances", self.variances, tuple(self.means.shape), "that of means, or K")

    @property
    def shape(self) -> torch.Size:
        """(C, ...), of one image."""
        return self.means.shape[1:]

    def expectations(self, x_t: Tensor, signal: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """E[x_0 | x_t] and E[eps | x_t], (B, C, ...), where x_t = signal x_0 + noise eps."""
        x_t, signal, noise = (x.unsqueeze(1) for x in (x_t, signal, noise))  # (B, 1, C, ...)
        spread = signal**2 * self.variances + noise**2
        centred = x_t - signal * self.means
        whitened = centred / spread  # (B, K, C, ...)
        exponent = (centred * whitened + spread.log()).flatten(2).sum(2) / 2
        given_x_t = torch.softmax(self.weights.log() - exponent, dim=1)
        given_x_t = given_x_t.reshape(*given_x_t.shape, *(1,) * (x_t.ndim - 2))
        x_0 = (given_x_t * (self.means + signal * self.variances * whitened)).sum(1)
        return x_0, (given_x_t * noise * whitened).sum(1)

    def noised(self, alpha_bar: Tensor, one_minus_alpha_bar: Tensor) -> "GaussianMixture":
        """The law of sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps; scalar coefficients."""
        variances = alpha_bar * self.variances + one_minus_alpha_bar
        return GaussianMixture(self.weights, alpha_bar.sqrt() * self.means, variances)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean (d,) and covariance (d, d) of the whole mixture."""
        means, weight = self.means.flatten(1), self.weights[:, None]
        mean = (weight * means).sum(0)
        within = (weight * self.variances.flatten(1)).sum(0).diag()
        between = (weight * (means - mean)).mT @ (means - mean)
        return mean, within + between


Data = DiagonalGaussian | FullGaussian | GaussianMixture


@dataclass(frozen=True, eq=False)
class ExactNetwork:
    """E[eps | x_t], E[x_0 | x_t] or E[v | x_t], called as a network is: (x_t, shown).

    schedule: the one that t of the shown t - 1 counts in.  A denoiser that `respace` shortened
    shows the timesteps of the longer schedule, so the network keeps that one.
    """

    data: Data
    schedule: NoiseSchedule
    predicts: str = "eps"

    def __post_init__(self) -> None:
        require_choice("predicts", self.predicts, PREDICTIONS)

    def __call__(self, x_t: Tensor, shown: Tensor) -> Tensor:
        """The prediction (B, C, ...), in the dtype of x_t; shown: integers 0..T - 1, (B,)."""
        t = require_timesteps("shown + 1", shown + 1, self.schedule.beta)
        _require_shape("x_t", x_t, (x_t.shape[0], *self.data.shape), "images like the data's")
        x = x_t.double()
        signal = cast_like(self.schedule.alpha_bar[t].sqrt(), x)
        noise = cast_like(self.schedule.one_minus_alpha_bar[t].sqrt(), x)
        x_0, eps = self.data.expectations(x, signal, noise)
        v = signal * eps - noise * x_0
        return {"eps": eps, "x_0": x_0, "v": v}[self.predicts].to(x_t.dtype)


def exact_denoiser(data: Data, schedule: NoiseSchedule, predicts: str = "eps") -> Denoiser:
    """The denoiser of `ExactNetwork`.  data and schedule lie on the device of the images."""
    return Denoiser(ExactNetwork(data, schedule, predicts), schedule, predicts)


def marginal_law(data: Data, schedule: NoiseSchedule, t: int) -> Data:
    """q(x_t), as data of the same kind; t in 0..T.  Source: DDPM (4), x_0 integrated out."""
    step = require_timesteps("t", t, schedule.beta, first=0)
    return data.noised(schedule.alpha_bar[step], schedule.one_minus_alpha_bar[step])


def reverse_covariance(
    data: DiagonalGaussian | FullGaussian, schedule: NoiseSchedule, t: int
) -> Tensor:
    """The covariance (d, d) of q(x_{t-1} | x_t) for Gaussian data, t in 1..T; float64.

    With V the covariance of q(x_{t-1}): V (alpha_t V + beta_t I)^-1 beta_t, at every x_t.  It is
    beta_t where V is the identity and beta_tilde_t where C = 0.  Source: conditioning of DDPM (2).
    """
    _, before = marginal_law(data, schedule, t - 1).moments()
    unit = torch.eye(before.shape[0], dtype=torch.float64, device=before.device)
    after = schedule.alpha[t] * before + schedule.beta[t] * unit
    covariance: Tensor = schedule.beta[t] * torch.linalg.solve(after, before)
    return (covariance + covariance.mT) / 2


def _keep(data: Data, name: str, value: Tensor) -> None:
    """Store a finite private copy in float64."""
    require_finite(name, value)
    object.__setattr__(data, name, value.detach().double().clone())


def _require_shape(name: str, value: Tensor, shape: tuple[int, ...], which: str) -> None:
    if tuple(value.shape) != shape:
        raise ValueError(f"{name} must have shape {shape}, {which}; got {tuple(value.shape)}")
