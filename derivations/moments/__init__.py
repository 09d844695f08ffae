"""Moments: of mass and height, of random variables, of the normal distribution."""
