"""core.weightings and core.timestep_sampling against the exact weights, t by t."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import torch
from hypothesis import strategies as st

from audit.adapters.core import (
    LossHistory,
    NoiseSchedule,
    ReverseVariance,
    Weighting,
    bound_weighting,
    convert_weighting,
    importance_probabilities,
    importance_timesteps,
    linear_schedule,
    min_snr_weighting,
    schedule_from_betas,
    snr_weighting,
    truncated_snr_weighting,
)
from audit.comparison import Bench, Subject, compares
from audit.comparisons.reverse import tilde_at
from audit.comparisons.reverse_places import BAR, BETA, A
from audit.precision import exact_value
from derivations.reverse import weightings as proved
from derivations.reverse.posterior import posterior_coefficient_x_0
from derivations.reverse.training_objective import eps_weight
from derivations.schedule.published_schedule import alpha_bar, published_beta
from derivations.schedule.schedule import alpha_bars

KINDS = ("x_0", "eps", "v")
BETAS = st.lists(
    st.one_of(st.floats(1e-6, 0.9), st.sampled_from([1e-12, 0.5, 1 - 2.0**-30])),
    min_size=1, max_size=6,
)
EDGES = ((1e-4,), (1e-12,), (1 - 2.0**-30,), (1e-4, 0.02), (0.5, 0.5, 1e-9))


def levels_of(betas: Sequence[float]) -> list[Fraction]:
    """alpha_bar_0..alpha_bar_T of the float64 betas, exactly."""
    return alpha_bars([Fraction(b) for b in betas])


def each_schedule(bench: Bench, body: Callable[..., Any], **more: Any) -> None:
    """Run body(betas, ...) at the edges, unless more is drawn, and on drawn betas."""
    for betas in EDGES if not more else ():
        body(betas)
    bench.forall(betas=BETAS, **more)(body)


def table(
    bench: Bench, weighting: Weighting, kind: str, wants: Sequence[Fraction], ulps: float,
    what: str,
) -> None:
    """The table is 0 at 0 and within so many ulps of ``wants`` at t = 1..T."""
    bench.require(weighting.predicts == kind, "made for another kind")
    bench.require(bool(weighting.weight[0] == 0), "weight[0] is not 0")
    bench.within_ulps(weighting.weight[1:], wants, ulps, what)


def by_level(
    bench: Bench, subject: Subject, weights_at: Callable[..., Any], *options: float
) -> None:
    """subject(schedule, kind, *options) against weights_at(alpha_bar) for every kind and t."""
    def body(betas: Sequence[float]) -> None:
        levels, schedule = levels_of(betas), schedule_from_betas(betas)
        exact = [weights_at(level) for level in levels[1:]]
        for i, kind in enumerate(KINDS):
            got = subject(schedule, kind, *options)
            table(bench, got, kind, [Fraction(row[i]) for row in exact], 2, f"weight of {kind}")

    each_schedule(bench, body)


def scaled(function: Callable[..., Any], by: Callable[..., Any]) -> Callable[..., Weighting]:
    """The weights multiplied by by(schedule), a table."""
    def variant(schedule: NoiseSchedule, predicts: str, *options: ReverseVariance) -> Weighting:
        weighting = function(schedule, predicts, *options)
        return Weighting(torch.nan_to_num(weighting.weight * by(schedule), posinf=0), predicts)
    return variant


def for_other(function: Callable[..., Any]) -> Callable[..., Any]:
    """The weights of another kind of prediction."""
    other = {"x_0": "eps", "eps": "v", "v": "x_0"}
    return lambda schedule, predicts, *options: Weighting(
        function(schedule, other[predicts], *options).weight, predicts)


@compares("reverse.weighting.snr", subject=snr_weighting, wrong={
    "of another kind": for_other(snr_weighting),
    "its root": lambda schedule, predicts: Weighting(
        torch.cat([torch.zeros(1), snr_weighting(schedule, predicts).weight[1:].sqrt()]).double(),
        predicts),
    "one more factor alpha_bar": scaled(snr_weighting, lambda schedule: schedule.alpha_bar),
})
def weights_of_snr(bench: Bench, subject: Subject) -> None:
    """snr of x_0, 1 of eps, alpha_bar of v; 2 ulps."""
    by_level(bench, subject, proved.snr_weights)


@compares("reverse.weighting.min-snr", subject=min_snr_weighting, wrong={
    "of another kind": for_other(min_snr_weighting),
    "never clipped": lambda schedule, predicts, gamma: snr_weighting(schedule, predicts),
    "max for min": lambda schedule, predicts, gamma: truncated_snr_weighting(schedule, predicts),
    "twice gamma": lambda schedule, predicts, gamma: min_snr_weighting(
        schedule, predicts, 2 * gamma),
})
def weights_of_min_snr(bench: Bench, subject: Subject) -> None:
    """min(snr, gamma) of x_0 and what it is of eps and v, for three gamma and the default 5."""
    for gamma in (5.0, 1.0, 0.25):
        by_level(bench, subject, lambda b, g=gamma: proved.min_snr_weights(b, Fraction(g)), gamma)


@compares("reverse.weighting.truncated-snr", subject=truncated_snr_weighting, wrong={
    "of another kind": for_other(truncated_snr_weighting),
    "min for max": lambda schedule, predicts: min_snr_weighting(schedule, predicts, 1.0),
    "not truncated": snr_weighting,
})
def weights_of_truncated_snr(bench: Bench, subject: Subject) -> None:
    """max(snr, 1) of x_0, max(1, 1/snr) of eps, max(alpha_bar, 1 - alpha_bar) of v; 2 ulps."""
    by_level(bench, subject, proved.truncated_snr_weights)


def sigma_2(betas: Sequence[float], t: int, kind: str) -> Fraction:
    """The variance that the weight divides by; beta_tilde_2 stands in for beta_tilde_1 = 0."""
    return Fraction(betas[t - 1]) if kind == "beta" else tilde_at(betas, max(t, 2))


FIXED = {"beta": ReverseVariance("beta"),
         "beta_tilde": ReverseVariance("beta_tilde", "beta_tilde_2")}
BOUND_WRONG = {
    "the other variance": lambda schedule, predicts, variance: bound_weighting(
        schedule, predicts, FIXED["beta" if variance.kind == "beta_tilde" else "beta_tilde"]),
    "of another kind": for_other(bound_weighting),
    "no alpha": scaled(bound_weighting, lambda schedule: schedule.alpha),
    "no factor one half": scaled(bound_weighting, lambda schedule: 2),
    "off by one in t": lambda schedule, predicts, variance: Weighting(torch.cat([
        torch.zeros(1, dtype=torch.float64),
        bound_weighting(schedule, predicts, variance).weight[1:].roll(1)]), predicts),
}


@compares("reverse.objective.weight-forms", "reverse.objective.eps-weight",
          subject=bound_weighting, wrong=BOUND_WRONG)
def weights_of_bound(bench: Bench, subject: Subject) -> None:
    """The bound's weights of x_0, eps and v for both variances, to the accuracy of a log table."""
    def body(betas: Sequence[float]) -> None:
        betas = (*betas, 0.25) if len(betas) == 1 else betas
        levels, schedule = levels_of(betas), schedule_from_betas(betas)
        for kind, variance in FIXED.items():
            of_eps, of_x_0 = [], []
            for t in range(1, len(betas) + 1):
                spread, beta = sigma_2(betas, t, kind), Fraction(betas[t - 1])
                of_eps.append(Fraction(eps_weight(beta, levels[t], spread)))
                c = posterior_coefficient_x_0(BETA, A, BAR) ** 2
                at = {BETA: beta, A: levels[t - 1], BAR: levels[t]}
                of_x_0.append(exact_value(c, at) / (2 * spread))
            wants = {"eps": of_eps, "x_0": of_x_0,
                     "v": [w * b for w, b in zip(of_eps, levels[1:], strict=True)]}
            # The variance is the exponential of its rounded logarithm.
            largest = max(abs(math.log(sigma_2(betas, t, kind))) for t in range(1, len(betas) + 1))
            for predicts, want in wants.items():
                table(bench, subject(schedule, predicts, variance), predicts, want, 6 + largest,
                      f"weight of {predicts}")

    each_schedule(bench, body)


