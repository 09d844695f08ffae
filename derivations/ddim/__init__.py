"""DDIM's family, step and deterministic limit; transitions over several steps."""
