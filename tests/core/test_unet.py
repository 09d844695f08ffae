"""The U-Net: published counts, closed forms of its parts, and one answer however it is run.

That its whole output is right is shown against diffusers, in `test_diffusers_layout`.
"""

import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import group_norm
from torch.utils.flop_counter import FlopCounterMode

from core.denoiser import Denoiser
from core.schedule import linear_schedule
from core.timestep_embedding import timestep_embedding_ddpm, timestep_embedding_improved
from core.unet import UNet
from core.unet_blocks import Downsample, Norm, ResidualBlock, SelfAttention, Upsample
from core.unet_config import UNetConfig

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
SMALL = UNetConfig(image_size=8, channels=8, multipliers=(1, 2), blocks=1,
                   attention_resolutions=(4,), groups=4)
# The CIFAR-10 network of iDDPM.
IMPROVED = UNetConfig(blocks=3, attention_resolutions=(16, 8), heads=4, dropout=0.3, norm_eps=1e-5,
                      learns_variance=True, embedding="improved", scale_shift=True)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randomised(network, seed=1):
    """Every weight away from 0: the published zeros would hide what they multiply."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator(seed)) * 0.2)
            seed += 1
    return network


def inputs(config=SMALL, batch=2, dtype=torch.float32, device="cpu"):
    side = config.image_size
    x = torch.randn(batch, config.image_channels, side, side, generator=generator(7))
    return x.to(device, dtype), torch.arange(batch, device=device) * 3


def meta(config):
    with torch.device("meta"):
        return UNet(config)


def parameters(config):
    return sum(weight.numel() for weight in meta(config).parameters())


def test_published_parameter_counts():
    assert parameters(UNetConfig()) == 35_746_307
    assert parameters(UNetConfig(learns_variance=True)) == 35_749_766
    assert parameters(UNetConfig(classes=10)) == 35_746_307 + 10 * 512
    assert parameters(IMPROVED) == 52_546_438
    assert parameters(replace(IMPROVED, learns_variance=False)) == 52_542_979


def flops(config):
    """(FLOP of one image, their split by operation)."""
    counter, network = FlopCounterMode(display=False), meta(config).eval()
    x = torch.zeros(1, 3, 32, 32, device="meta")
    with torch.no_grad(), counter, sdpa_kernel(SDPBackend.MATH):
        network(x, torch.zeros(1, device="meta"))
    found = counter.get_flop_counts()["Global"]
    return counter.get_total_flops(), {str(op): flop for op, flop in found.items()}


def test_published_flop_counts():
    assert flops(UNetConfig()) == (12_443_713_536, {
        "aten.convolution": 12_102_139_904, "aten.bmm": 335_806_464, "aten.addmm": 5_767_168})
    assert flops(IMPROVED)[0] == 16_773_414_912
    assert flops(replace(IMPROVED, learns_variance=False))[0] == 16_766_337_024


def test_attention_is_where_the_paper_has_it():
    found = [name for name, module in meta(UNetConfig()).named_modules()
             if isinstance(module, SelfAttention)]
    level_1, mirror = "down.1.blocks", "up.2.blocks"
    assert found == [f"{level_1}.0.attention", f"{level_1}.1.attention", "middle.0.attention",
                     *(f"{mirror}.{i}.attention" for i in range(3))]


def is_uniform(weight, fan_in, fan_out, scale=1.0):
    bound = math.sqrt(3 * scale / ((fan_in + fan_out) / 2))
    weight = weight.detach().double()
    assert weight.abs().max().item() <= bound * (1 + 1e-6)
    # The mean square of a uniform is bound^2 / 3, known to 1 / sqrt(n); six times that is allowed.
    assert weight.square().mean().item() == pytest.approx(
        bound**2 / 3, rel=6 / math.sqrt(weight.numel()))


def test_initial_weights_are_the_published_ones():
    network = UNet(replace(UNetConfig(), channels=32, classes=10), generator())
    block, attention = network.down[1].blocks[0], network.down[1].blocks[0].attention
    is_uniform(block.conv1.weight, 9 * 32, 9 * 64)
    is_uniform(block.shortcut.weight, 32, 64)
    is_uniform(block.conv2.weight, 9 * 64, 9 * 64, 1e-10)
    is_uniform(attention.out.weight, 64, 64, 1e-10)
    is_uniform(network.conv_out.weight, 9 * 32, 9 * 3, 1e-10)
    is_uniform(network.time_mlp[0].weight, 32, 128)
    for part in attention.qkv.weight.chunk(3):
        is_uniform(part, 64, 64)
    is_uniform(network.time_projection.weight[:32], 128, 32)
    is_uniform(network.time_projection.weight[64:128], 128, 64)
    for name, weight in network.named_parameters():
        if name.endswith("bias"):
            assert not weight.any(), name
        elif "norm" in name:
            assert (weight == 1).all(), name
    assert network.label_embedding.weight.std().item() == pytest.approx(1, abs=0.1)
    scaled = UNet(UNetConfig(channels=32, scale_shift=True), generator()).time_projection.weight
    is_uniform(scaled[:64], 128, 64)  # scale and shift are one layer's, of twice the channels
    is_uniform(scaled[128:256], 128, 128)


def test_weights_come_from_the_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two = UNet(SMALL, generator(3)), UNet(SMALL, generator(3))
    assert torch.get_rng_state().equal(before)
    other = UNet(SMALL, generator(4))
    for name, weight in one.named_parameters():
        assert weight.equal(two.get_parameter(name))
    assert not one.conv_in.weight.equal(other.conv_in.weight)


def test_a_fresh_network_predicts_nearly_nothing():
    x, t = inputs()
    assert UNet(SMALL, generator()).eval()(x, t).abs().max().item() < 1e-3


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


def convolved(x, layer):
    """A convolution that keeps (H, W), in numpy."""
    weight, bias = (p.detach().numpy() for p in layer.parameters())
    size = weight.shape[-1]
    padded = np.pad(x, ((0, 0), (size // 2, size // 2), (size // 2, size // 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    return np.einsum("cijkl,ockl->oij", windows, weight) + bias[:, None, None]


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
        u = convolved(silu(normalised(image, 4, block.norm1, 0.1)), block.conv1)
        if scale_shift:
            h = normalised(u, 4, block.norm2, 0.1) * (1 + told[:8]) + told[8:]
        else:
            h = normalised(u + told, 4, block.norm2, 0.1)
        expected = convolved(image, block.shortcut) + convolved(silu(h), block.conv2)
        assert result == pytest.approx(expected, rel=1e-11, abs=1e-12)


def compiled(function, **options):
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend="aot_eager", **options)


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
    """Against numpy in float64: each pixel repeated, and nine weighted, shifted copies of that."""
    rows, columns = size
    upsample = randomised(Upsample(3, None)).to(device, dtype)
    x = torch.randn(2, 3, rows, columns, generator=generator(3), dtype=torch.float64)
    x = x.to(device, dtype).contiguous(memory_format=torch.channels_last)
    weight, bias = (p.detach().double().cpu().numpy() for p in upsample.conv.parameters())
    image = np.pad(x.double().cpu().numpy().repeat(2, 2).repeat(2, 3), [(0, 0)] * 2 + [(1, 1)] * 2)
    expected = np.zeros((2, 3, 2 * rows, 2 * columns)) + bias[:, None, None]
    for i in range(3):
        for j in range(3):
            seen = image[:, :, i:i + 2 * rows, j:j + 2 * columns]
            expected += np.einsum("oc,bchw->bohw", weight[:, :, i, j], seen)
    for run in (upsample, compiled(upsample)):
        found = run(x)
        assert found.dtype == dtype
        assert found.detach().double().cpu().numpy() == pytest.approx(expected, abs=bound)


def test_upsample_compiled_multiplies_four_times_where_there_were_nine(monkeypatch):
    """Of the published network's FLOP that is 7 %: 1,585,446,912 become 704,643,072."""
    saved = 0
    for n, size in ((256, 4), (256, 8), (256, 16)):
        upsample, x = Upsample(n, None), torch.zeros(1, n, size, size)
        counts = []
        for compiles in (False, True):
            # Said and not done: the counter's hooks on modules do not compile.
            monkeypatch.setattr(torch.compiler, "is_compiling", lambda compiles=compiles: compiles)
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                upsample(x)
            counts.append(counter.get_total_flops())
        assert counts == [2 * 9 * n**2 * 4 * size**2, 2 * 4 * n**2 * 4 * size**2]
        saved += counts[0] - counts[1]
    assert saved == 880_803_840


