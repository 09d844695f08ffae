"""The kit accepts what is right and rejects what is wrong, by name; whatever an adapter does."""

import contextlib
import math
import signal
import time

import malformed_adapter
import pytest
import torch

from audit.conformance import At, Choice, NotOffered, given_noise, linear
from audit.conformance.attempts import time_limit
from audit.conformance.corpus import MISPRINTS
from audit.conformance.examine import PARTS, Effort, examine
from audit.conformance.finding import WRONG, Class, merged
from audit.conformance.plain import Plain

QUICK = Effort(lengths=(3, 30, 1000), half_lengths=(50,))


def found(adapter, effort=QUICK):
    return merged(examine(adapter, effort).findings)


def rejected(adapter):
    return {f.key: f for f in found(adapter) if f.kind in WRONG}


def test_the_plain_implementation_conforms():
    seen = examine(Plain())
    assert seen.findings == ()
    assert seen.not_offered == ()
    assert seen.probed > 3000


@pytest.mark.parametrize("misprint", MISPRINTS, ids=lambda m: m.id)
def test_every_misprint_is_rejected(misprint):
    findings = rejected(misprint.made())
    assert misprint.found in findings
    assert len(findings[misprint.found].says) > 20


def test_the_corpus_is_large_and_every_entry_has_a_source():
    assert len(MISPRINTS) >= 12
    assert len({m.id for m in MISPRINTS}) == len(MISPRINTS)
    assert all(m.source and m.wrong != m.right for m in MISPRINTS)


class EtaOnVariance(Plain):
    def sigma(self, at, eta):
        return math.sqrt(eta) * super().sigma(at, 1.0)


class VarianceForDeviation(Plain):
    def sigma(self, at, eta):
        return super().sigma(at, eta) ** 2


class LaterPosterior(Plain):
    def posterior(self, x_0, x_t, t):
        return super().posterior(x_0, x_t, min(t + 1, self.levels.T))


class NoiseAtTheEnd(Plain):
    def deviation(self, at, variance):
        return super().deviation(at, variance) if at.s else math.sqrt(1 - self.level(at.t))


class SkipsTheEnd(Plain):
    def chain(self, steps):
        return super().chain(steps)[:-1]


class SkipsTheStart(Plain):
    def chain(self, steps):
        return [t - 1 for t in super().chain(steps)[:-1]] + [0]


class VisitsTwice(Plain):
    def chain(self, steps):
        chain = list(super().chain(steps))
        return [chain[0], *chain] if steps == 7 else chain


class VisitsNegative(Plain):
    def chain(self, steps):
        return [*super().chain(steps)[:-1], -1]


class ComesBack(Plain):
    def chain(self, steps):
        return [*super().chain(steps)[:-1], 3, 0] if steps == 5 else super().chain(steps)


class OneForgottenRoot(Plain):
    def q_sample(self, x_0, t, eps):
        return self.level(t) * x_0 + math.sqrt(1 - self.level(t)) * eps


class IgnoresSigma(Plain):
    def step(self, at, x_t, prediction, z, eta):
        none = super().step(at, x_t, prediction, torch.zeros_like(z), 0.0)
        return none + self.sigma(at, eta) * z


class BetaTilde(Plain):
    def posterior(self, x_0, x_t, t):
        return super().posterior(x_0, x_t, t)[0], self.beta(t)


class Downwards(Plain):
    def invert(self, at, x_s, prediction):
        return super().invert(At(at.s, at.t, at.steps), x_s, prediction) if at.s else x_s


class WrongWeight(Plain):
    def loss_weight(self, t):
        return self.level(t)


class ShiftedTable(Plain):
    def tables(self):
        return {"alpha_bar": [self.level(t - 1) for t in range(1, self.levels.T + 1)]}


class Clipped(Plain):
    def step(self, at, x_t, prediction, z, eta):
        return super().step(at, x_t, prediction, z, eta) + x_t * prediction


