"""The parts of the U-Net against numpy, compiled and not."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from compiling import compiled, flop_compiled
from convolving import convolved
from small_networks import SMALL, generator, randomised
from torch.nn.functional import group_norm
from torch.utils.flop_counter import FlopCounterMode

from core.unet_blocks import Downsample, Norm, ResidualBlock, SelfAttention, Upsample

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()


def test_downsampling_pads_below_and_on_the_right():
    layer = Downsample(1, generator()).double()
    with torch.no_grad():
        layer.conv.weight.copy_(torch.arange(1.0, 10).view(1, 1, 3, 3))
    x = torch.arange(16.0, dtype=torch.float64).view(1, 1, 4, 4)
    padded = np.zeros((5, 5))
    padded[:4, :4] = x.numpy()
    kernel = np.arange(1.0, 10).reshape(3, 3)
    expected = [[(padded[i : i + 3, j : j + 3] * kernel).sum() for j in (0, 2)] for i in (0, 2)]
    assert layer(x).squeeze().tolist() == expected


def test_upsampling_repeats_each_pixel():
    layer = Upsample(1, generator()).double()
    with torch.no_grad():
        layer.conv.weight.zero_()[0, 0, 1, 1] = 1
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], dtype=torch.float64)
    assert layer(x).squeeze().tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_by_hand(heads):
    config = replace(SMALL, heads=heads)
    layer = randomised(SelfAttention(8, config, generator())).double()
    x = torch.randn(1, 8, 2, 3, generator=generator(2), dtype=torch.float64)
    with torch.no_grad():
        found = layer(x)[0].reshape(8, 6).numpy()
        normed = group_norm(x, 4, layer.norm.weight, layer.norm.bias, 1e-6)[0].reshape(8, 6).numpy()
    weight, bias = (p.detach().numpy().reshape(24, -1) for p in layer.qkv.parameters())
    q, k, v = np.split(weight @ normed + bias, 3)
    out = np.zeros((8, 6))
    d = 8 // heads
    for h in range(heads):
        rows = slice(h * d, (h + 1) * d)
        scores = np.exp(q[rows].T @ k[rows] / math.sqrt(d))
        out[rows] = v[rows] @ (scores / scores.sum(1, keepdims=True)).T
    weight, bias = (p.detach().numpy().reshape(8, -1) for p in layer.out.parameters())
    assert found == pytest.approx(x[0].reshape(8, 6).numpy() + weight @ out + bias, rel=1e-11)


def test_attention_of_the_iddpm_code_is_a_permutation_of_rows():
    """There the rows of qkv are q, k, v of head 0, then of head 1; here q of all heads first."""
    heads, d = 4, 2
    layer = randomised(SelfAttention(8, replace(SMALL, heads=heads), generator())).double()
    x = torch.randn(1, 8, 2, 3, generator=generator(2), dtype=torch.float64)
    rows = np.arange(24).reshape(3, heads, d).transpose(1, 0, 2).reshape(24)
    with torch.no_grad():
        found = layer(x)[0].reshape(8, 6).numpy()
        ours = layer.qkv(layer.norm(x))[0].reshape(24, 6).numpy()
    out = []
    for q, k, v in ours[rows].reshape(heads, 3, d, 6):
        scores = np.exp(q.T @ k / math.sqrt(d))
        out.append(v @ (scores / scores.sum(1, keepdims=True)).T)
    weight, bias = (p.detach().numpy().reshape(8, -1) for p in layer.out.parameters())
    expected = x[0].reshape(8, 6).numpy() + weight @ np.concatenate(out) + bias
    assert found == pytest.approx(expected, rel=1e-11)


def normalised(x, groups, norm, eps):
    """Group normalisation of (C, H, W) in numpy."""
    parts = x.reshape(groups, -1)
    parts = parts - parts.mean(1, keepdims=True)
    parts = parts / np.sqrt((parts**2).mean(1, keepdims=True) + eps)
    weight, bias = (p.detach().numpy()[:, None, None] for p in norm.parameters())
    return parts.reshape(x.shape) * weight + bias


def silu(x):
    return x / (1 + np.exp(-x))


@pytest.mark.parametrize("scale_shift", [False, True])
def test_residual_block_by_hand(scale_shift):
    config = replace(SMALL, norm_eps=0.1, scale_shift=scale_shift)
    block = randomised(ResidualBlock(4, 8, False, config, generator())).double().eval()
    x = torch.randn(2, 4, 3, 5, generator=generator(2), dtype=torch.float64)
    time = torch.randn(2, 8 * (1 + scale_shift), generator=generator(3), dtype=torch.float64)
    with torch.no_grad():
        found = block(x, time).numpy()
    for image, told, result in zip(x.numpy(), time.numpy()[..., None, None], found, strict=True):
        u = convolved(silu(normalised(image, 4, block.norm1, 0.1)), *block.conv1.parameters())
        if scale_shift:
            h = normalised(u, 4, block.norm2, 0.1) * (1 + told[:8]) + told[8:]
        else:
            h = normalised(u + told, 4, block.norm2, 0.1)
        expected = (convolved(image, *block.shortcut.parameters())
                    + convolved(silu(h), *block.conv2.parameters()))
        assert result == pytest.approx(expected, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("dtype, bound", [(torch.float64, 1e-8), (torch.float32, 1e-3),
                                          (torch.bfloat16, 4e-2)])
def test_group_norm_compiled_and_not(dtype, bound, offset, device):
    """Against numpy in float64.  At a mean of 1000 deviations a difference of moments has no digit
    left in float32, as in torch's own channels-last kernel, which is therefore shown only 0 there.
    """
    if dtype == torch.bfloat16:
        offset = offset / 100
    norm = randomised(Norm(3, 12, 1e-6)).to(device)
    x = torch.randn(2, 12, 5, 7, generator=generator(3), dtype=torch.float64) + offset
    x = x.to(device, dtype).contiguous(memory_format=torch.channels_last)
    assert x.is_contiguous(memory_format=torch.channels_last)
    groups = x.double().cpu().numpy().reshape(2, 3, -1)
    standard = groups - groups.mean(-1, keepdims=True)
    standard /= np.sqrt((standard**2).mean(-1, keepdims=True) + 1e-6)
    weight, bias = (p.detach().double().cpu().numpy()[:, None, None] for p in norm.parameters())
    expected = standard.reshape(2, 12, 5, 7) * weight + bias
    norm = norm.to(dtype if dtype == torch.float64 else torch.float32)
    for run in (compiled(norm), norm) if offset == 0 else (compiled(norm),):
        found = run(x)
        assert found.dtype == dtype
        assert found.detach().double().cpu().numpy() == pytest.approx(expected, abs=bound)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype, bound", [(torch.float64, 1e-13), (torch.float32, 3e-6),
                                          (torch.bfloat16, 5e-2)])
@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 3)])
def test_upsample_compiled_and_not(size, dtype, bound, device):
    """Against numpy in float64: each pixel repeated, and a convolution of that."""
    upsample = randomised(Upsample(3, None)).to(device, dtype)
    x = torch.randn(2, 3, *size, generator=generator(3), dtype=torch.float64)
    x = x.to(device, dtype).contiguous(memory_format=torch.channels_last)
    doubled = x.double().cpu().numpy().repeat(2, 2).repeat(2, 3)
    expected = convolved(doubled, *upsample.conv.parameters())
    for run in (upsample, compiled(upsample)):
        found = run(x)
        assert found.dtype == dtype
        assert found.detach().double().cpu().numpy() == pytest.approx(expected, abs=bound)


def test_upsample_compiled_multiplies_four_times_where_there_were_nine():
    """Of the published network's FLOP that is 7 %: 1,585,446,912 become 704,643,072."""
    saved = 0
    for n, size in ((256, 4), (256, 8), (256, 16)):
        upsample, x = Upsample(n, None), torch.zeros(1, n, size, size)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            upsample(x)
        counts = [counter.get_total_flops(), flop_compiled(upsample, x)]
        assert counts == [2 * 9 * n**2 * 4 * size**2, 2 * 4 * n**2 * 4 * size**2]
        saved += counts[0] - counts[1]
    assert saved == 880_803_840


def test_dropout_comes_between_silu_and_the_second_convolution():
    """What conv2 sees in training is 0, or what it sees without dropout over 1 - 0.75."""
    block = randomised(ResidualBlock(8, 8, False, replace(SMALL, dropout=0.75), generator()))
    seen = []
    block.conv2.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x = torch.randn(2, 8, 4, 4, generator=generator(1))
    for training in (True, False):
        block.train(training)(x, torch.zeros(2, 8))
    dropped, whole = seen
    kept = dropped != 0
    assert 0.1 < kept.float().mean().item() < 0.4
    assert torch.allclose(dropped, 4 * whole * kept, rtol=1e-6, atol=0)
