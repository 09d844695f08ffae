"""diffusers 0.42.1: DDIMInverseScheduler with prediction_type="sample" divides 0 by 0.

The first step starts from alpha_bar = 1 (set_alpha_to_one=True, the default), where eps does not
follow from x_0.
"""
import torch
from diffusers import DDIMInverseScheduler

x = torch.full((1, 1, 1, 1), 0.5)
for one in (True, False):
    scheduler = DDIMInverseScheduler(prediction_type="sample", set_alpha_to_one=one)
    scheduler.set_timesteps(10)
    print("set_alpha_to_one", one, scheduler.step(x, 0, x).prev_sample.item())