@pytest.mark.parametrize("checkpointing, scale_shift",
                         [(False, False), (True, False), (False, True)])
def test_compiles_without_a_graph_break_to_the_same(checkpointing, scale_shift):
    config = replace(SMALL, classes=3, learns_variance=True, dropout=0.0,
                     checkpointing=checkpointing, scale_shift=scale_shift)
    network = randomised(UNet(config)).double()
    x, t = inputs(config, dtype=torch.float64)
    labels = torch.tensor([2, 0])
    plain = network(x, t, labels)
    grads = torch.autograd.grad(plain.square().mean(), list(network.parameters()))
    fast = compiled(network)(x, t, labels)
    assert fast.shape == (2, 6, 8, 8)
    assert torch.allclose(fast, plain, rtol=1e-9, atol=1e-9)
    compiled_grads = torch.autograd.grad(fast.square().mean(), list(network.parameters()))
    for one, two in zip(grads, compiled_grads, strict=True):
        assert torch.allclose(one, two, rtol=1e-7, atol=1e-9 * grads[0].abs().max().item())


def test_the_label_is_added_to_the_time():
    """What the blocks are told is silu(mlp(t) + embedding[label]), projected."""
    network = randomised(UNet(replace(SMALL, classes=3))).double().eval()
    seen = {}
    for name in ("time_mlp", "time_projection"):
        getattr(network, name).register_forward_hook(
            lambda module, given, made, name=name: seen.update({name: (given[0], made)}))
    x, t = inputs(dtype=torch.float64)
    network(x, t, torch.tensor([2, 0]))
    told = seen["time_mlp"][1] + network.label_embedding.weight[[2, 0]]
    assert torch.allclose(seen["time_projection"][0], told * torch.sigmoid(told), rtol=1e-14)


