"""DDPM's forward process: one step, the chain, its expansion, its marginal, its limit."""
