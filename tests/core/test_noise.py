"""Philox against published answers and a transcript in Python's integers; the normal law within
laws that are exact or proven; tests/support/statistical.py states their rates.
"""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import stats
from statistical import BEYOND, DISTANCES, IMAGES, MEAN, SQUARES
from torch.utils._python_dispatch import TorchDispatchMode

from audit.comparisons.chance import Distance
from core import noise
from core.noise import philox4x32, standard_normal

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
MP = mpmath.MPContext()
MP.dps = 40

# From the file kat_vectors of Random123: counter, key, answer.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def words(text):
    return [int(word, 16) for word in text.split()]


def in_integers(counter, key):
    """Philox4x32-10 as Salmon et al. print it, one word at a time."""
    a, b, c, d = counter
    k, m = key
    for round_ in range(10):
        if round_:
            k, m = (k + 0x9E3779B9) % 2**32, (m + 0xBB67AE85) % 2**32
        high_0, low_0 = divmod(0xD2511F53 * a, 2**32)
        high_1, low_1 = divmod(0xCD9E8D57 * c, 2**32)
        a, b, c, d = high_1 ^ b ^ k, low_1, high_0 ^ d ^ m, low_0
    return [a, b, c, d]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("counter, key, answer", KNOWN)
def test_published_answers(counter, key, answer, device):
    counter, key = ([torch.tensor([w], device=device) for w in words(x)] for x in (counter, key))
    kept = [word.clone() for word in (*counter, *key)]
    result = philox4x32(counter, key)
    assert result.dtype == torch.int64 and result.flatten().tolist() == words(answer)
    assert all(torch.equal(now, then) for now, then in zip((*counter, *key), kept, strict=True))


def test_words_of_any_counter_and_key():
    generator = torch.Generator().manual_seed(0)
    counter = torch.randint(0, 2**32, (4, 5, 40), generator=generator)
    key = torch.randint(0, 2**32, (2, 5, 1), generator=generator)
    result = philox4x32(counter.unbind(), key.unbind())
    assert result.shape == (4, 5, 40)
    for i in range(5):
        for j in range(40):
            expected = in_integers(counter[:, i, j].tolist(), key[:, i, 0].tolist())
            assert result[:, i, j].tolist() == expected


def exact_pair(w, angle_word):
    """The two normal numbers of two words, by the formulas of the module, in 40 digits."""
    half = MP.mpf("0.5")
    radius = MP.sqrt(-2 * MP.log((w + half) / 2**32))
    angle = 2 * MP.pi * (angle_word + half) / 2**32 - MP.pi
    return radius * MP.sin(angle), radius * MP.cos(angle)


