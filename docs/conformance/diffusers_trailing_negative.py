"""diffusers 0.42.1: trailing spacing visits index -1, for 62 of the S in 1..1000.

numpy.arange(1000, 0, -1000 / S) has a last entry of about 1e-13 there, which becomes 0 - 1; the
network is shown -1, and alphas_cumprod[-1] is the noisiest level.
"""
from diffusers import DDIMScheduler

scheduler = DDIMScheduler(timestep_spacing="trailing")
bad = []
for steps in range(1, 1001):
    scheduler.set_timesteps(steps)
    if scheduler.timesteps[-1] < 0:
        bad.append((steps, len(scheduler.timesteps), int(scheduler.timesteps[-1])))
print(len(bad), "of 1000:", bad[:3])
