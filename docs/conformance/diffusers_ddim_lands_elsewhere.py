"""diffusers 0.42.1: DDIM's step lands on another level than where the next step starts.

DDIM (12) takes both levels from the chain; the step takes index - 1000 // S whatever the spacing.
"""
from diffusers import DDIMScheduler

for spacing, steps in (("linspace", 10), ("trailing", 30), ("leading", 10)):
    scheduler = DDIMScheduler(timestep_spacing=spacing)
    scheduler.set_timesteps(steps)
    visited = scheduler.timesteps.tolist()
    lands = [t - 1000 // steps for t in visited]
    print(spacing, steps, "lands on", lands[:4], "where the next starts", visited[1:5])
