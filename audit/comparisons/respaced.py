"""core on a sub-sequence of timesteps, and DDIM run backwards, against the exact formulas."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import torch
from hypothesis import strategies as st
from sympy import sqrt

from audit.adapters.core import (
    DDIM,
    Denoiser,
    NoiseSchedule,
    ddim_encode_step,
    decode,
    encode,
    respace,
    respaced_schedule,
    schedule_from_betas,
)
from audit.comparison import Bench, Subject, compares
from audit.comparisons.ddim import BETA, COEFFICIENTS, PAIRS, ULPS, draw_pair, exact, levels_of
from audit.comparisons.reverse_places import says
from audit.oracles.terms import within_terms
from audit.precision import exact_value
from derivations.ddim.ddim import alpha_bar_s, alpha_bar_t, pair_variance
from derivations.ddim.ddim_step import coefficients

GENTLE = st.lists(st.floats(1e-6, 0.9), min_size=1, max_size=6)
DTYPES = (torch.float64, torch.float32)


def draw_chain(data: st.DataObject, T: int) -> tuple[int, ...]:
    """A strictly decreasing chain from at most T to 0; its first entry need not be T."""
    visited = data.draw(st.sets(st.integers(1, T), min_size=1))
    return (*sorted(visited, reverse=True), 0)


def each_chain(
    bench: Bench, body: Callable[..., Any], betas: st.SearchStrategy[Any] = GENTLE
) -> None:
    """Run body(betas, chain) at chains of one step, of every step, and at drawn ones."""
    for edge in ((0.5,), (1e-4, 0.02), (0.02, 1e-9, 0.5), (0.3, 0.999, 0.999, 0.2)):
        body(edge, (len(edge), 0))
        body(edge, tuple(range(len(edge), -1, -1)))
        body(edge, (1, 0))
    bench.forall(betas=betas, data=st.data())(
        lambda betas, data: body(betas, draw_chain(data, len(betas))))


def tables_of(change: Callable[..., Any]) -> Callable[..., NoiseSchedule]:
    """respaced_schedule with tables changed: change(tables, schedule, chain)."""
    def variant(schedule: NoiseSchedule, chain: Sequence[int]) -> NoiseSchedule:
        short = respaced_schedule(schedule, chain)
        return type(short).of_tables({**vars(short), **change(short, schedule, chain)})
    return variant


@compares("ddim.marginal.sub-sequence", subject=respaced_schedule, wrong={
    "betas of the long chain": tables_of(lambda short, schedule, chain: {
        "beta": schedule.beta[list(chain[::-1])]}),
    "beta_tilde of the long chain": tables_of(lambda short, schedule, chain: {
        "beta_tilde": schedule.beta_tilde[list(chain[::-1])]}),
    "one timestep early": lambda schedule, chain: respaced_schedule(
        schedule, (*(max(t - 1, i) for t, i in zip(
            chain, range(len(chain) - 1, -1, -1), strict=True)),)),
    "alpha_bar built from the rounded betas": tables_of(lambda short, schedule, chain: {
        "alpha_bar": torch.cumprod(1 - short.beta.float(), 0).double()}),
})
def tables_of_the_visited(bench: Bench, subject: Subject) -> None:
    """Levels at the visited timesteps; beta and beta_tilde of each pair, in ulps."""
    def body(betas: Sequence[float], chain: Sequence[int]) -> None:
        levels, short = levels_of(betas), subject(schedule_from_betas(betas), chain)
        bench.require(len(chain) - 1 == short.T, "another number of steps")
        for k, t in enumerate(chain[::-1]):
            bench.within_ulps(short.alpha_bar[k], levels[t], 0.501, "alpha_bar")
            bench.within_ulps(short.one_minus_alpha_bar[k], 1 - levels[t], 0.501, "1 - alpha_bar")
            if t > 0:
                snr = levels[t] / (1 - levels[t])
                bench.within_ulps(short.snr[k], snr, 0.501, "snr")
        for k, (s, t) in enumerate(pairwise(chain[::-1]), start=1):
            ratio = levels[t] / levels[s]
            bench.within_ulps(short.alpha[k], ratio, 3, "alpha")
            bench.within_ulps(short.beta[k], 1 - ratio, 3, "beta")
            variance = Fraction(pair_variance(levels[s], levels[t]))
            bench.within_ulps(short.beta_tilde[k], variance, 6, "beta_tilde")

    each_chain(bench, body, st.lists(BETA, min_size=1, max_size=6))


def shown_late(denoiser: Denoiser, chain: Sequence[int]) -> Denoiser:
    """The network is shown the number of the visit, not the timestep visited."""
    short = respace(denoiser, chain)
    return Denoiser(short.network, short.schedule, short.predicts)


@compares("ddim.marginal.sub-sequence", subject=respace, wrong={
    "shown the number of the visit": shown_late,
    "shown one timestep later": lambda denoiser, chain: Denoiser(
        lambda x, shown: denoiser.network(x, shown + 1), respace(denoiser, chain).schedule,
        shown=respace(denoiser, chain).shown),
    "not respaced": lambda denoiser, chain: denoiser,
})
def steps_of_the_visited(bench: Bench, subject: Subject) -> None:
    """DDIM's step on a sub-sequence is that of the pair, with the noise of the visited timestep."""
    def body(betas: Sequence[float], chain: Sequence[int]) -> None:
        levels, schedule = levels_of(betas), schedule_from_betas(betas)
        # The network's answer tells which timestep it was shown: 1 + t / 8 for the paper's t.
        denoiser = Denoiser(
            lambda x, shown: (1 + (shown + 1) / 8).to(x).reshape(-1, 1) * torch.ones_like(x),
            schedule)
        short = subject(denoiser, chain)
        for k, (s, t) in enumerate(pairwise(chain[::-1]), start=1):
            if k == 1:
                continue  # the sampler's last step is no step of the method
            a, b, _ = (exact(c, levels, s, t, 0.0) for c in COEFFICIENTS)
            want = (a / 2, b * (1 + Fraction(t, 8)))
            x = torch.full((1, 1), 0.5, dtype=torch.float64)
            within_terms(bench, DDIM().step(short, x, k, None), [want], 8, "x_s")

    each_chain(bench, body)


