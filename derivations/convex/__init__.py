"""Coordinatewise minima of convex functions, and coordinate descent."""
