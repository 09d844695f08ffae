"""diffusers 0.42.1: chains that start far below T, although x is drawn as pure noise.

Leading spacing with S = 501 starts at index 500, where 28 % of the signal should be left; linspace
with S = 1 starts at index 0.
"""
from diffusers import DDIMScheduler

for spacing, steps in (("leading", 501), ("leading", 334), ("linspace", 1), ("trailing", 501)):
    scheduler = DDIMScheduler(timestep_spacing=spacing)
    scheduler.set_timesteps(steps)
    first = int(scheduler.timesteps[0])
    signal = scheduler.alphas_cumprod[first].sqrt().item()
    print(spacing, steps, "starts at index", first, "signal left", round(signal, 3))