def encoding(s: int, t: int, levels: Sequence[Fraction]) -> list[Fraction]:
    """What multiplies x_s and eps in x_t: DDIM's step of eta = 0 with the levels exchanged."""
    at = {alpha_bar_s: levels[s], alpha_bar_t: levels[t]}
    return [exact_value(c, at) for c in coefficients(alpha_bar_t, alpha_bar_s, 0)[:2]]


@compares("ddim.eta-zero.inverse", subject=ddim_encode_step, wrong={
    "sign of the noise": lambda schedule, x, eps, s, t: ddim_encode_step(schedule, x, -eps, s, t),
    "the noise of one more forward step": lambda schedule, x, eps, s, t: (
        (schedule.alpha_bar[t] / schedule.alpha_bar[s]).sqrt().to(x.dtype) * x
        + (1 - schedule.alpha_bar[t] / schedule.alpha_bar[s]).sqrt().to(x.dtype) * eps),
    "s off by one": lambda schedule, x, eps, s, t: ddim_encode_step(
        schedule, x, eps, max(s - 1, 0), t),
    "the ratio without its root": lambda schedule, x, eps, s, t: (
        ddim_encode_step(schedule, 0 * x, eps, s, t)
        + (schedule.alpha_bar[t] / schedule.alpha_bar[s]).to(x.dtype) * x),
})
def encode_step(bench: Bench, subject: Subject) -> None:
    """Both coefficients of the step from s up to t, float64 and float32, in ulps."""
    def body(betas: Sequence[float], s: int, t: int) -> None:
        parts = encoding(s, t, levels_of(betas))
        for device in bench.devices:
            schedule = schedule_from_betas(torch.tensor(betas, dtype=torch.float64, device=device))
            for dtype in DTYPES:
                unit = torch.ones(1, 1, 2, dtype=dtype, device=device)
                for probe, want in (((unit, 0 * unit), parts[0]), ((0 * unit, unit), parts[1])):
                    got = subject(schedule, *probe, s, t)
                    bench.within_ulps(got, [want] * 2, ULPS, "coefficient")

    for betas, s, t in (((1e-4,), 0, 1), ((1e-12, 1e-12), 1, 2), ((0.5, 1 - 2.0**-20), 0, 2)):
        body(betas, s, t)
    bench.forall(betas=PAIRS["betas"], data=st.data())(
        lambda betas, data: body(betas, *draw_pair(data, len(betas))))


