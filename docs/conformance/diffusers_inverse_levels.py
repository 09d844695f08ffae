"""diffusers 0.42.1: DDIM's inverse starts a step from another level than the last one reached.

With trailing spacing and S = 30 the step to an index comes from that index - 33; the step before
ended 33 or 34 below.
"""
from diffusers import DDIMInverseScheduler

scheduler = DDIMInverseScheduler(timestep_spacing="trailing")
scheduler.set_timesteps(30)
reached = scheduler.timesteps.tolist()
starts = [t - 1000 // 30 for t in reached]
pairs = [(r, s) for r, s in zip(reached, starts[1:], strict=False) if r != s]
print("reached, and where the next step starts:", pairs[:4], len(pairs), "of 29")
