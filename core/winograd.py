"""A 3x3 convolution with two thirds of the multiplications: Winograd's minimal filtering F(2, 3).

Of the rows d_0..d_3 of an image and the rows g_0..g_2 of a kernel, two rows of the output are

    y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2 = m_0 + m_1 + m_2
    y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2 = m_1 - m_2 - m_3

    m_0 = (d_0 - d_2) g_0          m_1 = (d_1 + d_2) (g_0 + g_1 + g_2) / 2
    m_3 = (d_1 - d_3) g_2          m_2 = (d_2 - d_1) (g_0 - g_1 + g_2) / 2

where a product of two rows is their convolution: four where there were six.  Source: Winograd,
Arithmetic complexity of computations (1980); Lavin and Gray, Fast algorithms for convolutional
neural networks (2016), section 4.1, which applies it along both axes.  Along one axis every sum of
inputs has two terms: the error stays within about twice that of the direct form, in half precision
too, and less memory is moved.
"""

import torch
from torch import Tensor
from torch.nn import functional


def convolve_rows(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """conv2d(x, weight, bias, padding=1): (B, n_in, H, W) -> (B, n_out, H, W), for an even H.

    weight (n_out, n_in, 3, 3), bias (n_out,).  The result is in channels-last memory.  ValueError:
    another shape of x or weight, an odd H.
    """
    if x.ndim != 4 or x.shape[2] % 2:
        raise ValueError(f"x must be (B, n_in, H, W) with an even H; got {tuple(x.shape)}")
    if weight.shape[1:] != (x.shape[1], 3, 3):
        raise ValueError(
            f"weight must be (n_out, {x.shape[1]}, 3, 3) for an x of {x.shape[1]} channels; "
            f"got {tuple(weight.shape)}"
        )
    padded = functional.pad(x, (0, 0, 1, 1))
    even, odd = padded[:, :, 0::2], padded[:, :, 1::2]
    d_0, d_1, d_2, d_3 = even[:, :, :-1], odd[:, :, :-1], even[:, :, 1:], odd[:, :, 1:]
    g_0, g_1, g_2 = weight.split(1, dim=2)
    outer, inner = (g_0 + g_2) / 2, g_1 / 2
    m_0, m_1, m_2, m_3 = (
        functional.conv2d(_channels_last(d), _channels_last(g), padding=(0, 1))
        for d, g in ((d_0 - d_2, g_0), (d_1 + d_2, outer + inner),
                     (d_2 - d_1, outer - inner), (d_1 - d_3, g_2))
    )
    bias = bias[:, None, None]
    rows = torch.stack([m_0 + m_1 + m_2 + bias, m_1 - m_2 - m_3 + bias], dim=3)
    # Under autocast the products are of half precision, and the bias is not.
    return _channels_last(rows.flatten(2, 3).to(m_0.dtype))


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
