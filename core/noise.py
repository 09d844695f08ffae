"""Standard normal noise as a function: of the seed of the image, the number of the draw, the pixel.

    words  = Philox4x32-10(counter = (pixel // 4, 0, draw, 0), key = seed)      Salmon et al. 2011
    radius = sqrt(-2 ln((w + 1/2) / 2^32)),   angle = 2 pi (w' + 1/2) / 2^32 - pi
    z, z'  = radius sin(angle), radius cos(angle)                            Box and Muller 1958

A block of four words makes four pixels.  A `torch.Generator` hands out its numbers in the order of
asking, so an image would depend on the batch that it is made in and on every image before it, and
to continue a sampler its hidden state would have to be kept.  Here image k has the same noise
alone, in any batch and on any number of devices, and a sampler is resumed from (seed, t).

Only integer operations and +, -, *, /, sqrt of float64 are used, each of which has one correct
result: in eager mode the bits are the same on every device (a compiler may fuse a product with a
sum, and change the last one).  z is exact to 4e-15; |z| < 6.77, which a normal number exceeds
once in 8e10.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from core.checks import require_count

_LOW = 0xFFFFFFFF  # a word is the low half of an int64
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)

_ROOT_HALF = 0x3FE6A09E667F3BCC  # the bits of sqrt(1/2)
# Power series in the square of the argument, cut off where a term is less than 1e-16.
_ATANH = [1 / (2 * k + 1) for k in range(10)]  # of atanh(x) / x, |x| < 0.172
_SIN = [(-1) ** k / math.factorial(2 * k + 1) for k in range(8)]  # of sin(x) / x, |x| < pi/4
_COS = [(-1) ** k / math.factorial(2 * k) for k in range(9)]  # of cos(x), |x| < pi/4


def standard_normal(
    seeds: Tensor, draw: int, shape: Sequence[int], dtype: torch.dtype = torch.float32
) -> Tensor:
    """Independent N(0, 1) numbers of shape (B, *shape), on the device of seeds.

    seeds: int64 (B,), any values; equal seeds give equal images.  draw: 0..2^32 - 1; draws of
    one seed are independent.  Pixels are counted in row-major order of shape, so that a longer
    shape continues a shorter one.  Evaluated in float64 and rounded once to dtype.
    Errors: ValueError for seeds of another dtype or shape, a draw out of range, a negative size,
    a dtype that is not floating.
    """
    require_seeds(seeds)
    require_count("draw", draw, least=0)
    if draw > _LOW:
        raise ValueError(f"draw must be at most 2^32 - 1; got {draw}")
    for size in shape:
        require_count("shape", size, least=0)
    if not dtype.is_floating_point:
        raise ValueError(f"dtype must be a floating-point dtype; got {dtype}")
    pixels = math.prod(shape)
    block = torch.arange(-(-pixels // 4), device=seeds.device)
    counter = (block & _LOW, block >> 32, torch.full_like(block, draw), torch.zeros_like(block))
    words = philox4x32(counter, ((seeds & _LOW)[:, None], (seeds >> 32 & _LOW)[:, None]))
    z = torch.empty(*words.shape[1:], 2, 2, dtype=dtype, device=seeds.device)
    first, second = _box_muller(words[0::2], words[1::2])
    z[..., 0] = first.movedim(0, -1)
    z[..., 1] = second.movedim(0, -1)
    return z.flatten(1)[:, :pixels].reshape(seeds.shape[0], *shape)


def philox4x32(counter: Sequence[Tensor], key: Sequence[Tensor]) -> Tensor:
    """Philox4x32-10: four random words (4, ...) of each counter and key.

    counter: four int64 tensors, key: two, broadcast together to (...); they and the result hold
    words, 0..2^32 - 1.  Ten rounds of (c_0, c_1, c_2, c_3) <-
    (high(M_1 c_2) ^ c_1 ^ k_0, low(M_1 c_2), high(M_0 c_0) ^ c_3 ^ k_1, low(M_0 c_0)),
    with a constant added to each word of the key between two rounds.
    Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """
    k_0, k_1 = key
    shape = torch.broadcast_shapes(*(word.shape for word in (*counter, *key)))
    # In place, because memory is the bottleneck.  Each round moves c_i to where c_{i+1} was, so
    # that words which begin two places on end in order.
    words = torch.stack([counter[i].expand(shape) for i in (2, 3, 0, 1)])
    c_2, c_3, c_0, c_1 = words
    for _ in range(10):
        # A product wraps at 64 bits, which keeps both halves.  What lies above the low half of
        # c_1 and c_3 drops out when the words made of them are masked.
        product_0, product_1 = c_0.mul_(_MULTIPLIERS[0]), c_2.mul_(_MULTIPLIERS[1])
        c_1.bitwise_xor_(product_1 >> 32).bitwise_xor_(k_0).bitwise_and_(_LOW)
        c_3.bitwise_xor_(product_0 >> 32).bitwise_xor_(k_1).bitwise_and_(_LOW)
        c_0, c_1, c_2, c_3 = c_1, product_1, c_3, product_0
        k_0, k_1 = (k_0 + _KEY_STEPS[0]) & _LOW, (k_1 + _KEY_STEPS[1]) & _LOW
    return words.bitwise_and_(_LOW)


def require_seeds(seeds: Tensor) -> None:
    """seeds: an int64 tensor (B,)."""
    if not isinstance(seeds, Tensor) or seeds.dtype != torch.int64 or seeds.ndim != 1:
        got = f"{seeds.dtype}, shape {tuple(seeds.shape)}" if isinstance(seeds, Tensor) else seeds
        raise ValueError(f"seeds must be an int64 tensor of shape (B,), one an image; got {got!s}")


def _box_muller(radius_word: Tensor, angle_word: Tensor) -> tuple[Tensor, Tensor]:
    """radius sin(angle) and radius cos(angle), float64.

    With 2 x = pi / 2 - |angle| in (-pi/2, pi/2), they are radius times
    sign(angle) cos(2 x) = sign(angle) (1 - 2 sin(x)^2) and sin(2 x) = 2 sin(x) cos(x).
    """
    radius = _minus_two_log(radius_word).sqrt_()
    signed = angle_word.double().add_(0.5 - 2**31)  # angle / pi * 2^31
    x = signed.abs().neg_().add_(2**30).mul_(math.pi / 2**32)
    square = x * x
    sine = _series(_SIN, square).mul_(x)
    twice_sine = sine * 2
    cosine_2x = sine.mul_(twice_sine).neg_().add_(1)
    sine_2x = _series(_COS, square).mul_(twice_sine)
    return cosine_2x.copysign_(signed).mul_(radius), sine_2x.mul_(radius)


def _minus_two_log(word: Tensor) -> Tensor:
    """-2 ln((word + 1/2) / 2^32), in (2^-33, 46), float64.

    word + 1/2 = m 2^e with m in [sqrt(1/2), sqrt(2)), read off its bits; ln m = 2 atanh(x) with
    x = (m - 1) / (m + 1).
    """
    bits = word.double().add_(0.5).view(torch.int64).sub_(_ROOT_HALF)
    e = bits >> 52
    m = bits.sub_(e << 52).add_(_ROOT_HALF).view(torch.float64)
    x = (m - 1).div_(m.add_(1))
    logarithm = _series(_ATANH, x * x).mul_(x).mul_(-4)
    return logarithm.add_(e.sub_(32).double().mul_(-2 * math.log(2)))


def _series(coefficients: list[float], x: Tensor) -> Tensor:
    """sum_k coefficients[k] x^k by Horner's rule, a product and a sum at a time."""
    value = x * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        value.add_(coefficient).mul_(x)
    return value.add_(coefficients[0])