@compares("reverse.objective.weight-values", subject=bound_weighting, wrong={
    name: BOUND_WRONG[name] for name in ("the other variance", "no factor one half",
                                         "off by one in t")})
def published_weights(bench: Bench, subject: Subject) -> None:
    """The five printed weights of the published schedule, to four decimals, and to 1e-12."""
    weight = subject(linear_schedule(), "eps", FIXED["beta"]).weight
    printed = {2: 0.2727, 10: 0.0737, 100: 0.0101, 500: 0.0055, 1000: 0.0102}
    for t, digits in printed.items():
        bench.require(round(weight[t].item(), 4) == digits, f"{weight[t].item()} at t = {t}")
        want = eps_weight(published_beta(t), alpha_bar(t), published_beta(t))
        bench.within(weight[t] / float(want), 1, 1e-12, "relative error")


def convert_wrong(change: Callable[..., Any]) -> Callable[..., Weighting]:
    """convert_weighting with the weights changed by change(schedule, before, weights)."""
    def variant(schedule: NoiseSchedule, weighting: Weighting, predicts: str) -> Weighting:
        got = convert_weighting(schedule, weighting, predicts).weight
        return Weighting(change(schedule, weighting.weight, got), predicts)
    return variant


@compares("conversions.error.x0", "conversions.error.v", subject=convert_weighting, wrong={
    "unchanged": convert_wrong(lambda schedule, before, got: before),
    "the other way": convert_wrong(lambda schedule, before, got: torch.where(
        got > 0, before**2 / got, got)),
    "the root of the factor": convert_wrong(lambda schedule, before, got: (before * got).sqrt()),
})
def weights_converted(bench: Bench, subject: Subject) -> None:
    """Between each two kinds of prediction: the factors of the squared errors, 3 ulps."""
    def body(betas: Sequence[float]) -> None:
        levels, schedule = levels_of(betas), schedule_from_betas(betas)
        plain = [torch.tensor(0.0), *(torch.tensor(1 + t / 8) for t in range(len(betas)))]
        weight = torch.stack(plain).double()
        # The squared error of each kind for a unit error of x_0.
        squares = [(Fraction(1), b / (1 - b), 1 + b / (1 - b)) for b in levels[1:]]
        for i, old in enumerate(KINDS):
            for j, new in enumerate(KINDS):
                wants = [Fraction(w) * row[i] / row[j]
                         for w, row in zip(weight[1:].tolist(), squares, strict=True)]
                got = subject(schedule, Weighting(weight, old), new)
                table(bench, got, new, wants, 3, f"from {old} to {new}")

    each_schedule(bench, body)


