"""What touches files, seeds, data and published numbers; the mathematics lies in core.

    errors       what a person can mend                                       (imports nothing)
    files        files and folders that appear whole or not at all            -> errors
    dataset      images as bytes, and as numbers in [-1, 1]                   -> errors
    download     a file from the network, resumed and checked                 -> files
    cifar10      the official binary archive                                  -> download, dataset
    digits       scikit-learn's handwritten digits                            -> dataset
    profile      a run as a file                                              -> errors
    weights      a network in the folder layout of Hugging Face diffusers     -> files
"""
