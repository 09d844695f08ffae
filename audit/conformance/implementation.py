"""What an adapter says: an implementation of DDPM or DDIM, as far as it has one.

Every t is the paper's: 1..T for noisy images, 0 for the clean one; a network that counts 0..T-1
is converted in the adapter, once.  Every method is optional: what is not overridden is reported as
"not offered" and is not a failure.  Images are tensors (B, C, H, W); a method returns the shape
and dtype that it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from audit.conformance.levels import Levels, linear

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
PREDICTIONS = ("eps", "x_0", "v")
TABLES = ("beta", "alpha", "alpha_bar", "one_minus_alpha_bar", "sqrt_alpha_bar",
          "sqrt_one_minus_alpha_bar", "snr", "beta_tilde")
VARIANCES = ("beta", "beta_tilde")
LOSSES = ("simple", "eps", "bound", "min_snr_5")


class NotOffered(Exception):
    """The implementation does not have this part, or not for these arguments."""


@dataclass(frozen=True)
class At:
    """Where a step is taken: from t to s, within a chain of ``steps`` steps."""

    t: int
    s: int
    steps: int

    def __post_init__(self) -> None:
        if self.t < 0 or self.s < 0:
            raise ValueError(f"t and s must be 0 or more; got t = {self.t}, s = {self.s}")

    def __str__(self) -> str:
        return f"t={self.t}->{self.s}, S={self.steps}"


@dataclass(frozen=True)
class Choice:
    """A deviation that the implementation documents: then it is a convention, not an error.

    deviation: the key of the finding that it covers, such as "chain.start"; says: what the
    documentation says, restated, and where; mend: the option or argument that gives the paper's.
    """

    deviation: str
    says: str
    mend: str


class Implementation:
    """Subclass it and override what your code offers.

    Attributes: ``levels``, the schedule that it claims to have; ``predicts``, what the tensor
    named prediction is ("eps", "x_0" or "v"); ``dtypes`` that it claims to support; ``options``
    under which it was made; ``choices``, its documented deviations; ``loss``, the weighting that
    ``loss_weight`` claims to have ("simple", "eps", "bound" or "min_snr_5", defined in
    ``reference.loss_weight``); ``adds_noise``, False for a step that leaves that to its caller.
    """

    name: str = ""
    version: str = ""
    levels: Levels = None  # type: ignore[assignment]  # `checked` puts the default here
    predicts: str = "eps"
    dtypes: Sequence[torch.dtype] = DTYPES
    options: Mapping[str, object] = {}
    choices: Sequence[Choice] = ()
    loss: str = "simple"
    light: bool = False  # True: fewer places, for one of very many configurations
    adds_noise: bool = True

    def tables(self) -> Mapping[str, Tensor | Sequence[float]]:
        """Tables by the names of ``TABLES``, of length T (for t = 1..T) or T + 1 (from t = 0)."""
        raise NotOffered

    def q_sample(self, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
        """x_t, DDPM (4)."""
        raise NotOffered

    def posterior(self, x_0: Tensor, x_t: Tensor, t: int) -> tuple[Tensor, Tensor | float]:
        """Mean and variance of q(x_{t-1} | x_t, x_0), DDPM (6), (7)."""
        raise NotOffered

    def chain(self, steps: int) -> Sequence[float]:
        """The levels that a sampler of so many steps visits: from T down to 0, both included."""
        raise NotOffered

    def step(self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, eta: float) -> Tensor:
        """x_s by DDIM (12) with sigma of (16)."""
        raise NotOffered

    def ancestral(
        self, at: At, x_t: Tensor, prediction: Tensor, z: Tensor, variance: str
    ) -> Tensor:
        """x_s by DDPM algorithm 2 on the chain, variance "beta" or "beta_tilde"."""
        raise NotOffered

    def invert(self, at: At, x_s: Tensor, prediction: Tensor) -> Tensor:
        """x_t from x_s by DDIM (12) read upwards, eta = 0; the prediction is made at level s."""
        raise NotOffered

    def loss_weight(self, t: int) -> float:
        """What multiplies the squared error of the prediction at t."""
        raise NotOffered


def checked(made: object) -> Implementation:
    """The adapter with its attributes examined; ValueError names what is wrong and what is right.

    ``levels`` defaults to the published linear schedule here, so that importing costs nothing.
    """
    if not isinstance(made, Implementation):
        raise ValueError(f"an adapter must be an audit.conformance.Implementation; got "
                         f"{type(made).__name__}")
    if made.levels is None:
        made.levels = linear()
    if not isinstance(made.levels, Levels):
        raise ValueError(f"levels must be made by linear, cosine, from_betas, ...; got "
                         f"{shown(made.levels)}")
    for name in ("name", "version"):
        if not isinstance(getattr(made, name), str):
            raise ValueError(f"{name} must be text; got {shown(getattr(made, name))}")
    for name, choices in (("predicts", PREDICTIONS), ("loss", LOSSES)):
        given = getattr(made, name)
        if not isinstance(given, str) or given not in choices:
            raise ValueError(f"{name} must be one of {choices}; got {shown(given)}")
    if not (isinstance(made.dtypes, Sequence) and made.dtypes
            and all(isinstance(d, torch.dtype) and d in DTYPES for d in made.dtypes)):
        raise ValueError(f"dtypes must be among {[str(d) for d in DTYPES]}; got "
                         f"{shown(made.dtypes)}")
    if not isinstance(made.options, Mapping):
        raise ValueError(f"options must be a mapping of names to values; got {shown(made.options)}")
    if not (isinstance(made.choices, Sequence)
            and all(isinstance(c, Choice) for c in made.choices)):
        raise ValueError(f"choices must be a sequence of Choice; got {shown(made.choices)}")
    for name in ("light", "adds_noise"):
        if not isinstance(getattr(made, name), bool):
            raise ValueError(f"{name} must be True or False; got {shown(getattr(made, name))}")
    return made


def shown(value: object) -> str:
    """Its repr as far as a line has room for it, or its type where it has none."""
    try:
        return repr(value)[:80]
    except Exception:  # noqa: BLE001 - of somebody else's class
        return f"a {type(value).__name__}"


def title(implementation: Implementation) -> str:
    """The name to show."""
    return implementation.name or type(implementation).__name__