@pytest.mark.parametrize("scale_shift", [False, True])
def test_gradients_reach_every_weight(scale_shift):
    """Along a random direction, against a difference quotient; and none is 0."""
    config = replace(SMALL, dropout=0.0, classes=2, scale_shift=scale_shift)
    network = randomised(UNet(config)).double()
    x, t = inputs(dtype=torch.float64)

    def loss():
        return network(x, t, torch.tensor([0, 1])).square().mean()

    gradients = dict(zip(dict(network.named_parameters()),
                         torch.autograd.grad(loss(), list(network.parameters())), strict=True))
    for name, weight in network.named_parameters():
        gradient = gradients[name]
        assert gradient.isfinite().all() and gradient.any(), name
        direction = torch.randn(weight.shape, generator=generator(4), dtype=torch.float64)
        with torch.no_grad():
            above = (weight.add_(1e-6 * direction), loss().item())[1]
            below = (weight.sub_(2e-6 * direction), loss().item())[1]
            weight.add_(1e-6 * direction)
        slope = (gradient * direction).sum().item()
        assert (above - below) / 2e-6 == pytest.approx(slope, rel=1e-4, abs=1e-7 * above), name
    # Each block's projection, scale and shift apart.
    for part in gradients["time_projection.weight"].split(SMALL.channels):
        assert part.any(1).all()


@pytest.mark.parametrize("scale_shift", [False, True])
def test_checkpointing_changes_no_gradient_with_dropout(scale_shift):
    config = replace(SMALL, dropout=0.5, scale_shift=scale_shift)
    network = randomised(UNet(config)).double()
    x, t = inputs(dtype=torch.float64)
    results = []
    for checkpointing in (False, True):
        network.config = replace(config, checkpointing=checkpointing)
        torch.manual_seed(0)
        loss = network(x, t).square().mean()
        results.append(torch.autograd.grad(loss, list(network.parameters())))
    for one, two in zip(*results, strict=True):
        assert one.equal(two)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("scale_shift", [False, True])
