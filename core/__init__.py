"""Denoising diffusion (DDPM, DDIM) in torch: the implementation that the audit vouches for.

Papers: DDPM is arXiv 2006.11239, DDIM 2010.02502, iDDPM 2102.09672, v-prediction 2202.00512.
t is the papers' timestep 1..T; 0 is the clean image.  Arrows point to what a module imports.

    checks               the wording of every error                    (imports nothing of core)
    schedule             beta_t and every table that follows from it   -> checks
    forward              q(x_t | x_{t-1}), q(x_t | x_0), q(x_t | x_s)   -> schedule
    conversions          x_0, eps, v and the score, each from another  -> schedule
    posterior            q(x_{t-1} | x_t, x_0), q(x_s | x_t, x_0)       -> forward
    ddim                 the step x_t -> x_s with eta                  -> forward
    gaussian             density, linear combination, entropy          -> checks
    kl                   divergences between Gaussians                 -> checks
    timestep_embedding   the two published conventions                 -> checks
    coordinate_descent   cyclic exact minimisation, the lasso          -> checks
"""
