"""The U-Net: published counts, initial weights, and one answer however it is run.

That its whole output is right is shown against diffusers, in `test_diffusers_layout`.
"""

import math
from dataclasses import replace

import pytest
import torch
from compiling import compiled, flop_compiled
from small_networks import SMALL, generator, inputs, randomised
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from core.denoiser import Denoiser
from core.schedule import linear_schedule
from core.timestep_embedding import timestep_embedding_ddpm, timestep_embedding_improved
from core.unet import UNet
from core.unet_blocks import Convolution, Norm, SelfAttention
from core.unet_config import UNetConfig

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
# The CIFAR-10 network of iDDPM.
IMPROVED = UNetConfig(blocks=3, attention_resolutions=(16, 8), heads=4, dropout=0.3, norm_eps=1e-5,
                      learns_variance=True, embedding="improved", scale_shift=True)


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


def test_flop_as_compiled():
    """Enlargements take four products where there were nine; the convolutions of blocks from 16x16
    on six, which have the cost of 26 from 128 to 128 channels at 32x32.
    """
    network = UNet(UNetConfig()).eval()
    x, t = torch.zeros(1, 3, 32, 32), torch.zeros(1, dtype=torch.int64)
    saved = 880_803_840 + 26 * 2 * 3 * 128**2 * 32**2
    assert flop_compiled(network, x, t) == 12_443_713_536 - saved == 8_945_664_000


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


@pytest.mark.parametrize("checkpointing, scale_shift, wide", [
    (False, False, False), (True, False, False), (False, True, False), (True, False, True)])
def test_compiles_without_a_graph_break_to_the_same(checkpointing, scale_shift, wide):
    """wide: with convolutions that are compiled to another form."""
    config = replace(SMALL, classes=3, learns_variance=True, dropout=0.0,
                     checkpointing=checkpointing, scale_shift=scale_shift)
    if wide:
        config = replace(config, image_size=16, channels=64, attention_resolutions=(8,))
    network = randomised(UNet(config)).double()
    x, t = inputs(config, dtype=torch.float64)
    labels = torch.tensor([2, 0])
    plain = network(x, t, labels)
    grads = torch.autograd.grad(plain.square().mean(), list(network.parameters()))
    fast = compiled(network)(x, t, labels)
    assert fast.shape == (2, 6, *x.shape[2:])
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


def forward(config=SMALL, x=None, t=None, labels=None):
    good_x, good_t = inputs(config)
    return UNet(config)(good_x if x is None else x, good_t if t is None else t, labels)


TWO = torch.tensor([0, 1])
LABELLED = replace(SMALL, classes=3)


@pytest.mark.parametrize(
    "call, parts",
    [
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


def test_every_module_is_an_ordinary_layer():
    """Nothing hidden: parameters belong to convolutions, linear layers, norms and one embedding."""
    owners = {type(m) for m in UNet(LABELLED).modules() if list(m.parameters(recurse=False))}
    assert owners == {nn.Conv2d, Convolution, nn.Linear, Norm, nn.Embedding}