def test_channels_last_and_autocast(scale_shift, device):
    network = randomised(UNet(replace(SMALL, scale_shift=scale_shift))).to(device).eval()
    x, t = inputs(device=device)
    with torch.no_grad():
        plain = network(x, t)
        fast = network.to(memory_format=torch.channels_last)
        again = fast(x.contiguous(memory_format=torch.channels_last), t)
        assert torch.allclose(again, plain, rtol=1e-4, atol=1e-4 * plain.abs().max().item())
        assert again.is_contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, dtype=torch.bfloat16):
            rough = fast(x, t)
    assert rough.dtype == torch.bfloat16
    assert (rough - plain).abs().max() < 0.1 * plain.abs().max()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_weights_and_images_of_any_floating_dtype(dtype):
    network = randomised(UNet(SMALL)).eval()
    x, t = inputs()
    plain = network(x, t)
    found = network.to(dtype)(x.double(), t)
    assert found.dtype == dtype and found.isfinite().all()
    assert (found - plain).abs().max() < 0.1 * plain.abs().max()


def test_dropout_acts_in_training_only():
    network = randomised(UNet(replace(SMALL, dropout=0.5)))
    x, t = inputs()
    assert not network(x, t).equal(network(x, t))
    network.eval()
    assert network(x, t).equal(network(x, t))


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


@pytest.mark.parametrize("scale_shift", [False, True])
def test_each_image_has_its_own_timestep_and_label(scale_shift):
    config = replace(SMALL, classes=4, scale_shift=scale_shift)
    network = randomised(UNet(config)).double().eval()
    x, t = inputs(batch=3, dtype=torch.float64)
    labels = torch.tensor([1, 3, 0])
    whole = network(x, t, labels)
    for i in range(3):
        one = network(x[i : i + 1], t[i : i + 1], labels[i : i + 1])
        assert torch.allclose(one[0], whole[i], rtol=1e-10)
    assert not torch.allclose(network(x, t + 1, labels), whole)
    assert not torch.allclose(network(x, t, labels.flip(0)), whole)


@pytest.mark.parametrize("embedding, function", [("ddpm", timestep_embedding_ddpm),
                                                 ("improved", timestep_embedding_improved)])
def test_the_embedding_is_the_named_one(embedding, function):
    network = randomised(UNet(replace(SMALL, embedding=embedding)))
    seen = []
    network.time_mlp.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x, t = inputs()
    rescaled = torch.tensor([0.25, 997.5])  # iDDPM's (t - 1) * 1000 / T is no integer
    for shown in (t, rescaled):
        network(x, shown)
        assert seen.pop().equal(function(shown, 8))
    assert not function(rescaled, 8).equal(function(rescaled.floor(), 8))


def test_under_a_denoiser_the_second_half_is_the_variance():
    network = randomised(UNet(replace(SMALL, learns_variance=True))).double().eval()
    x, _ = inputs(dtype=torch.float64)
    denoiser = Denoiser(network, linear_schedule(10), learns_variance=True)
    raw = network(x, torch.tensor([3, 3]))
    prediction, v = denoiser.output(x, 4)
    assert prediction.equal(raw[:, :3]) and v.equal(raw[:, 3:])


@pytest.mark.parametrize("config", [
    UNetConfig(image_channels=1, image_size=28, channels=8, multipliers=(1, 3, 2), groups=4,
               attention_resolutions=(28, 7), heads=2),
    UNetConfig(image_size=1, channels=4, multipliers=(2,), groups=1, attention_resolutions=()),
])
def test_other_sizes(config):
    x, t = inputs(config, batch=1)
    assert UNet(config)(x, t).shape == x.shape


def test_an_empty_batch():
    x, t = inputs(batch=0)
    assert UNet(SMALL)(x, t).shape == (0, 3, 8, 8)


def test_the_configuration_is_frozen_and_hashable():
    assert hash(SMALL) == hash(replace(SMALL))
    with pytest.raises(FrozenInstanceError):
        SMALL.channels = 3
    assert SMALL.resolutions == (8, 4) and SMALL.widths == (8, 16) and SMALL.out_channels == 3


