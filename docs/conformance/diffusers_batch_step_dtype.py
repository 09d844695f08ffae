"""diffusers 0.42.1: batch_step_no_noise returns float32 for float16 images; step does not."""
import torch
from diffusers import DDIMParallelScheduler, DDPMParallelScheduler

x = torch.zeros(2, 1, 1, 1, dtype=torch.float16)
for kind in (DDIMParallelScheduler, DDPMParallelScheduler):
    scheduler = kind()
    scheduler.set_timesteps(10)
    batch = scheduler.batch_step_no_noise(x, torch.tensor([900, 900]), x)
    print(kind.__name__, "step", scheduler.step(x, 900, x).prev_sample.dtype, "batch", batch.dtype)
