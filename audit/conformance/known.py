"""Deviations on record: each was shown against the released package by a short script.

The scripts stand alone in docs/conformance/; run one with the package of that version installed.
A run ends with status 1 if it meets a deviation of the last two classes that is not listed here:
an upgrade of a peer that breaks something is noticed.
"""

from __future__ import annotations

from audit.conformance.finding import Finding

SCRIPTS = "docs/conformance"
# (how the implementation's name begins, the finding's key, the script)
_DIFFUSERS = "diffusers "
_BATCHES = ("diffusers DDIMParallelScheduler.batch", "diffusers DDPMParallelScheduler.batch")
KNOWN: tuple[tuple[str, str, str], ...] = (
    (_DIFFUSERS, "chain.zero", "diffusers_trailing_negative.py"),
    *((f"diffusers {kind}Scheduler", "chain.start-far", "diffusers_leading_starts_low.py")
      for kind in ("DDIM", "DDPM")),
    *((f"diffusers {kind}Scheduler", "chain.above", "diffusers_steps_offset_above.py")
      for kind in ("DDIM", "DDPM")),
    ("diffusers DDIMScheduler", "step.no-value", "diffusers_zero_snr_eps.py"),
    ("diffusers DDPMScheduler", "ancestral.no-value", "diffusers_zero_snr_eps.py"),
    *((f"diffusers DDIM{kind}Scheduler", f"step.lands-elsewhere{last}",
       "diffusers_ddim_lands_elsewhere.py")
      for kind in ("", "Parallel") for last in ("", "-last")),
    *((f"diffusers DDPM{kind}Scheduler", "ancestral.not-finite", "diffusers_fixed_large_log.py")
      for kind in ("", "Parallel")),
    ("diffusers DDPMScheduler", "ancestral.log-for-variance", "diffusers_fixed_large_log.py"),
    *((f"diffusers DDPM{kind}Scheduler", "ancestral.noise-on-last-step",
       "diffusers_noise_on_last_step.py") for kind in ("", "Parallel")),
    *((name, f"{part}.dtype", "diffusers_batch_step_dtype.py")
      for name, part in zip(_BATCHES, ("step", "ancestral"), strict=True)),
    *((_BATCHES[1], f"ancestral.lands-elsewhere{last}", "diffusers_batch_step_levels.py")
      for last in ("", "-last")),
    ("diffusers DDIMInverseScheduler", "invert.no-value", "diffusers_inverse_sample.py"),
    ("diffusers DDIMInverseScheduler", "invert.starts-elsewhere", "diffusers_inverse_levels.py"),
    ("denoising-diffusion-pytorch", "step.not-finite", "denoising_diffusion_pytorch_nan.py"),
)


def script(name: str, finding: Finding) -> str:
    """The script that shows this deviation, or empty."""
    return next((f"{SCRIPTS}/{file}" for start, key, file in KNOWN
                 if name.startswith(start) and key == finding.key), "")
