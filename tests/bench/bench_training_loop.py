"""What a run adds to the bare training step: data, noise, EMA, logging, checkpoints, grids.

The bare step is loss, gradient and Adam on one fixed batch, in the same process and in turn with
the whole step; what happens every 10,000 steps is timed once and shared out over them.
"""

import statistics
import time
from dataclasses import replace

import pytest
import torch

from repro import checkpoints, grids, profile
from repro.dataset import Dataset
from repro.distributed import World
from repro.trainer import Trainer


def seconds(work, device):
    begin = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_the_loop_costs_little(benchmark, note, device, batch, request, tmp_path, precision):
    world = World(device=torch.device(device))
    chosen = profile.load("ddpm-cifar10")
    chosen = replace(chosen, training=replace(chosen.training, batch=batch, precision=precision))
    images = torch.randint(0, 256, (50_000, 3, 32, 32), dtype=torch.uint8)
    dataset = Dataset("noise", images, images[:1])
    trainer = Trainer(chosen, dataset, world, compiled=world.device.type == "cuda")
    fixed = trainer.batches(1)

    def bare():
        trainer._backward(fixed)
        trainer.optimiser.step()
        trainer.optimiser.zero_grad()

    def whole():
        trainer.advance()
        if trainer.step % chosen.training.log_every == 0:
            trainer.read_loss(chosen.training.log_every)

    pairs = []
    for _ in range(request.config.getoption("rounds") + 1):
        pairs.append((seconds(bare, world.device), seconds(whole, world.device)))
    pairs = pairs[1:]  # the first of each compiles, or allocates
    rare = seconds(lambda: checkpoints.write(tmp_path / "c", 1, {}, trainer.state(), 1),
                   world.device)
    rare += seconds(lambda: grids.write_grid(trainer, dataset, tmp_path / "grid.png"), world.device)
    shares = sorted(b / (w + rare / chosen.training.checkpoint_every) for b, w in pairs)
    bare_seconds = statistics.median(b for b, _ in pairs)
    benchmark.pedantic(lambda: None, rounds=1)
    note(f"{precision}, batch {batch}: the whole loop runs at {statistics.median(shares):.3f} "
         f"({shares[0]:.3f}-{shares[-1]:.3f}) of the bare step of {bare_seconds:.3g} s; "
         f"a checkpoint and a grid take {rare:.2f} s")