def history_of(losses: Sequence[Sequence[float]]) -> LossHistory:
    """Two losses at each t, seen; the plain numbers from t = 1 on."""
    rows = torch.tensor([[0.0, 0.0], *losses], dtype=torch.float64)
    return LossHistory(rows, torch.tensor([0, *[2] * len(losses)]))


LOSSES = st.lists(st.tuples(st.floats(0.125, 8, width=32), st.floats(0.125, 8, width=32)),
                  min_size=1, max_size=6)


@compares("reverse.objective.importance", subject=importance_probabilities, wrong={
    "proportional to the mean square": lambda history, share: torch.cat([torch.zeros(1), (
        (history.losses[1:] ** 2).mean(1) / (history.losses[1:] ** 2).mean(1).sum())]).double(),
    "proportional to the mean": lambda history, share: torch.cat([torch.zeros(1), (
        history.losses[1:].mean(1) / history.losses[1:].mean(1).sum())]).double(),
    "uniform": lambda history, share: importance_probabilities(history, 1.0),
})
def probabilities(bench: Bench, subject: Subject) -> None:
    """p_t proportional to the root of the mean square loss, and its uniform share."""
    def body(losses: Sequence[Sequence[float]], share: float = 0.0) -> None:
        roots = [math.sqrt((a * a + b * b) / 2) for a, b in losses]
        got = subject(history_of(losses), share)
        bench.require(bool(got[0] == 0), "p_0 is not 0")
        for value, root in zip(got[1:].tolist(), roots, strict=True):
            want = (1 - share) * root / sum(roots) + share / len(roots)
            bench.within(value / want, 1, 1e-14, "p, relative")

    body([(1.0, 3.0), (0.5, 0.25), (4.0, 1.0)])
    bench.forall(losses=LOSSES, share=st.sampled_from([0.0, 0.001, 0.5]))(body)


def reweighted(change: Callable[..., Any]) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """importance_timesteps with its weights changed by change(weights, T)."""
    def variant(
        history: LossHistory, batch: int, generator: torch.Generator, share: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        t, weight = importance_timesteps(history, batch, generator, share)
        return t, change(weight, history.losses.shape[0] - 1)
    return variant


@compares("reverse.objective.importance", subject=importance_timesteps, wrong={
    "no division by T": reweighted(lambda weight, T: weight * T * 1.001),
    "not weighted": reweighted(lambda weight, T: torch.ones_like(weight) * 1.001),
    "the probability": reweighted(lambda weight, T: 1.001 / weight),
})
def weights_undo_probabilities(bench: Bench, subject: Subject) -> None:
    """Every t drawn carries 1 / (T p_t), so that p_t times it is 1 / T whatever p is."""
    def body(losses: Sequence[Sequence[float]], share: float = 0.001) -> None:
        history, T = history_of(losses), len(losses)
        p = importance_probabilities(history, share)
        t, weight = subject(history, 8, torch.Generator().manual_seed(20210218), share)
        bench.require(bool(((t >= 1) & (t <= T)).all()), "t outside 1..T")
        for product in (p[t] * weight * T).tolist():
            bench.within(product, 1, 1e-14, "T p_t times the weight")

    body([(1.0, 3.0), (0.5, 0.25), (4.0, 1.0)])
    bench.forall(losses=LOSSES)(body)
