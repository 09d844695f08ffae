"""core.conversions against the proved formulas, at exact arguments, and against one another."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, cast

import torch
from hypothesis import strategies as st
from sympy import Expr

from audit.adapters.core import (
    NoiseSchedule,
    eps_from_score,
    eps_from_v,
    eps_from_x_0,
    q_sample,
    schedule_from_betas,
    score_from_eps,
    v_from_x_0,
    x_0_from_eps,
    x_0_from_v,
)
from audit.comparison import Bench, Subject, compares
from audit.oracles.terms import IMAGE, ROUNDINGS, within_terms
from audit.precision import exact_value
from derivations.reverse import conversions as proved
from derivations.symbols import real

A, B, BAR = real("x_t x_0 alpha_bar_t")  # the first image, the second image, and alpha_bar_t
BETAS = st.lists(
    st.one_of(
        st.floats(1e-4, 0.9), st.floats(1e-12, 1e-4), st.sampled_from([0.5, 1 - 2.0**-40])
    ),
    min_size=1, max_size=5,
)
EDGES = (((1e-4,), 1), ((1e-12,), 1), ((1 - 2.0**-53,), 1), ((0.5, 0.5, 1 - 2.0**-30), 3))
DTYPES = (torch.float64, torch.float32)


def conversion(bench: Bench, subject: Subject, formula: Expr) -> None:
    """subject(schedule, a, t, b) is the linear formula in (a, b), at drawn and edge schedules."""
    def body(betas: Sequence[float], t: int, a: Sequence[float], b: Sequence[float]) -> None:
        bar = Fraction(1)
        for beta in betas[:t]:
            bar *= 1 - Fraction(beta)
        at = {BAR: bar}
        parts = [
            (exact_value(formula, {**at, A: Fraction(first), B: Fraction(0)}),
             exact_value(formula, {**at, A: Fraction(0), B: Fraction(second)}))
            for first, second in zip(a, b, strict=True)
        ]
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            for dtype in DTYPES:
                images = [torch.tensor(x, dtype=dtype, device=device).reshape(2, 1, 2)
                          for x in (a, b)]
                got = subject(schedule, images[0], t, images[1])
                bench.require(got.shape == images[0].shape and got.dtype == dtype, "shape or dtype")
                within_terms(bench, got, parts, ROUNDINGS, "value")
                batch = torch.full((2,), t, device=device)
                bench.require(
                    torch.equal(subject(schedule, images[0], batch, images[1]), got),
                    "t as a tensor gives another value than t as an int",
                )

    for betas, t in EDGES:
        body(betas, t, (0.5, -1.0, 0.0, 3.0), (1.5, 0.25, -2.0, 0.0))

    def drawn(betas: Sequence[float], share: float, a: Sequence[float], b: Sequence[float]) -> None:
        body(betas, 1 + round(share * (len(betas) - 1)), a, b)

    bench.forall(betas=BETAS, share=st.floats(0, 1), a=IMAGE, b=IMAGE)(drawn)


def root(schedule: NoiseSchedule, name: str, t: int, like: torch.Tensor) -> torch.Tensor:
    """The square root of a table at t, for images like these."""
    value = getattr(schedule, name)[t].sqrt().to(like.dtype)
    return cast(torch.Tensor, value.reshape(-1, 1, 1))


def at_previous(function: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    """The same conversion with the tables of t - 1, or of t + 1 at t = 1."""
    def variant(
        schedule: NoiseSchedule, a: torch.Tensor, t: torch.Tensor | int, b: torch.Tensor
    ) -> torch.Tensor:
        step = t - 1
        if bool(torch.as_tensor(t == 1).any()):
            step = t + 1 if schedule.T > 1 else t
        return cast(torch.Tensor, function(schedule, a, step, b))
    return variant


def negated(function: Callable[..., Any]) -> Callable[..., Any]:
    """The second image with the other sign."""
    return lambda schedule, a, t, b: function(schedule, a, t, -b)


def exchanged(function: Callable[..., Any]) -> Callable[..., Any]:
    """The two images exchanged."""
    return lambda schedule, a, t, b: function(schedule, b, t, a)


@compares("conversions.x0-from-eps", subject=x_0_from_eps, wrong={
    "sign of the noise": negated(x_0_from_eps), "off by one in t": at_previous(x_0_from_eps),
    "variance for its root": lambda schedule, a, t, b: x_0_from_eps(
        schedule, a, t, b * root(schedule, "one_minus_alpha_bar", t, b)),
    "not divided": lambda schedule, a, t, b: a - root(schedule, "one_minus_alpha_bar", t, b) * b,
})
def clean_from_noise(bench: Bench, subject: Subject) -> None:
    """x_0 from eps in float64 and float32, for t an int and a tensor."""
    conversion(bench, subject, proved.x_0_from_eps(A, B, BAR))


@compares("conversions.eps-from-x0", subject=eps_from_x_0, wrong={
    "sign of the image": negated(eps_from_x_0), "off by one in t": at_previous(eps_from_x_0),
    "divided by the variance": lambda schedule, a, t, b: eps_from_x_0(
        schedule, a, t, b) / root(schedule, "one_minus_alpha_bar", t, b),
    "x_0 from eps instead": x_0_from_eps,
})
def noise_from_clean(bench: Bench, subject: Subject) -> None:
    """eps from x_0 in float64 and float32, for t an int and a tensor."""
    conversion(bench, subject, proved.eps_from_x_0(A, B, BAR))


@compares("conversions.v-rotation", subject=v_from_x_0, wrong={
    "sign": lambda schedule, a, t, b: -v_from_x_0(schedule, a, t, b),
    "images exchanged": exchanged(v_from_x_0), "x_t instead": q_sample,
    "off by one in t": at_previous(v_from_x_0),
})
def v_of_image_and_noise(bench: Bench, subject: Subject) -> None:
    """v from x_0 and eps in float64 and float32, for t an int and a tensor."""
    conversion(bench, subject, proved.v_from_x_0(A, B, BAR))


@compares("conversions.x0-from-v", subject=x_0_from_v, wrong={
    "sign of v": negated(x_0_from_v), "eps instead": eps_from_v,
    "off by one in t": at_previous(x_0_from_v),
})
def clean_from_v(bench: Bench, subject: Subject) -> None:
    """x_0 from v in float64 and float32, for t an int and a tensor."""
    conversion(bench, subject, proved.x_0_from_v(A, B, BAR))


@compares("conversions.eps-from-v", subject=eps_from_v, wrong={
    "sign of v": negated(eps_from_v), "x_0 instead": x_0_from_v,
    "off by one in t": at_previous(eps_from_v),
})
def noise_from_v(bench: Bench, subject: Subject) -> None:
    """eps from v in float64 and float32, for t an int and a tensor."""
    conversion(bench, subject, proved.eps_from_v(A, B, BAR))


@compares("conversions.score", subject=score_from_eps, wrong={
    "sign": negated(score_from_eps),
    "divided by the variance": lambda schedule, a, t, b: score_from_eps(
        schedule, a, t, b) / root(schedule, "one_minus_alpha_bar", t, b),
    "off by one in t": at_previous(score_from_eps),
})
def score_of_noise(bench: Bench, subject: Subject) -> None:
    """The score from eps in float64 and float32; x_t has no part in it."""
    conversion(bench, subject, proved.score_from_eps(B, BAR))


@compares("conversions.score", subject=eps_from_score, wrong={
    "sign": negated(eps_from_score), "score from eps instead": score_from_eps,
    "off by one in t": at_previous(eps_from_score),
})
def noise_of_score(bench: Bench, subject: Subject) -> None:
    """eps from the score in float64 and float32; x_t has no part in it."""
    conversion(bench, subject, proved.eps_from_score(B, BAR))


@compares("conversions.x0-from-eps", "conversions.eps-from-v", subject=(x_0_from_eps, eps_from_v),
          kind="round trip in core", wrong={
    "x_0 from v in place of eps from v": (x_0_from_eps, x_0_from_v),
    "sign of the noise": (negated(x_0_from_eps), eps_from_v),
})
def round_trip(bench: Bench, subject: Sequence[Callable[..., Any]]) -> None:
    """(x_0, eps) to (x_t, v) and back, in float64, to the accuracy that x_t allows."""
    to_clean, to_noise = subject

    def body(betas: Sequence[float], share: float, a: Sequence[float], b: Sequence[float]) -> None:
        t = 1 + round(share * (len(betas) - 1))
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            clean, noise = (torch.tensor(x, dtype=torch.float64, device=device).reshape(2, 1, 2)
                            for x in (a, b))
            noisy = q_sample(schedule, clean, t, noise)
            found = to_noise(schedule, noisy, t, v_from_x_0(schedule, clean, t, noise))
            signal = float(schedule.alpha_bar[t].sqrt())
            for got, want, bound in ((found, noise, 1e-13),
                                     (to_clean(schedule, noisy, t, found), clean, 1e-13 / signal)):
                for x, y in zip(got.flatten().tolist(), want.flatten().tolist(), strict=True):
                    bench.within(x, y, bound, "round trip")

    bench.forall(betas=st.lists(st.floats(1e-9, 0.9), min_size=1, max_size=5),
                 share=st.floats(0, 1), a=IMAGE, b=IMAGE)(body)
