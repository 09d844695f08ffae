"""A run as a file: network, process, objective, training, samples and evaluations.

    profiles/<name>.toml      its header says on what hardware, how long, what to expect, and whence

Every table of the file is one dataclass here, and every field an option of a published recipe.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

from core.unet_config import UNetConfig
from repro.errors import ReproError
from repro.tables import build, read_toml

FOLDER = Path(__file__).parent / "profiles"


@dataclass(frozen=True)
class Process:
    """The noise schedule, what the network predicts, and the t that it is shown.

    schedule: "linear" (DDPM section 4, its ends scaled by 1000 / T) or "cosine" (iDDPM (17)).
    shown: "0-based" t - 1, as released with DDPM, or "rescaled" 1000 (t - 1) / T, iDDPM's.
    """

    T: int = 1000
    schedule: str = "linear"
    predicts: str = "eps"
    shown: str = "0-based"

    def __post_init__(self) -> None:
        _require(self.T >= 1, "T", self.T, "1 or more")
        _require_among("schedule", self.schedule, ("linear", "cosine"))
        _require_among("predicts", self.predicts, ("eps", "x_0", "v"))
        _require_among("shown", self.shown, ("0-based", "rescaled"))


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    kind: "simple" DDPM (14), "variational" DDPM (5), "hybrid" iDDPM (16).  variance: of the
    reverse step in the bound, and in the evaluated likelihood; "learned" for the hybrid.
    timesteps: "uniform", or "antithetic" as in the code released with DDIM.  reduction: "mean"
    over the dimensions of an image, or "sum", which that code takes.
    """

    kind: str = "simple"
    variance: str = "beta"
    timesteps: str = "uniform"
    reduction: str = "mean"

    def __post_init__(self) -> None:
        _require_among("kind", self.kind, ("simple", "variational", "hybrid"))
        _require_among("variance", self.variance, ("beta", "beta_tilde", "learned"))
        _require_among("timesteps", self.timesteps, ("uniform", "antithetic"))
        _require_among("reduction", self.reduction, ("mean", "sum"))
        if (self.kind == "hybrid") != (self.variance == "learned"):
            raise ReproError(f"variance must be 'learned' for the kind 'hybrid' and only there; "
                             f"got {self.variance!r} for {self.kind!r}")


@dataclass(frozen=True)
class Training:
    """How the network is trained.

    steps; batch: images a step, over all devices together.  learning_rate after warmup steps,
    over which it grows linearly from 0 (5,000 in the released code, absent from the paper).
    clip: largest norm of the gradient, inf for none.  clip_shards: parts of the batch whose
    gradients are clipped apart and then averaged (8 in the code released with DDPM, which clips
    on each of its 8 devices).  adam_epsilon: "torch", added to the corrected root, or
    "tensorflow", added to the uncorrected one.  ema_decay, ema_kind: as in `core.ema`.
    flip: mirror half of the images.  precision: "bfloat16" autocast, or "float32".
    checkpoint_every, grid_every, log_every: steps.  keep: checkpoints.  grid: images of a grid.
    """

    steps: int
    batch: int = 128
    learning_rate: float = 2e-4
    warmup: int = 5000
    clip: float = 1.0
    clip_shards: int = 1
    adam_epsilon: str = "torch"
    ema_decay: float = 0.9999
    ema_kind: str = "constant"
    flip: bool = True
    precision: str = "bfloat16"
    checkpoint_every: int = 10_000
    grid_every: int = 10_000
    log_every: int = 100
    keep: int = 3
    grid: int = 64

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "clip_shards", "checkpoint_every", "grid_every",
                     "log_every", "keep", "grid"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        _require(self.warmup >= 0, "warmup", self.warmup, "0 or more")
        _require(0 < self.learning_rate < math.inf, "learning_rate", self.learning_rate, "above 0")
        _require(self.clip > 0, "clip", self.clip, "above 0, or inf")
        _require(0 <= self.ema_decay < 1, "ema_decay", self.ema_decay, "in [0, 1)")
        _require_among("adam_epsilon", self.adam_epsilon, ("torch", "tensorflow"))
        _require_among("ema_kind", self.ema_kind, ("constant", "ramp"))
        _require_among("precision", self.precision, ("bfloat16", "float32"))
        _require(self.batch % self.clip_shards == 0, "clip_shards", self.clip_shards,
                 f"a divisor of batch = {self.batch}")


@dataclass(frozen=True)
class Sampling:
    """One set of samples: which weights, which sampler, how many.

    weights: "ema" or "raw".  sampler: "ancestral" with variance, or "ddim" with eta.  tau: the
    chain of timesteps, one of `core.timesteps`: "all" (then steps is T), "uniform", "quadratic",
    "released-uniform", "released-quadratic".  clip: of `core.samplers`.  count: images, of the
    seeds 0..count - 1.
    """

    count: int
    sampler: str = "ancestral"
    steps: int = 1000
    tau: str = "all"
    variance: str = "beta"
    eta: float = 0.0
    clip: str = "x_0"
    weights: str = "ema"

    def __post_init__(self) -> None:
        _require(self.count >= 1, "count", self.count, "1 or more")
        _require(self.steps >= 1, "steps", self.steps, "1 or more")
        _require(0 <= self.eta <= 1, "eta", self.eta, "in [0, 1]")
        _require_among("sampler", self.sampler, ("ancestral", "ddim"))
        _require_among("tau", self.tau, ("all", "uniform", "quadratic", "released-uniform",
                                         "released-quadratic"))
        _require_among("variance", self.variance, ("beta", "beta_tilde", "learned"))
        clips = ("off", "x_0") if self.sampler == "ancestral" else ("off", "x_0", "x_0_and_eps")
        _require_among("clip", self.clip, clips)
        _require_among("weights", self.weights, ("ema", "raw"))


