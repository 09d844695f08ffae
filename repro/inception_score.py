"""The Inception score: how sure a classifier is of each image, and how varied the classes are.

    IS = exp E_x KL(p(y|x) || p(y)) = exp(H(p(y)) - E_x H(p(y|x)))       Salimans et al. 2016

1 <= IS <= K for K classes (arXiv 1606.03498; H is the entropy in nats, p(y) the mean over x).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from repro.errors import ReproError


@dataclass(frozen=True)
class InceptionScore:
    """Mean and standard deviation over the splits, the latter of the splits as a population.

    It tells how much a score of N / splits images varies, not how much a second training would.
    """

    mean: float
    deviation: float
    splits: int


def inception_score(logits: Tensor, splits: int = 10) -> InceptionScore:
    """The score of (N, K) logits, or of log-probabilities, where -inf stands for probability 0.

    splits: consecutive parts, split i of images floor(i N / splits) to floor((i + 1) N / splits);
    10 is the published convention, and 1 that of the code released with DDPM.  Images are not
    shuffled first: samples come from independent seeds, so their order means nothing.  A smaller
    split scores lower, so that scores are comparable at equal N and splits only.
    Errors: ReproError for another shape, an integer dtype, NaN, +inf, a row of -inf, and splits
    outside 1..N.
    """
    if logits.ndim != 2 or 0 in logits.shape or not logits.is_floating_point():
        raise ReproError("logits must be floating-point numbers of shape (N, K), N and K >= 1; got "
                         f"{logits.dtype}, {tuple(logits.shape)}")
    n = logits.shape[0]
    if not 1 <= splits <= n:
        raise ReproError(f"splits must be in 1..N = {n}; got {splits}")
    if not bool(torch.isfinite(logits.amax(1)).all()):  # NaN wins over every maximum
        raise ReproError("logits must be finite, or -inf for some classes of an image; got NaN, "
                         "+inf or -inf for all classes")
    scores = torch.tensor([
        _score(logits[i * n // splits:(i + 1) * n // splits].double()) for i in range(splits)
    ], dtype=torch.float64)
    return InceptionScore(float(scores.mean()), float(scores.std(correction=0)), splits)


def _score(logits: Tensor) -> float:
    p = logits.softmax(1)
    # entr is -p log p, and 0 at p = 0 where the logarithm is not finite.
    marginal = torch.special.entr(p.mean(0)).sum()
    conditional = torch.special.entr(p).sum(1).mean()
    return float((marginal - conditional).exp())
