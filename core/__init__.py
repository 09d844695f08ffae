"""Denoising diffusion (DDPM, DDIM) in torch: the implementation that the audit vouches for.

Papers: DDPM is arXiv 2006.11239, DDIM 2010.02502, iDDPM 2102.09672, v-prediction 2202.00512.
t is the papers' timestep 1..T; 0 is the clean image.  Arrows point to what a module imports.

    checks               the wording of every error                    (imports nothing of core)
    schedule             beta_t and every table that follows from it   -> checks
    zero_terminal_snr    a schedule that ends without signal           -> schedule
    timesteps            sub-sequences of 1..T as integer chains       -> checks
    forward              q(x_t | x_{t-1}), q(x_t | x_0), q(x_t | x_s)  -> schedule
    conversions          x_0, eps, v and the score, each from another  -> schedule
    posterior            q(x_{t-1} | x_t, x_0), q(x_s | x_t, x_0)      -> forward
    ddim                 the step x_t -> x_s with eta, and backwards   -> forward
    denoiser             a network, what it predicts, respacing        -> conversions, timesteps
    exact_denoiser       the optimal denoiser of Gaussian data         -> denoiser
    reverse              p(x_{t-1} | x_t): mean and variance           -> denoiser, posterior
    noise                standard normal noise from a seed             -> checks
    samplers             ancestral and DDIM, batched and resumable     -> reverse, ddim, noise
    encoding             DDIM from image to noise and back             -> samplers
    decoder              the discretised likelihood of L levels        -> checks
    variational_bound    L_T, L_{t-1}, L_0                             -> reverse, decoder, kl
    likelihood           bits per dimension, rate and distortion       -> variational_bound
    weightings           weights of the loss by t                      -> reverse
    objectives           L_simple, the bound, the hybrid               -> weightings, the bound
    timestep_sampling    uniform, antithetic, by importance            -> checks
    winograd             3x3 convolutions in fewer products            (imports nothing of core)
    unet_config          sizes and options of the network of DDPM      -> checks
    unet_blocks          its parts                                     -> unet_config, winograd
    unet                 the whole of it                 -> unet_blocks, timestep_embedding
    ema                  the moving average of the weights             -> checks
    diffusers_layout     weights under Hugging Face diffusers' names   -> unet
    gaussian             density, linear combination, entropy          -> checks
    kl                   divergences between Gaussians                 -> checks
    timestep_embedding   the two published conventions                 -> checks
    coordinate_descent   cyclic exact minimisation, the lasso          -> checks
"""
