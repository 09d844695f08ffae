"""core.denoiser: what a prediction of each kind says of x_0 and of eps, clipped or not."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch

from audit.adapters.core import Denoiser, Prediction, schedule_from_betas
from audit.comparison import Bench, Subject, compares
from audit.precision import exact_value
from derivations.reverse import conversions as proved
from derivations.schedule.schedule import alpha_bars
from derivations.symbols import real

X_T, SAID, BAR = real("x_t said alpha_bar_t")
IMPLIED = {
    "eps": (proved.x_0_from_eps(X_T, SAID, BAR), SAID),
    "x_0": (SAID, proved.eps_from_x_0(X_T, SAID, BAR)),
    "v": (proved.x_0_from_v(X_T, SAID, BAR), proved.eps_from_v(X_T, SAID, BAR)),
}
NOISY = (1.5, -0.25, 3.0)  # of x_t, one a channel
GUESSES = (0.5, -2.0, 0.125)
TURNS = (-1.0, 0.5, 1.0)  # of the learned variance: v of iDDPM (15)
BETAS = (0.25, 0.5, 0.125)


def exact_answer(
    predicts: str, t: int, x_t: float, said: float, clip: str
) -> tuple[Fraction, Fraction]:
    """x_0 and eps of one pixel, x_0 clipped to [-1, 1], eps then derived anew or not."""
    at = {X_T: Fraction(x_t), SAID: Fraction(said),
          BAR: alpha_bars([Fraction(b) for b in BETAS])[t]}
    x_0, eps = (exact_value(part, at) for part in IMPLIED[predicts])
    if clip != "off":
        x_0 = min(max(x_0, Fraction(-1)), Fraction(1))
    if clip == "x_0_and_eps":
        eps = exact_value(IMPLIED["x_0"][1], {**at, SAID: x_0})
    return x_0, eps


def changed(**change: Callable[..., Any]) -> Callable[..., Prediction]:
    """The answer with one part changed by a function of the answer."""
    def variant(denoiser: Denoiser, x_t: torch.Tensor, t: int, clip: str) -> Prediction:
        said = Denoiser.__call__(denoiser, x_t, t, clip)
        return said._replace(**{name: f(said) for name, f in change.items()})
    return variant


@compares("ddim.predicted-clean-image", subject=Denoiser.__call__, wrong={
    "never clipped": lambda denoiser, x_t, t, clip: Denoiser.__call__(denoiser, x_t, t, "off"),
    "eps always as predicted": lambda denoiser, x_t, t, clip: Denoiser.__call__(
        denoiser, x_t, t, "off" if clip == "off" else "x_0"),
    "eps for x_0": changed(x_0=lambda said: said.eps),
    "the fraction from -1 to 1": changed(fraction=lambda said: (
        None if said.fraction is None else 2 * said.fraction - 1)),
    "the network is shown t": lambda denoiser, x_t, t, clip: Denoiser.__call__(
        Denoiser(lambda x, shown: denoiser.network(x, shown + 1), denoiser.schedule,
                 denoiser.predicts, denoiser.learns_variance), x_t, t, clip),
})
def predictions_are_read(bench: Bench, subject: Subject) -> None:
    """x_0, eps and the fraction, three channels and two images; the network is shown t - 1."""
    schedule = schedule_from_betas(BETAS)
    x_t, said, turn = (torch.tensor(row, dtype=torch.float64).reshape(1, 3, 1).expand(2, 3, 2)
                       for row in (NOISY, GUESSES, TURNS))
    for predicts in IMPLIED:
        for learns in (False, True):
            for t in (1, 2, 3):
                seen: list[list[int]] = []

                def network(
                    x: torch.Tensor, shown: torch.Tensor, learns: bool = learns,
                    seen: list[list[int]] = seen,
                ) -> torch.Tensor:
                    seen.append(shown.tolist())
                    return torch.cat([said, turn], 1) if learns else said

                denoiser = Denoiser(network, schedule, predicts, learns_variance=learns)
                for clip in ("off", "x_0", "x_0_and_eps"):
                    got = subject(denoiser, x_t, t, clip)
                    bench.require(seen.pop() == [t - 1] * 2, "shown another number than t - 1")
                    for channel, (x, guess) in enumerate(zip(NOISY, GUESSES, strict=True)):
                        want = exact_answer(predicts, t, x, guess, clip)
                        for name, value in zip(("x_0", "eps"), want, strict=True):
                            for pixel in getattr(got, name)[:, channel].flatten().tolist():
                                bench.within(pixel, float(value), 1e-14, name)
                        share = (1 + TURNS[channel]) / 2
                        bench.require((got.fraction is None) is not learns, "no fraction")
                        if learns:
                            bench.within(got.fraction[0, channel, 0], share, 0, "fraction")
