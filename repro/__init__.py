"""What touches files, seeds, data and published numbers; the mathematics lies in core.

    weights   a network in the folder layout of Hugging Face diffusers   -> core.diffusers_layout
"""
