"""Comparisons of two rooms: what an implementation computes against what derivations proves.

A comparison is a function ``(bench, subject)`` registered for one claim.  It is run once with the
real subject and must return; it is then run with each wrong variant and must raise
:class:`Mismatch`.  Any other exception counts as a failure in both cases, so a control cannot be
"rejected" by a typing error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypedDict

import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from audit.evidence import Control, Evidence
from audit.precision import error_in_ulps
from derivations.claim import Grade, Role

Subject = Callable[..., Any]  # what a comparison examines: a function of an implementation


class Mismatch(AssertionError):
    """The subject does not do what the claim says."""


class TooFewError(RuntimeError):
    """Too few examples were admissible: that shows nothing, neither for nor against."""


@dataclass
class Bench:
    """What a comparison works with: devices, a number of examples, and a record of what it saw.

    Without a seed the examples are the same in every run; fuzzing gives a fresh one each time.
    """

    devices: tuple[str, ...] = ("cpu",)
    examples: int = 40
    shrink: bool = True
    seed: int | None = None
    ran: int = 0
    worst: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def forall(self, **strategies: Any) -> Callable[[Callable[..., None]], None]:
        """Run the decorated body on as many examples as stated; TooFewError where it cannot be."""

        def run(body: Callable[..., None]) -> None:
            effective = 0
            phases = [Phase.explicit, Phase.generate] + [Phase.shrink] * self.shrink

            @settings(
                max_examples=self.examples, derandomize=self.seed is None, database=None,
                deadline=None, phases=phases, suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
            )
            @given(**strategies)
            def stated(**drawn: Any) -> None:
                nonlocal effective
                body(**drawn)
                effective += 1

            (stated if self.seed is None else seeded(self.seed)(stated))()
            if effective < self.examples:
                raise TooFewError(f"only {effective} of {self.examples} examples were admissible")
            self.ran += effective

        return run

    def require(self, condition: bool, message: str) -> None:
        """Raise :class:`Mismatch` unless the condition is literally true."""
        if condition is not True and not bool(condition):
            raise Mismatch(message)

    def within(self, got: float, want: float, bound: float, what: str) -> None:
        """|got - want| <= bound, with NaN and infinity on the failing side."""
        got, want = (v.item() if isinstance(v, torch.Tensor) else float(v) for v in (got, want))
        error = abs(got - want)
        self.worst[what] = max(self.worst.get(what, 0.0), error)
        if not error <= bound:
            raise Mismatch(f"{what}: {got!r} against {want!r}, more than {bound:g}")

    def within_ulps(
        self, got: torch.Tensor, want: Sequence[Fraction] | Fraction, ulps: float, what: str
    ) -> None:
        """Every element of ``got`` within ``ulps`` of its exact value, shape included."""
        exact = [want] if isinstance(want, Fraction) else list(want)
        if got.numel() != len(exact):
            raise Mismatch(f"{what}: {got.numel()} values where {len(exact)} are expected")
        values = got.detach().to("cpu", torch.float64).flatten().tolist()
        label = f"{what} {str(got.dtype).removeprefix('torch.')}"
        for i, (value, target) in enumerate(zip(values, exact, strict=True)):
            error = error_in_ulps(value, target, got.dtype)
            if not error <= ulps:
                raise Mismatch(
                    f"{label}[{i}] is {value!r}, exact is {float(target)!r}: "
                    f"{error:.3g} ulp, allowed {ulps:g}"
                )
            self.worst[label] = max(self.worst.get(label, 0.0), error)

    def summary(self) -> str:
        """Examples, devices and the largest errors seen, two digits each."""
        parts = [f"{self.ran} examples"] if self.ran else []
        parts += [f"{what} within {worst:.2g}" for what, worst in self.worst.items()]
        return "; ".join([*parts, *self.notes, ", ".join(self.devices)])


@dataclass(frozen=True)
class Comparison:
    """A registered comparison; see the module's docstring."""

    claim: str
    kind: str
    grade: Grade
    role: Role
    reason: str
    subject: Any
    wrong: Mapping[str, Any]
    run: Callable[[Bench, Any], None]

    @property
    def code(self) -> str:
        """The dotted name of the subject where it is a function of core, else empty."""
        module = getattr(self.subject, "__module__", "") or ""
        return f"{module}.{self.subject.__qualname__}" if module.startswith("core.") else ""


class Means(TypedDict, total=False):
    """How several comparisons of a module are made, for ``@compares(..., **means)``."""

    kind: str
    grade: Grade
    role: Role


COMPARISONS: dict[str, list[Comparison]] = {}


def compares(
    *claims: str,
    subject: Any,
    wrong: Mapping[str, Any],
    kind: str = "core against exact",
    grade: Grade = Grade.PROPERTY,
    role: Role = Role.ESTABLISHES,
) -> Callable[[Callable[[Bench, Any], None]], Callable[[Bench, Any], None]]:
    """Register the decorated comparison for each claim; its docstring is the reason shown."""
    if not wrong:
        raise ValueError("wrong is empty: a comparison needs a variant that it rejects")

    def register(run: Callable[[Bench, Any], None]) -> Callable[[Bench, Any], None]:
        reason = " ".join((run.__doc__ or "").split())
        if not reason:
            raise ValueError(f"{run.__qualname__} has no docstring: say what it shows")
        for claim in claims:
            COMPARISONS.setdefault(claim, []).append(
                Comparison(claim, kind, grade, role, reason, subject, dict(wrong), run)
            )
        return run

    return register


def run_comparison(
    comparison: Comparison, devices: Iterable[str], examples: int
) -> tuple[Evidence, list[Control]]:
    """Run a comparison with its real subject, then with every wrong variant."""
    devices = tuple(devices)
    bench = Bench(devices, examples)
    start = time.perf_counter()
    try:
        comparison.run(bench, comparison.subject)
        passed, detail = True, bench.summary()
    except Exception as error:  # noqa: BLE001 - whatever it is, the comparison did not succeed
        notes = " ".join(" ".join(getattr(error, "__notes__", ())).split())
        passed, detail = False, f"{type(error).__name__}: {error} {notes}".strip()
    evidence = Evidence(
        comparison.claim, comparison.kind, comparison.grade, comparison.role, passed,
        time.perf_counter() - start, comparison.reason, detail, comparison.code,
    )
    return evidence, [_run_control(comparison, n, v, devices, examples)
                      for n, v in comparison.wrong.items()]


def _run_control(
    comparison: Comparison, name: str, variant: Any, devices: tuple[str, ...], examples: int
) -> Control:
    try:
        comparison.run(Bench(devices, examples, shrink=False), variant)
    except Mismatch as found:
        return Control(comparison.claim, name, True, str(found))
    except Exception as error:  # noqa: BLE001 - an error is not a rejection
        return Control(comparison.claim, name, False, f"{type(error).__name__}: {error}")
    return Control(comparison.claim, name, False, "accepted")
