"""The normal distribution: density, moments, entropy, linear combinations."""