def expected_normals(seed, draw, pixels):
    key = (seed % 2**32, seed // 2**32 % 2**32)
    numbers = []
    for block in range(-(-pixels // 4)):
        a, b, c, d = in_integers((block % 2**32, block // 2**32, draw, 0), key)
        numbers += [*exact_pair(a, b), *exact_pair(c, d)]
    return numbers[:pixels]


@pytest.mark.parametrize("draw", [0, 7, 2**32 - 1])
def test_counter_layout_and_accuracy(draw):
    seeds = [0, 1, 2**32, -1, -(2**63), 2**63 - 1, 123456789012345678]
    z = standard_normal(torch.tensor(seeds), draw, (3, 5), torch.float64)
    assert z.shape == (7, 3, 5) and z.dtype == torch.float64
    for seed, image in zip(seeds, z, strict=True):
        for value, exact in zip(image.flatten().tolist(), expected_normals(seed, draw, 15),
                                strict=True):  # fmt: skip
            assert abs(value - exact) <= 4e-15


def test_extreme_words():
    """Both ends of the radius, and both sides of every eighth of the circle."""
    ends = [0, 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]
    eighths = [q * 2**29 + i for q in range(8) for i in (0, 1, 2**29 - 1)]
    root_half = math.isqrt(2**63)  # where the logarithm changes its exponent
    pairs = [(w, a) for w in (*ends, root_half - 1, root_half) for a in eighths]
    results = noise._box_muller(*(torch.tensor(column) for column in zip(*pairs, strict=True)))
    for (w, a), *values in zip(pairs, *(x.tolist() for x in results), strict=True):
        for value, exact in zip(values, exact_pair(w, a), strict=True):
            assert value != 0 and abs(value) < 6.77 and abs(value - exact) <= 4e-15


def distance(sample, cdf):
    """sup |F_n - F|, at both sides of every jump."""
    exact = cdf(np.sort(np.asarray(sample, dtype=np.float64).ravel()))
    steps = np.arange(exact.size + 1) / exact.size
    return max(np.max(steps[1:] - exact), np.max(exact - steps[:-1]))


def test_the_distance_sees_a_wrong_law():
    n = 400_000
    quantiles = (np.arange(n) + 0.5) / n
    normal = stats.norm.ppf(quantiles)
    law = Distance(n, 1e-9)
    assert law.accepts(distance(normal, stats.norm.cdf))
    wrong = (1.03 * normal, normal + 0.02, stats.t.ppf(quantiles, 10), normal.round(1))
    assert not any(law.accepts(distance(x, stats.norm.cdf)) for x in wrong)


def test_normal_and_independent():
    """Each pixel, and each pair that a weak generator would couple: neighbours of a block, of two
    blocks, of two draws and of two seeds.  A sum and a difference of independent pairs are normal.
    """
    z = torch.stack([standard_normal(torch.arange(200), draw, (1024,), torch.float64)
                     for draw in (0, 1)])  # fmt: skip
    pairs = {"block": (z[..., 0::2], z[..., 1::2]), "pair": (z[..., 0::4], z[..., 2::4]),
             "next": (z[..., 3:-1:4], z[..., 4::4]), "draw": (z[0], z[1]),
             "seed": (z[:, 0::2], z[:, 1::2])}  # fmt: skip
    assert z.numel() == DISTANCES["all"].n
    assert DISTANCES["all"].accepts(distance(z, stats.norm.cdf))
    for name, (x, y) in pairs.items():
        law = DISTANCES[name]
        assert x.shape == y.shape and x.numel() == law.n
        for mixed in ((x + y) / math.sqrt(2), (x - y) / math.sqrt(2)):
            assert law.accepts(distance(mixed, stats.norm.cdf)), name
        turns = torch.atan2(x, y) / (2 * math.pi) + 0.5
        assert law.accepts(distance(turns, lambda u: u)), name
        assert law.accepts(distance(x**2 + y**2, stats.chi2(2).cdf)), name


def test_moments_and_tails():
    """Mean, variance and the counts beyond 3, 4 and 5 against their exact laws."""
    z = standard_normal(torch.arange(2000), 3, (3, 32, 32), torch.float64)
    assert z.numel() == IMAGES
    assert MEAN.accepts(z.sum().item()) and SQUARES.accepts((z**2).sum().item())
    for threshold, law in BEYOND.items():
        for sign in (1, -1):
            assert law.accepts(int((sign * z > threshold).sum()))


def test_an_image_depends_on_its_seed_alone():
    seeds = torch.tensor([5, -7, 2**40, 5, 0])
    batch = standard_normal(seeds, 4, (3, 7, 5))
    assert torch.equal(batch[0], batch[3]) and not torch.equal(batch[0], batch[1])
    for k in range(5):
        assert torch.equal(standard_normal(seeds[k : k + 1], 4, (3, 7, 5))[0], batch[k])
    order = torch.tensor([3, 1, 4, 0, 2])
    assert torch.equal(standard_normal(seeds[order], 4, (3, 7, 5)), batch[order])
    assert torch.equal(standard_normal(seeds, 4, (105,)), batch.flatten(1))
    assert torch.equal(standard_normal(seeds, 4, (2, 3)).flatten(1), batch.flatten(1)[:, :6])
    assert not torch.equal(standard_normal(seeds, 5, (3, 7, 5)), batch)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_narrow_dtype_is_the_wide_one_rounded(dtype):
    seeds = torch.arange(6)
    narrow = standard_normal(seeds, 2, (9,), dtype)
    assert narrow.dtype == dtype and narrow.shape == (6, 9)
    wide = standard_normal(seeds, 2, (9,), torch.float64)
    assert torch.equal(narrow, wide.to(dtype))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares with a GPU")
def test_same_bits_on_a_gpu():
    seeds = torch.arange(-20, 20)
    on_gpu = standard_normal(seeds.cuda(), 9, (3, 32, 32), torch.float64)
    assert torch.equal(on_gpu.cpu(), standard_normal(seeds, 9, (3, 32, 32), torch.float64))


class Reads(TorchDispatchMode):
    """Counts the operations for which a GPU would have to be waited for."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function in (
            torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default
        )  # fmt: skip
        return function(*args, **(kwargs or {}))


def test_reads_no_value():
    with Reads() as reads:
        standard_normal(torch.arange(3), 1, (5,))
    assert reads.count == 0
    with Reads() as reads:
        bool(torch.ones(()).all())
    assert reads.count == 1


def test_compiles_without_a_graph_break():
    compiled = torch.compile(standard_normal, backend="eager", fullgraph=True)
    seeds = torch.tensor([3, -4])
    assert torch.equal(compiled(seeds, 6, (3, 3)), standard_normal(seeds, 6, (3, 3)))


def test_empty():
    assert standard_normal(torch.zeros(0, dtype=torch.int64), 0, (3, 2)).shape == (0, 3, 2)
    assert standard_normal(torch.zeros(2, dtype=torch.int64), 0, (0, 4)).shape == (2, 0, 4)
    assert standard_normal(torch.zeros(2, dtype=torch.int64), 0, ()).shape == (2,)


SEEDS = torch.arange(2)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: standard_normal(SEEDS.int(), 0, (3,)), ("seeds", "int64", "int32")),
        (lambda: standard_normal(SEEDS[:, None], 0, (3,)), ("seeds", "(B,)", "(2, 1)")),
        (lambda: standard_normal([1, 2], 0, (3,)), ("seeds", "int64", "[1, 2]")),
        (lambda: standard_normal(SEEDS, -1, (3,)), ("draw", "0 or more", "-1")),
        (lambda: standard_normal(SEEDS, 2**32, (3,)), ("draw", "2^32 - 1", "4294967296")),
        (lambda: standard_normal(SEEDS, 0.0, (3,)), ("draw", "integer", "0.0")),
        (lambda: standard_normal(SEEDS, 0, (3, -1)), ("shape", "0 or more", "-1")),
        (lambda: standard_normal(SEEDS, 0, (3,), torch.int32), ("dtype", "floating", "int32")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