@compares("ddim.eta-zero.constant-eps", subject=encode, wrong={
    "the image itself": lambda denoiser, x_0, callback: x_0,
    "decoded instead": lambda denoiser, x_0, callback: decode(denoiser, x_0, callback=callback),
    "one step too few": lambda denoiser, x_0, callback: encode(respace(
        denoiser, tuple(range(max(denoiser.schedule.T - 1, 1), -1, -1))), 2 * x_0),
    "another number shown": lambda denoiser, x_0, callback: encode(
        replace(denoiser, shown=denoiser.shown + 1), x_0, callback=callback),
})
def encode_with_one_noise(bench: Bench, subject: Subject) -> None:
    """With one noise throughout, encoding ends at the marginal's x_T, whatever it visits.

    The network is asked at each timestep that a step leaves, and at the first one for the image.
    """
    def body(betas: Sequence[float], chain: Sequence[int]) -> None:
        level = levels_of(betas)[chain[0]]
        want = [exact_value(root, {alpha_bar_t: level})
                for root in (sqrt(alpha_bar_t), sqrt(1 - alpha_bar_t))]
        x_0 = torch.full((2, 1, 1), 0.75, dtype=torch.float64)
        denoiser = respace(says(torch.full_like(x_0, -1.5), schedule_from_betas(betas)), chain)
        parts = [(want[0] * Fraction(3, 4), want[1] * Fraction(-3, 2))] * 2
        seen, reached = [], []

        def network(x: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
            seen.append(int(shown[0]) + 1)
            return denoiser.network(x, shown)

        got = subject(replace(denoiser, network=network), x_0,
                      callback=lambda state: reached.append(state.t))
        within_terms(bench, got, parts, 4 * len(chain), "x_T")
        visited = list(chain[-2::-1])
        bench.require(seen == [visited[0], *visited[:-1]], f"the network was shown {seen}")
        bench.require(reached == list(range(1, len(chain))), f"states were told at {reached}")

    each_chain(bench, body)


@compares("ddim.eta-zero.inverse", subject=decode, wrong={
    "x_T itself": lambda denoiser, x_T: x_T,
    "encoded once more": lambda denoiser, x_T: encode(denoiser, x_T),
    "the noise of the other sign": lambda denoiser, x_T: decode(Denoiser(
        lambda x, shown: -denoiser.network(x, shown), denoiser.schedule), x_T),
})
def decode_what_was_encoded(bench: Bench, subject: Subject) -> None:
    """With one noise throughout, decoding what was encoded returns the image, up to rounding."""
    def body(betas: Sequence[float], chain: Sequence[int]) -> None:
        x_0 = torch.full((2, 1, 1), 0.75, dtype=torch.float64)
        denoiser = respace(says(torch.full_like(x_0, -1.5), schedule_from_betas(betas)), chain)
        got = subject(denoiser, encode(denoiser, x_0))
        bound = 1e-14 * len(chain) / float(levels_of(betas)[chain[0]]) ** 0.5
        for value in got.flatten().tolist():
            bench.within(value, 0.75, bound, "image")

    each_chain(bench, body)
