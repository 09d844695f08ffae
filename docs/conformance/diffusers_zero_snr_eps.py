"""diffusers 0.42.1: rescale_betas_zero_snr with prediction_type="epsilon" divides by 0 at T.

arXiv 2305.08891 section 3.2 asks for v there; the combination is accepted without a word.
"""
import torch
from diffusers import DDIMScheduler, DDPMScheduler

x = torch.full((1, 1, 1, 1), 0.5)
for kind in (DDIMScheduler, DDPMScheduler):
    scheduler = kind(rescale_betas_zero_snr=True, timestep_spacing="trailing", clip_sample=False)
    scheduler.set_timesteps(10)
    print(kind.__name__, scheduler.step(x, 999, x).prev_sample.item())