ATTACKS = (
    (EtaOnVariance, "step.eta-on-variance", "eta multiplies the variance"),
    (VarianceForDeviation, "step.variance-for-deviation", "variance stands for the standard"),
    (LaterPosterior, "posterior.t-for-t-1", "t stands where t - 1 is meant"),
    (NoiseAtTheEnd, "ancestral.noise-on-last-step", "noise is added on the last step"),
    (SkipsTheEnd, "chain.end", "skips its end"),
    (SkipsTheStart, "chain.start", "does not start at t = T"),
    (VisitsTwice, "chain.twice", "visits a t twice"),
    (VisitsNegative, "chain.negative", "negative t"),
    (ComesBack, "chain.count", "does not have S steps"),
    (OneForgottenRoot, "q_sample.root-missing.signal", "a root is missing"),
    (IgnoresSigma, "step.direction-ignores-sigma", "left out of the direction"),
    (BetaTilde, "posterior.beta-for-beta-tilde", "beta where beta_tilde belongs"),
    (WrongWeight, "loss_weight", "loss weight is not the one claimed"),
    (ShiftedTable, "tables.alpha_bar", "alpha_bar at t - 1"),
    (Clipped, "step.not-linear", "not a linear combination"),
)


@pytest.mark.parametrize(("attack", "key", "words"), ATTACKS, ids=lambda a: getattr(
    a, "__name__", None))
def test_a_wrong_adapter_is_named_in_words(attack, key, words):
    findings = rejected(attack())
    assert key in findings, findings
    assert words in findings[key].says
    assert findings[key].mend


def scaled(part, factor, coefficient):
    """Plain with one coefficient of one part off by a factor."""

    class Wrong(Plain):
        pass

    def changed(self, *arguments):
        at_zero = [torch.zeros_like(a) if isinstance(a, torch.Tensor) and i != coefficient else a
                   for i, a in enumerate(arguments)]
        right = getattr(Plain, part)
        result, alone = right(self, *arguments), right(self, *at_zero)
        if part == "posterior":
            return result[0] + (factor - 1) * alone[0], result[1]
        return result + (factor - 1) * alone

    setattr(Wrong, part, changed)
    return Wrong()


@pytest.mark.parametrize(("part", "coefficient"), [
    ("q_sample", 0), ("q_sample", 2), ("posterior", 0), ("posterior", 1), ("step", 1), ("step", 2),
    ("step", 3), ("ancestral", 1), ("ancestral", 2), ("ancestral", 3), ("invert", 1),
    ("invert", 2),
])
def test_any_one_coefficient_off_by_a_percent_is_rejected(part, coefficient):
    assert any(key.startswith(part) for key in rejected(scaled(part, 1.01, coefficient)))


def test_a_deviation_that_is_documented_is_a_convention():
    adapter = EtaOnVariance()
    adapter.choices = (Choice("step.eta-on-variance", "documented", "pass its square"),)
    (finding,) = found(adapter)
    assert finding.kind is Class.CONVENTION
    assert finding.documented == "documented"


class Raises(Plain):
    def step(self, at, x_t, prediction, z, eta):
        raise RuntimeError("out of order")


class Exits(Plain):
    def tables(self):
        raise SystemExit(3)


class NotANumber(Plain):
    def q_sample(self, x_0, t, eps):
        return super().q_sample(x_0, t, eps) * (math.nan if t == 3 else 1)


class WrongShape(Plain):
    def ancestral(self, at, x_t, prediction, z, variance):
        return super().ancestral(at, x_t, prediction, z, variance)[:1]


class WrongDtype(Plain):
    def invert(self, at, x_s, prediction):
        return super().invert(at, x_s, prediction).float()


class NotATensor(Plain):
    def posterior(self, x_0, x_t, t):
        return "mean", None


class OddChain(Plain):
    def chain(self, steps):
        return {"t": steps} if steps % 2 else super().chain(steps)


class ShortTable(Plain):
    def tables(self):
        return {"beta": [0.1, 0.2], "gamma": [1.0]}


