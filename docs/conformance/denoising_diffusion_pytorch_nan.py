"""denoising-diffusion-pytorch 2.3.4: NaN for cosine, sampling_timesteps=2, ddim_sampling_eta=1.

1 - alpha_next - sigma^2 rounds below 0 in float32; DDIM (12) has it at 0 or above.
"""
import torch
from denoising_diffusion_pytorch import GaussianDiffusion


class Zero(torch.nn.Module):
    channels, out_dim, self_condition = 3, 3, False
    forward = staticmethod(lambda x, t, cond=None: torch.zeros_like(x))


made = GaussianDiffusion(Zero(), image_size=2, beta_schedule="cosine", sampling_timesteps=2,
                         ddim_sampling_eta=1.0)
print(made.ddim_sample((1, 3, 2, 2), return_all_timesteps=True)[0, :, 0, 0, 0])
