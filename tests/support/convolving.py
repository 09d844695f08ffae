"""A convolution that keeps an image's size, from the definition, in numpy's float64."""

import numpy as np
import torch


def convolved(x, weight, bias):
    """x (..., n_in, H, W), weight (n_out, n_in, k, k) for an odd k, bias (n_out,)."""
    x, weight, bias = (
        torch.as_tensor(a).detach().double().cpu().numpy() for a in (x, weight, bias))
    size = weight.shape[-1]
    padded = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(size // 2, size // 2)] * 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(-2, -1))
    return np.einsum("...cijkl,ockl->...oij", windows, weight) + bias[:, None, None]
