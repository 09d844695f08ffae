"""diffusers 0.42.1: steps_offset=1 with S = 1000 visits index 1000 of a table of 1000 entries."""
import torch
from diffusers import DDIMScheduler, DDPMScheduler

x = torch.zeros(1, 1, 1, 1)
for kind in (DDIMScheduler, DDPMScheduler):
    scheduler = kind(steps_offset=1)
    scheduler.set_timesteps(1000)
    try:
        scheduler.step(x, int(scheduler.timesteps[0]), x)
    except IndexError as error:
        print(kind.__name__, "index", int(scheduler.timesteps[0]), "IndexError:", error)