@pytest.mark.parametrize(("adapter", "key", "words"), [
    (Raises, "step.raises", "RuntimeError: out of order"),
    (Exits, "tables.raises", "SystemExit"),
    (NotANumber, "q_sample.not-finite", "NaN"),
    (WrongShape, "ancestral.shape", "has shape (1,"),
    (WrongDtype, "invert.dtype", "float32 where float64 was given"),
    (NotATensor, "posterior.type", "is a str where a tensor is expected"),
    (OddChain, "chain.type", "not a sequence of integers"),
    (ShortTable, "tables.beta.shape", "2 entries where T = 1000"),
])
def test_a_misbehaving_adapter_is_a_finding(adapter, key, words):
    finding = rejected(adapter())[key]
    assert words in finding.says


@pytest.mark.parametrize("garbage", malformed_adapter.GARBAGE)
def test_whatever_an_adapter_answers_the_kit_makes_findings(garbage):
    """One part each, another for every kind of garbage; `nox -s fuzz` tries them all."""
    part = PARTS[list(malformed_adapter.GARBAGE).index(garbage) % len(PARTS)]
    adapter = malformed_adapter.answering(part, garbage)
    said = malformed_adapter.examined(adapter)
    assert len(said) >= 10


@pytest.mark.parametrize("attribute", malformed_adapter.ATTRIBUTES)
def test_an_attribute_that_is_none_of_its_kind_is_refused_by_name(attribute):
    adapter = Plain()
    setattr(adapter, attribute, 3.5)
    with pytest.raises(ValueError, match=f"^{attribute} must be .*3.5"):
        examine(adapter, QUICK)
    setattr(adapter, attribute, malformed_adapter.Hostile())  # found by fuzzing: it has no repr
    with pytest.raises(ValueError, match=f"^{attribute} must be .*a Hostile"):
        examine(adapter, QUICK)


def test_an_adapter_that_hangs_is_a_finding():
    class Hangs(Plain):
        def chain(self, steps):
            with contextlib.suppress(Exception):
                time.sleep(30)
            return super().chain(steps)

    seen = examine(Hangs(), QUICK, seconds=0.5)
    assert "not done within 0.5 s" in seen.findings[-1].says



def test_what_is_not_offered_is_told_and_is_no_failure():
    class Forward(Plain):
        def chain(self, steps):
            raise NotOffered

        tables = posterior = step = ancestral = invert = loss_weight = chain

        def __init__(self):
            def absent(*_):
                raise NotOffered

            for part in ("tables", "posterior", "step", "ancestral", "invert", "loss_weight"):
                setattr(self, part, absent)

    seen = examine(Forward(), QUICK)
    assert seen.offered == ("q_sample",)
    assert "step" in seen.not_offered
    assert seen.findings == ()


class Float32Levels(Plain):
    def level(self, t):
        return float(torch.tensor(self.levels.floats[t], dtype=torch.float32))


class HalfLevels(Plain):
    dtypes = (torch.float16, torch.bfloat16)

    def q_sample(self, x_0, t, eps):
        level = torch.tensor(self.level(t), dtype=x_0.dtype)
        return level.sqrt() * x_0 + (1 - level).sqrt() * eps


@pytest.mark.parametrize("adapter", [Float32Levels, HalfLevels])
def test_cancellation_is_told_apart_from_a_wrong_formula(adapter):
    kinds = {f.kind for f in found(adapter())}
    assert kinds == {Class.PRECISION}


def test_two_examinations_find_the_same():
    one, two = (examine(EtaOnVariance(), QUICK) for _ in range(2))
    fields = ("key", "kind", "says", "where", "got", "want", "places", "of")
    assert [[getattr(f, k) for k in fields] for f in one.findings] == [
        [getattr(f, k) for k in fields] for f in two.findings]


def test_noise_is_handed_over_and_the_generator_kept():
    z, before = torch.arange(4.0), torch.random.get_rng_state()
    with given_noise(z, 2 * z):
        assert torch.equal(torch.randn(4), z)
        assert torch.equal(torch.randn_like(z, dtype=torch.float64), 2 * z.double())
        assert torch.equal(torch.empty(4).normal_(), 2 * z)
        with pytest.raises(ValueError, match="shape"):
            torch.randn(3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_levels_are_those_of_the_published_schedule():
    levels = linear()
    assert levels.T == 1000
    assert levels.floats[1000] == pytest.approx(4.03582976538e-05, rel=1e-12)


def test_the_time_limit_is_lifted_again():
    with time_limit(30.0):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