@dataclass(frozen=True)
class Selection:
    """Which average of the weights is judged: the one whose samples have the lowest FID.

    every: steps between candidates; the last is one too.  sampling: of each candidate, against the
    training set.  DDPM chose so; with fewer samples than are judged, chance chooses a little too.
    """

    every: int
    sampling: Sampling

    def __post_init__(self) -> None:
        _require(self.every >= 1, "every", self.every, "1 or more")
        _require_among("weights", self.sampling.weights, ("ema",))


@dataclass(frozen=True)
class Evaluation:
    """What is measured of the trained network, besides its samples.

    likelihood: test images whose bits per dimension are taken, 0 for none; train: the same of
    training images.  cdf: of `core.decoder`.  clip: of `core.variational_bound`.  first: which
    variance the decoder has, as in `core.reverse`.  encoding: steps each way of the DDIM round
    trips; encoded: test images that make them.
    """

    likelihood: int = 0
    train: int = 0
    first: str = "beta_tilde_2"
    cdf: str = "tanh"
    clip: str = "x_0"
    encoding: tuple[int, ...] = ()
    encoded: int = 0

    def __post_init__(self) -> None:
        for name in ("likelihood", "train", "encoded"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        _require_among("first", self.first, ("own", "beta_tilde_2"))
        _require_among("cdf", self.cdf, ("exact", "tanh"))
        _require_among("clip", self.clip, ("off", "x_0"))
        for steps in self.encoding:
            _require(steps >= 1, "encoding", steps, "steps, each 1 or more")
        _require(bool(self.encoding) == bool(self.encoded), "encoded", self.encoded,
                 "above 0 where encoding names steps, and only there")


@dataclass(frozen=True)
class Profile:
    """A whole run.  selection: None for the last weights.  record: whether a finished run is kept
    in records/.

    Errors: ReproError for settings that do not fit one another.
    """

    name: str
    title: str
    dataset: str
    network: UNetConfig
    training: Training
    process: Process = field(default_factory=Process)
    objective: Objective = field(default_factory=Objective)
    sampling: tuple[Sampling, ...] = ()
    selection: Selection | None = None
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 0
    record: bool = True

    def __post_init__(self) -> None:
        _require_among("dataset", self.dataset, ("cifar10", "digits"))
        learned = self.objective.kind == "hybrid"
        if self.network.learns_variance != learned:
            raise ReproError(f"network.learns_variance must be {str(learned).lower()} for the "
                             f"objective {self.objective.kind!r}; got "
                             f"{str(self.network.learns_variance).lower()}")
        chosen_by = () if self.selection is None else (self.selection.sampling,)
        for sampling in (*self.sampling, *chosen_by):
            if sampling.steps > self.process.T or (
                    sampling.tau == "all" and sampling.steps != self.process.T):
                raise ReproError(f"sampling.steps must be T = {self.process.T} for tau 'all', and "
                                 f"at most T otherwise; got {sampling.steps}")
            if sampling.variance == "learned" and not learned:
                raise ReproError("sampling.variance must not be 'learned' where none is learned; "
                                 f"the objective is {self.objective.kind!r}")

    @property
    def digest(self) -> str:
        """SHA-256 over all that decides the weights: a run is continued by the same digest only.

        How many steps are taken, and how often files are written, do not change a step.
        """
        parts = asdict(self)
        for name in ("steps", "checkpoint_every", "grid_every", "log_every", "keep", "grid"):
            del parts["training"][name]
        for name in ("name", "title", "sampling", "selection", "evaluation", "record"):
            del parts[name]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def names() -> tuple[str, ...]:
    """The profiles that come with the project."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load(name_or_path: str) -> Profile:
    """A profile by name, or from a file of one's own.

    Errors: ReproError for a name that is none, a file that is not TOML, an unknown or missing
    field, a value of another type, and what the dataclasses refuse.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = FOLDER / f"{name_or_path}.toml"
        if not path.is_file():
            raise ReproError(f"profile must be one of {', '.join(names())}, or a .toml file; "
                             f"got {name_or_path!r}")
    content = read_toml(path)
    try:
        return cast(Profile, build(Profile, {"name": path.stem, **content}, ""))
    except ValueError as error:
        raise ReproError(f"{path}: {error}") from error


def _require(sound: bool, name: str, value: object, right: str) -> None:
    if not sound:
        raise ReproError(f"{name} must be {right}; got {value!r}")


def _require_among(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ReproError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")
