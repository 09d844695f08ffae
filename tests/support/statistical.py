"""Every check of random draws: its law, its false-alarm rate, and a wrong variant with its power.

The seeds are fixed, so that a run is repeatable and never fails by chance; a rate is the
probability over a fresh seed, such as another generator would give.  Nothing is retried.

Not listed: `assert not torch.equal(one draw, another)` and the like, which fail by chance less
often than once in 1e15 seeds.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scipy import stats

from audit.comparisons import attention, noising_coefficients, noising_tiles
from audit.comparisons.chance import Count, Distance, SumOfNormals, SumOfSquares

DEVICES = 2  # the CPU, and a CUDA device where there is one
TOTAL = 1e-6  # of all checks of one run of the tests and of verify


@dataclass(frozen=True)
class Check:
    """One kind of check: how often a run makes it, and what it refuses."""

    where: str
    statistic: str
    law: Any
    times: int
    wrong: str
    power: float

    @property
    def alarm(self) -> float:
        """The false-alarm rate of all its checks in one run, on every device."""
        return self.law.alarm * self.times * DEVICES


def gap(cdf: Callable[[float], float]) -> float:
    """At least sup |F - Phi| over all x: the largest on a grid."""
    grid = [i / 100 for i in range(-500, 501)]
    return max(abs(cdf(x) - stats.norm.cdf(x)) for x in grid)


# What each test draws; a test takes its laws from here, so that they cannot drift apart.
PAIRS = {"all": 409_600, "block": 204_800, "pair": 102_400, "next": 102_000, "draw": 204_800,
         "seed": 204_800}  # fmt: skip
DISTANCES = {name: Distance(n, 1e-9) for name, n in PAIRS.items()}
IMAGES = 2000 * 3 * 32 * 32
MEAN, SQUARES = SumOfNormals(IMAGES, 2e-10), SumOfSquares(IMAGES, 2e-10)
BEYOND = {x: Count(IMAGES, float(stats.norm.sf(x)), 2e-10) for x in (3, 4, 5)}
WHITE_SUM, WHITE_SQUARES = SumOfNormals(40_000, 4e-11), SumOfSquares(40_000, 4e-11)
WHITE_DISTANCE = Distance(40_000, 2e-11)
CLUSTER = Count(5000, 0.3, 2e-10)
CENTRE, WIDTH = SumOfNormals(1400, 2e-10), SumOfSquares(1400, 2e-10)
UNIFORM = Count(20_000, 0.2, 1e-9)
HALVES = {half: Count(600 * half, 0.2, 1e-9) for half in (1, 4)}
ROOTS = [math.sqrt(x) for x in (12.5, 2.5, 0.25)]  # of the mean squares of the test's history
IMPORTANCE = [Count(20_000, 0.999 * r / sum(ROOTS) + 0.001 / 3, 1e-9) for r in ROOTS]
MEAN_SQUARES = [12.5 / 15.25, 2.5 / 15.25, 0.25 / 15.25]

_NOISE = "tests/core/test_noise.py"
_SAMPLERS = "tests/core/test_samplers.py"
_TIMESTEPS = "tests/core/test_timestep_sampling.py"
_SHIFTED = gap(stats.norm(0.05).cdf)
_CORRELATED = gap(stats.norm(scale=math.sqrt(1.2)).cdf)
_STUDENT = stats.t(30)

CHECKS = [
    *(Check(_NOISE, f"distance from the normal law, {name}", law, 1 if name == "all" else 4,
            "mean 0.05; neighbours of correlation 0.2",
            min(law.power(_SHIFTED), law.power(_CORRELATED)))
      for name, law in DISTANCES.items()),
    Check(_NOISE, "sum", MEAN, 1, "mean 0.005", MEAN.power(shift=0.005)),
    Check(_NOISE, "sum of squares", SQUARES, 1, "variance 1.01", SQUARES.power(1.01)),
    *(Check(_NOISE, f"count beyond {x}", law, 2, "Student's t, 30 degrees of freedom",
            law.power(float(_STUDENT.sf(x)))) for x, law in BEYOND.items()),
    Check(_SAMPLERS, "sum of whitened images", WHITE_SUM, 45, "mean 0.1",
          WHITE_SUM.power(shift=0.1)),
    Check(_SAMPLERS, "squares of whitened images", WHITE_SQUARES, 45, "variance 1.1",
          WHITE_SQUARES.power(1.1)),
    Check(_SAMPLERS, "distance of whitened images", WHITE_DISTANCE, 45, "mean 0.1",
          WHITE_DISTANCE.power(gap(stats.norm(0.1).cdf))),
    Check(_SAMPLERS, "images of one cluster", CLUSTER, 1, "weight 0.4", CLUSTER.power(0.4)),
    Check(_SAMPLERS, "centre of a cluster", CENTRE, 4, "off by two thirds of its deviation",
          CENTRE.power(shift=0.66)),
    Check(_SAMPLERS, "width of a cluster", WIDTH, 4, "deviation 1.3", WIDTH.power(1.3**2)),
    Check(_TIMESTEPS, "count of a timestep", UNIFORM, 5, "one timestep never drawn",
          UNIFORM.power(0.25)),
    *(Check(_TIMESTEPS, f"count of a timestep, {half} of a batch", law, 10,
            "two timesteps drawn as one", law.power(0.4)) for half, law in HALVES.items()),
    *(Check(_TIMESTEPS, f"count of timestep {t} by importance", law, 1,
            "proportional to the mean square", law.power(p))
      for t, (law, p) in enumerate(zip(IMPORTANCE, MEAN_SQUARES, strict=True), 1)),
    Check("noising.standard-noise", "sum", noising_tiles.MEAN, 1, "mean 0.05",
          noising_tiles.MEAN.power(shift=0.05)),
    Check("noising.standard-noise", "sum of squares", noising_tiles.SQUARES, 1,
          "uniform on [0, 1): mean square 1/3", noising_tiles.SQUARES.power(1 / 3)),
    Check("noising.shared-noise", "squares of sums of tiles", noising_coefficients.SQUARES, 3,
          "one noise image: 2 in place of 1.24", noising_coefficients.SQUARES.power(2 / 1.25)),
    Check("unet.attention-variance", "squares of the queries", attention.LENGTHS, 1,
          "variance 1.02", attention.LENGTHS.power(1.02)),
]
