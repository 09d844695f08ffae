"""DDPM's reverse process: posterior, bound, objective, variance, conversions."""
