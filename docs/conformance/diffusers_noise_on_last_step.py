"""diffusers 0.42.1: noise on the last step; DDPM algorithm 2 has z = 0 there.

The last visited index is above 0 with trailing spacing or steps_offset=1, and only 0 is exempt.
"""
import torch
from diffusers import DDPMScheduler

x = torch.zeros(1, 1, 1, 100_000)
for spaced in ({"timestep_spacing": "trailing"}, {"steps_offset": 1}, {}):
    scheduler = DDPMScheduler(variance_type="fixed_large", **spaced)
    scheduler.set_timesteps(10)
    image = scheduler.step(x, int(scheduler.timesteps[-1]), x).prev_sample
    print(spaced, "last index", int(scheduler.timesteps[-1]), "deviation", image.std().item())
