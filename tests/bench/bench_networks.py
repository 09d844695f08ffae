"""Forward, training step, 50 steps of DDIM, and what the machine could do at best."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from functools import lru_cache

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from core.denoiser import Denoiser, respace
from core.objectives import Simple
from core.samplers import DDIM, sample
from core.schedule import linear_schedule
from core.timesteps import uniform_chain
from tests.bench.networks import CONTENDERS, DTYPES, prepare

NAMES = [contender.name for contender in CONTENDERS]
# Uncompiled, "diffusers" and "diffusers eager" are one network.
NETWORKS = [name for name in NAMES if name != "diffusers eager"]
# One forward pass, 2 x multiply-add: as published, and what of that is left where it is compiled
# (test_flop_as_compiled in tests/core/test_unet.py; on a GPU Upsample alone is another form).
FLOP_PUBLISHED = 12_443_713_536
FLOP_COMPILED = {"cpu": 8_945_664_000, "cuda": FLOP_PUBLISHED - 880_803_840}
SAMPLED = 4  # images a batch of the sampling race: 50 network calls each


@lru_cache(maxsize=len(CONTENDERS))  # the contenders of one workload, which follow one another
def prepared(name, dtype, device, training):
    """A contender's network and its call, compiled once for all rounds."""
    contender = next(c for c in CONTENDERS if c.name == name)
    return prepare(contender, DTYPES[dtype], device, training)


def images(batch, device, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, 3, 32, 32, generator=generator).to(device, dtype)
    t = torch.randint(1000, (batch,), generator=generator).to(device)
    return x.contiguous(memory_format=torch.channels_last), t


def finish(device):
    if device == "cuda":
        torch.cuda.synchronize()


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_raced(benchmark, note, name):
    """Parameters and FLOP of one forward pass: the same work, or how far from it."""
    network, call = prepare(next(replace(c, is_compiled=False) for c in CONTENDERS
                                 if c.name == name), torch.float32, "cpu", False)
    x, t = images(1, "cpu")
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        call(x, t)
    benchmark.pedantic(lambda: None, rounds=1)
    parameters = sum(p.numel() for p in network.parameters())
    note(f"{name}: {parameters:,} parameters, {counter.get_total_flops():,} FLOP an image "
         "outside fused attention, which the counter does not see on a CPU")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_forward(benchmark, record, device, batch, name, dtype, round_number):
    _, call = prepared(name, dtype, device, False)
    x, t = images(batch, device, DTYPES[dtype])

    def run():
        with torch.inference_mode():
            call(x, t)
        finish(device)

    benchmark.pedantic(run, rounds=3, warmup_rounds=2)
    record("forward", dtype, name, batch / benchmark.stats.stats.median)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_training_step(benchmark, record, device, batch, name, dtype, round_number):
    network, call = prepared(name, dtype, device, True)
    x, t = images(batch, device)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.0, fused=True)

    def run():
        with torch.autocast(device, DTYPES[dtype], enabled=dtype != "float32"):
            loss = (call(x, t).float() - x).square().mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        finish(device)

    benchmark.pedantic(run, rounds=2, warmup_rounds=1)
    record("training step", dtype, name, batch / benchmark.stats.stats.median)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "lucidrains"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_ddim_50_steps(benchmark, record, device, name, dtype, round_number):
    """The same chain length and eta = 0: core's sampler, and diffusers' scheduler in its loop."""
    _, call = prepared(name, dtype, device, False)
    if name == "core":
        denoiser = respace(Denoiser(call, linear_schedule().to(device)), uniform_chain(1000, 50))
        seeds = torch.arange(SAMPLED, device=device)

        def run():
            sample(denoiser, DDIM(), seeds, (3, 32, 32))
            finish(device)
    else:
        from diffusers import DDIMScheduler

        scheduler = DDIMScheduler(1000, clip_sample=False)
        scheduler.set_timesteps(50)

        @torch.inference_mode()
        def run():
            x = torch.randn(SAMPLED, 3, 32, 32, device=device)
            for t in scheduler.timesteps:
                shown = torch.full((SAMPLED,), int(t), device=device)
                eps = call(x.to(DTYPES[dtype]), shown).float()
                x = scheduler.step(eps, t, x).prev_sample
            finish(device)

    benchmark.pedantic(run, rounds=1, warmup_rounds=1)
    record("DDIM, 50 steps", dtype, name, SAMPLED / benchmark.stats.stats.median)


@pytest.mark.parametrize("dtype", DTYPES)
def test_share_of_matrix_rate(benchmark, note, device, batch, dtype):
    """core's forward pass in FLOP/s over the rate of a large matrix product in the same dtype.

    By the FLOP that are done, and by those that are published, which are more.
    """
    a = torch.randn(2048, 2048, device=device, dtype=DTYPES[dtype])
    _, call = prepared("core", dtype, device, False)
    x, t = images(batch, device, DTYPES[dtype])

    def seconds(work, repeats=5):
        taken = []
        for _ in range(repeats + 1):
            start = time.perf_counter()
            with torch.inference_mode():
                work()
            finish(device)
            taken.append(time.perf_counter() - start)
        return statistics.median(taken[1:])

    shares = []
    for _ in range(5):  # interleaved, as the machine may change speed
        matrix_rate = 2 * 2048**3 / seconds(lambda: a @ a)
        forward_rate = batch * FLOP_COMPILED[device] / seconds(lambda: call(x, t), repeats=2)
        shares.append((forward_rate / matrix_rate, matrix_rate, forward_rate))
    benchmark.pedantic(lambda: a @ a, rounds=3)
    share, matrix_rate, forward_rate = sorted(shares)[2]
    published = FLOP_PUBLISHED / FLOP_COMPILED[device]
    note(f"{dtype}: forward at {forward_rate / 1e9:.0f} of {matrix_rate / 1e9:.0f} GFLOP/s of a "
         f"2048-square product: {share:.0%} (range {min(shares)[0]:.0%}-{max(shares)[0]:.0%}); "
         f"in published FLOP {published * share:.0%}")


def test_training_objective_costs_little(benchmark, note, device, batch):
    """Noising, target, weighting and checks around the network, compared with the network."""
    _, call = prepared("core", "float32", device, True)
    denoiser = Denoiser(call, linear_schedule().to(device))
    x, t = images(batch, device)
    eps = torch.randn_like(x)

    def timed(work):
        start = time.perf_counter()
        work()
        finish(device)
        return time.perf_counter() - start

    with torch.no_grad():
        call(x, t)
        pairs = [(timed(lambda: Simple()(denoiser, x, t + 1, eps)), timed(lambda: call(x, t)))
                 for _ in range(7)]
    benchmark.pedantic(lambda: None, rounds=1)
    ratio = statistics.median(a / b for a, b in pairs)
    note(f"float32: L_simple, noising and checks included, takes {ratio:.3f} of the bare network")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_peak_memory(benchmark, note, device, batch, name, dtype):
    """The highest memory of one training step: of the device, or of a process of its own."""
    from tests.bench.peak_memory import measure

    megabytes = benchmark.pedantic(
        lambda: measure(name, dtype, device, batch), rounds=1, iterations=1)
    note(f"peak memory of a training step, {dtype}, {name}: {megabytes:.0f} MB")
