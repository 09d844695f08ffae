"""diffusers 0.42.1: variance_type="fixed_large_log" gives NaN; DDPM section 3.2 has sqrt(beta)."""
import torch
from diffusers import DDPMParallelScheduler, DDPMScheduler

x = torch.zeros(1, 1, 1, 1)
for kind in (DDPMScheduler, DDPMParallelScheduler):
    for variance in ("fixed_large", "fixed_large_log"):
        scheduler = kind(variance_type=variance)
        step = scheduler.step(x, 500, x, generator=torch.Generator().manual_seed(0))
        print(kind.__name__, variance, step.prev_sample.item())
