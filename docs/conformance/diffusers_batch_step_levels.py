"""diffusers 0.42.1: batch_step_no_noise and step of one scheduler take different levels.

The batch goes to index - 1000 // S, where DDPM's step looks the next index up; and it ends at
alpha_bar = 1 even with set_alpha_to_one=False, which DDIM's step honours.
"""
import torch
from diffusers import DDIMParallelScheduler, DDPMParallelScheduler

x = torch.full((1, 1, 1, 1), 0.5)
ddpm = DDPMParallelScheduler(timestep_spacing="linspace", variance_type="fixed_small")
ddim = DDIMParallelScheduler(set_alpha_to_one=False)
ddpm.set_timesteps(10)
ddim.set_timesteps(10)
print("DDPM from index 888: step goes to", int(ddpm.previous_timestep(888)), "batch to", 888 - 100)
batch = ddim.batch_step_no_noise(x, torch.tensor([0]), x)
print("DDIM last step:", ddim.step(x, 0, x).prev_sample.item(), "batch:", batch.item())
