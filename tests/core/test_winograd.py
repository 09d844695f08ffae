"""F(2, 3) against a 3x3 convolution from its definition, in numpy."""

import numpy as np
import pytest
import torch
from compiling import compiled, flop_compiled
from convolving import convolved
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import generator
from torch.nn.functional import conv2d
from torch.utils.flop_counter import FlopCounterMode

from core.unet_blocks import Convolution
from core.winograd import convolve_rows

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
COUNTS = st.integers(1, 6)


def whole_numbers(*shape, seed):
    return torch.randint(-9, 10, shape, generator=generator(seed)).double()


def drawn(*shape, seed, dtype=torch.float64):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=50)
@given(images=COUNTS, n_in=COUNTS, n_out=COUNTS, pairs=COUNTS, columns=COUNTS,
       seed=st.integers(0, 2**32))
def test_exact_on_whole_numbers(images, n_in, n_out, pairs, columns, seed, device):
    """Halves of sums of whole numbers are exact: no rounding to allow for."""
    x = whole_numbers(images, n_in, 2 * pairs, columns, seed=seed)
    weight = whole_numbers(n_out, n_in, 3, 3, seed=seed + 1)
    bias = whole_numbers(n_out, seed=seed + 2)
    found = convolve_rows(x.to(device), weight.to(device), bias.to(device))
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(found.cpu().numpy(), convolved(x, weight, bias))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_whatever_the_layout_of_what_comes_in(memory_format):
    x = whole_numbers(1, 4, 6, 5, seed=4).contiguous(memory_format=memory_format)
    weight = whole_numbers(3, 4, 3, 3, seed=5).contiguous(memory_format=memory_format)
    bias = torch.zeros(3, dtype=torch.float64)
    assert np.array_equal(convolve_rows(x, weight, bias).numpy(), convolved(x, weight, bias))


@pytest.mark.parametrize("size", [(2, 1), (2, 5), (6, 3)])
def test_gradients_are_those_of_the_direct_form(size):
    """By whole numbers, too: what reaches x, the weight and the bias."""
    given = [whole_numbers(2, 3, *size, seed=1), whole_numbers(4, 3, 3, 3, seed=2),
             whole_numbers(4, seed=3)]
    back = whole_numbers(2, 4, *size, seed=4)
    grads = []
    for convolve in (convolve_rows, lambda x, w, b: conv2d(x, w, b, padding=1)):
        leaves = [a.clone().requires_grad_() for a in given]
        grads.append(torch.autograd.grad(convolve(*leaves), leaves, back))
    for found, expected in zip(*grads, strict=True):
        assert expected.abs().max().item() > 0
        assert found.equal(expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype, bound", [(torch.float32, 1e-5), (torch.bfloat16, 6e-2)])
def test_little_is_lost_to_rounding(dtype, bound, device):
    """Absolutely, for outputs of variance 1; and a root mean square error at most three times that
    of conv2d (which has several kernels: 0.8 to 2 times was measured, compiled and not).
    """
    x = drawn(4, 128, 16, 16, seed=6, dtype=dtype).to(device)
    weight = (drawn(64, 128, 3, 3, seed=7) / (9 * 128) ** 0.5).to(device, dtype)
    bias = drawn(64, seed=8, dtype=dtype).to(device)
    exact = convolved(x, weight, bias)
    errors = []
    for found in (convolve_rows(x, weight, bias), conv2d(x, weight, bias, padding=1)):
        assert found.dtype == dtype
        errors.append(found.double().cpu().numpy() - exact)
    ours, direct = (np.sqrt((e**2).mean()) for e in errors)
    assert np.abs(errors[0]).max() < bound
    assert 0 < ours < 3 * direct


def test_under_autocast_it_has_the_type_of_the_direct_form():
    x, weight, bias = (drawn(*shape, seed=9, dtype=torch.float32)
                       for shape in ((1, 2, 4, 4), (3, 2, 3, 3), (3,)))
    with torch.autocast("cpu", torch.bfloat16):
        found = convolve_rows(x, weight, bias)
        assert found.dtype == conv2d(x, weight, bias, padding=1).dtype == torch.bfloat16
    assert found.float().numpy() == pytest.approx(convolved(x, weight, bias), abs=0.1)


@pytest.mark.parametrize("x, weight, parts", [
    ((2, 3, 5, 4), (4, 3, 3, 3), ["x must be", "an even H", "(2, 3, 5, 4)"]),
    ((3, 4, 4), (4, 3, 3, 3), ["x must be", "(3, 4, 4)"]),
    ((2, 3, 4, 4), (4, 2, 3, 3), ["weight must be (n_out, 3, 3, 3)", "(4, 2, 3, 3)"]),
    ((2, 3, 4, 4), (4, 3, 5, 5), ["weight must be (n_out, 3, 3, 3)", "(4, 3, 5, 5)"]),
])
def test_other_shapes_are_refused(x, weight, parts):
    with pytest.raises(ValueError, match="must be") as error:
        convolve_rows(torch.zeros(x), torch.zeros(weight), torch.zeros(4))
    for part in parts:
        assert part in str(error.value)


@pytest.mark.parametrize("n_in, n_out, rows, columns, device, is_short", [
    (64, 64, 16, 8, "cpu", True),
    (64, 96, 18, 5, "cpu", True),
    (63, 64, 16, 8, "cpu", False),
    (64, 63, 16, 8, "cpu", False),
    (64, 64, 14, 8, "cpu", False),
    (64, 64, 17, 8, "cpu", False),
    (64, 64, 16, 8, "meta", False),
])
def test_two_thirds_of_the_products_where_it_pays(n_in, n_out, rows, columns, device, is_short):
    layer = Convolution(n_in, n_out, 3, padding=1, device=device)
    x = torch.zeros(1, n_in, rows, columns, device=device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        assert layer(x).shape == (1, n_out, rows, columns)
    nine = 2 * 9 * n_in * n_out * rows * columns
    assert counter.get_total_flops() == nine
    assert flop_compiled(layer, x) == (nine * 2 / 3 if is_short else nine)


def test_a_layer_compiled_and_not():
    layer = Convolution(64, 64, 3, padding=1, dtype=torch.float64)
    x = drawn(2, 64, 16, 3, seed=10)
    with torch.no_grad():
        layer.weight.copy_(whole_numbers(64, 64, 3, 3, seed=11))
        expected = convolved(x, layer.weight, layer.bias)
        for run in (layer, compiled(layer)):
            assert run(x).numpy() == pytest.approx(expected, abs=1e-10)
