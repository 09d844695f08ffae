"""The handwritten digits that come with scikit-learn.

Alpaydin and Kaynak 1998, UCI "optical recognition of handwritten digits", the test part there:
1,797 images of 8 x 8 with values 0..16: each counts the dark pixels of a block of 4 x 4.
"""

import torch
from sklearn.datasets import load_digits

from repro.dataset import Dataset

BLOCK, EVERY = 10, 5


def load() -> Dataset:
    """1,440 training and 357 test images, uint8 (N, 1, 8, 8), 17 levels.

    The split: in the order of the file, every fifth block of ten images is for testing, that is
    image i where i // 10 % 5 == 4.  Blocks, because long stretches of the file run through the
    digits 0..9: every fifth image would have 21 ones against 52 threes.
    """
    images = torch.from_numpy(load_digits().images).to(torch.uint8).unsqueeze(1)
    for_test = torch.arange(len(images)) // BLOCK % EVERY == EVERY - 1
    return Dataset("digits", images[~for_test], images[for_test], levels=17)
