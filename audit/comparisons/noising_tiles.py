"""The tiles of the noising demonstration in torch: noise, types, stacking and clipping."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch
from scipy.integrate import quad

from audit.comparison import Bench, Subject, compares
from audit.comparisons.chance import SumOfNormals, SumOfSquares
from derivations.claim import Grade, Role
from derivations.listings.noising_images import probability_below
from derivations.listings.noising_listing import listed
from derivations.prover.execution import Raises, outcome_of

PIXELS = 3 * 128 * 128
MEAN, SQUARES = SumOfNormals(PIXELS, 1e-9), SumOfSquares(PIXELS, 1e-9)


@compares(
    "noising.standard-noise",
    subject=torch.randn_like,
    wrong={
        "uniform": torch.rand_like,
        "double": lambda x: torch.randn_like(x, dtype=torch.float64),
        "one number for all": lambda x: torch.randn(()).expand_as(x).contiguous(),
        "one channel": lambda x: torch.randn_like(x[:1]),
    },
    kind="statistical",
    grade=Grade.STATISTICAL,
)
def standard_noise(bench: Bench, subject: Subject) -> None:
    """Shape and dtype of the picture; mean and variance by exact laws (false alarm 2e-9)."""
    hold_standard(bench, subject, 20200619)


def hold_standard(bench: Bench, subject: Subject, seed: int) -> None:
    """Draw from the global generator as the listing does, and leave it as it was."""
    picture = torch.zeros(3, 128, 128)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        noise = subject(picture)
    bench.require(noise.shape == picture.shape, f"shape {tuple(noise.shape)}")
    bench.require(noise.dtype == torch.float32, f"dtype {noise.dtype}")
    noise = noise.double()
    bench.require(MEAN.accepts(noise.sum().item()), f"mean {noise.mean():.4g}")
    bench.require(SQUARES.accepts((noise**2).sum().item()), f"variance {noise.var():.4g}")


def _noise_like(dtype: torch.dtype) -> Callable[..., Any]:
    return lambda: torch.randn_like(torch.zeros(3, 4, 4, dtype=dtype)).shape


@compares(
    "noising.standard-noise",
    subject=_noise_like(torch.int16),
    wrong={"eight bits, divided": _noise_like(torch.float32)},
    kind="execution in torch",
    grade=Grade.EXECUTION,
    role=Role.REFUTES,
)
def integer_noise(bench: Bench, subject: Subject) -> None:
    """Of a 16-bit picture, whose tensor is of an integer type, no normal noise can be drawn."""
    found = outcome_of(subject)
    bench.require(found == Raises("NotImplementedError"), f"{found}")


def _two_runs(**options: Callable[..., Any]) -> Callable[..., list[torch.Tensor]]:
    def runs() -> list[torch.Tensor]:
        return [torch.randn(64, **{k: make() for k, make in options.items()}) for _ in range(2)]

    return runs


@compares(
    "noising.seed",
    subject=_two_runs(),
    wrong={"a seeded generator": _two_runs(generator=lambda: torch.Generator().manual_seed(0))},
    kind="execution in torch",
    grade=Grade.EXECUTION,
    role=Role.REFUTES,
)
def seed(bench: Bench, subject: Subject) -> None:
    """Two draws from the global state differ; draws from equally seeded generators are equal."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20200619)
        first, second = subject()
    bench.require(not torch.equal(first, second), "both runs draw the same noise")


@compares(
    "noising.promotion",
    subject=lambda table, i: table[i],
    wrong={
        "a slice of length 1": lambda table, i: table[i : i + 1],
        "a gathered batch": lambda table, i: table[torch.tensor([i])].reshape(1, 1, 1),
    },
    kind="execution in torch",
    grade=Grade.EXECUTION,
)
def promotion(bench: Bench, subject: Subject) -> None:
    """A zero-dimensional double times a float32 picture is float32; with an axis it is double."""
    picture = torch.ones(3, 8, 8)
    table = torch.linspace(1, 0, 4, dtype=torch.float64)
    found = subject(table, 1) * picture + subject(table, 2) * torch.ones_like(picture)
    bench.require(found.dtype == torch.float32, f"dtype {found.dtype}")
    bench.require(found.shape == picture.shape, f"shape {tuple(found.shape)}")


@compares(
    "noising.stack",
    subject=lambda images: torch.stack(images, dim=0),
    wrong={
        "concatenated": lambda images: torch.cat(images, dim=0),
        "new axis last": lambda images: torch.stack(images, dim=-1),
    },
    kind="execution in torch",
    grade=Grade.EXECUTION,
)
def stack(bench: Bench, subject: Subject) -> None:
    """Sixteen images give shape (16, C, H, W), in their order."""
    images = [torch.full((3, 4, 5), float(t)) for t in range(16)]
    stacked = subject(images)
    bench.require(stacked.shape == (16, 3, 4, 5), f"shape {tuple(stacked.shape)}")
    bench.require(stacked[:, 0, 0, 0].tolist() == list(range(16)), "order lost")


@compares(
    "noising.clipped",
    subject=probability_below,
    wrong={
        "variance for its root": lambda bound, pixel, level: probability_below(
            bound, pixel, 1 - (1 - level) ** 2),
        "picture not scaled": lambda bound, pixel, level: probability_below(
            bound, pixel / Fraction(math.sqrt(level)), level),
    },
    kind="quadrature",
    role=Role.REFUTES,
)
def clipped(bench: Bench, subject: Subject) -> None:
    """The cut probability is the integral of the normal density below the bound."""
    level, pixel = listed()[15], Fraction(1, 2)
    mean, sd = math.sqrt(level) * float(pixel), math.sqrt(1 - level)

    def density(x: float) -> float:
        return math.exp(-((x - mean) ** 2) / (2 * sd**2)) / (sd * math.sqrt(2 * math.pi))

    for bound in (Fraction(0), Fraction(1)):
        want, _ = quad(density, mean - 12 * sd, float(bound), epsabs=1e-13)
        bench.within(float(subject(bound, pixel, level).mid()), want, 1e-10, "probability")
