"""Sample grids as a run goes: always the same seeds, so that an image can be followed."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch

from core.denoiser import respace
from core.samplers import DDIM, sample
from core.timesteps import uniform_chain
from repro import pictures, processes
from repro.dataset import Dataset, to_levels
from repro.trainer import Trainer

STEPS = 50


def write_grid(trainer: Trainer, dataset: Dataset, path: Path) -> None:
    """Images by 50 steps of DDIM from the average of the weights: cheap, and no sample of the
    run's own sampler.
    """
    network = deepcopy(trainer.network).eval()
    trainer.ema.copy_to(network)
    training, T = trainer.profile.training, trainer.profile.process.T
    denoiser = processes.evaluated(
        replace(trainer.denoiser, network=network), training.precision)
    seeds = torch.arange(training.grid, device=trainer.world.device)
    images = sample(respace(denoiser, uniform_chain(T, min(STEPS, T))), DDIM(clip="x_0_and_eps"),
                    seeds, dataset.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.write_png(pictures.grid(to_levels(images, dataset.levels).cpu(), dataset.levels), path)