def forward(config=SMALL, x=None, t=None, labels=None):
    good_x, good_t = inputs(config)
    return UNet(config)(good_x if x is None else x, good_t if t is None else t, labels)


TWO = torch.tensor([0, 1])
LABELLED = replace(SMALL, classes=3)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: replace(SMALL, image_channels=0), ("image_channels", "1 or more", "0")),
        (lambda: replace(SMALL, image_size=9), ("image_size", "divisible by 2", "9")),
        (lambda: replace(SMALL, channels=3), ("channels", "4 or more", "3")),
        (lambda: replace(SMALL, channels=10), ("groups", "channels = 10", "4")),
        (lambda: replace(SMALL, groups=0), ("groups", "1 or more", "0")),
        (lambda: replace(SMALL, multipliers=[1, 2]), ("multipliers", "tuple", "[1, 2]")),
        (lambda: replace(SMALL, multipliers=()), ("multipliers", "one level", "()")),
        (lambda: replace(SMALL, multipliers=(1, 0)), ("multipliers", "1 or more", "0")),
        (lambda: replace(SMALL, blocks=0), ("blocks", "1 or more", "0")),
        (lambda: replace(SMALL, attention_resolutions=(16,)), ("attention_res", "(8, 4)", "16")),
        (lambda: replace(SMALL, heads=3), ("heads", "16 channels", "3")),
        # The middle attends in the width of the deepest level, and in no other here.
        (lambda: replace(SMALL, multipliers=(2, 1), attention_resolutions=(), heads=16),
         ("heads", "8 channels", "16")),
        (lambda: replace(SMALL, dropout=1.0), ("dropout", "[0, 1)", "1.0")),
        (lambda: replace(SMALL, dropout=math.nan), ("dropout", "[0, 1)", "nan")),
        (lambda: replace(SMALL, norm_eps=0.0), ("norm_eps", "(0, inf)", "0.0")),
        (lambda: replace(SMALL, learns_variance=1), ("learns_variance", "True or False", "1")),
        (lambda: replace(SMALL, scale_shift="scale"), ("scale_shift", "True or False", "'scale'")),
        (lambda: replace(SMALL, checkpointing=None), ("checkpointing", "True or False", "None")),
        (lambda: replace(SMALL, classes=0), ("classes", "1 or more", "0")),
        (lambda: replace(SMALL, embedding="sine"), ("embedding", "'ddpm'", "'sine'")),
        (lambda: forward(x=torch.zeros(2, 3, 8, 4)), ("x", "(B, 3, 8, 8)", "(2, 3, 8, 4)")),
        (lambda: forward(x=torch.zeros(3, 8, 8)), ("x", "(B, 3, 8, 8)", "(3, 8, 8)")),
        (lambda: forward(x=torch.zeros(2, 3, 8, 8).byte()), ("x", "floating", "uint8")),
        (lambda: forward(t=torch.zeros(3)), ("t", "(B,) = (2,)", "(3,)")),
        (lambda: forward(t=torch.tensor([math.nan, 0])), ("t", "finite", "nan")),
        (lambda: forward(labels=TWO), ("labels", "None", "tensor")),
        (lambda: forward(LABELLED), ("labels", "0..2", "None")),
        (lambda: forward(LABELLED, labels=TWO + 2), ("labels", "0..2", "3")),
        (lambda: forward(LABELLED, labels=TWO - 1), ("labels", "0..2", "-1")),
        (lambda: forward(LABELLED, labels=TWO.float()), ("labels", "int64", "0., 1.")),
        (lambda: forward(LABELLED, labels=TWO[:1]), ("labels", "(2,)", "[0]")),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"


def test_heads_need_not_divide_what_does_not_attend():
    assert replace(SMALL, multipliers=(1, 2), attention_resolutions=(), heads=16).widths == (8, 16)


def test_every_module_is_an_ordinary_layer():
    """Nothing hidden: parameters belong to convolutions, linear layers, norms and one embedding."""
    owners = {type(m) for m in UNet(LABELLED).modules() if list(m.parameters(recurse=False))}
    assert owners == {nn.Conv2d, nn.Linear, Norm, nn.Embedding}
