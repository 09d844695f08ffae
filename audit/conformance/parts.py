"""The parts that are not probed but read: tables, loss weights, and the chain's findings."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

from audit.conformance import chains, reference
from audit.conformance.attempts import NOT_OFFERED, Failure, attempt
from audit.conformance.catalogue_parts import table_value
from audit.conformance.context import Context
from audit.conformance.finding import Class, Finding
from audit.conformance.implementation import TABLES, Implementation
from audit.conformance.rounding import Measured, judge

LOST = ("digits are lost: the formula is right, but 1 - alpha_bar, or 1 - alpha_bar_t / "
        "alpha_bar_s, is formed from rounded levels")
KEEP = ("keep the levels in float64, with 1 - alpha_bar as a table of its own, and cast the "
        "finished coefficient last")
MENDS = {
    "raises": "accept every documented input, or say in the error what would be right",
    "not-finite": "find the division by 0 or the root of a negative number",
    "no-value": "let the network predict v where alpha_bar reaches 0 or 1, or treat that step "
                "apart",
    "shape": "return the shape of the input", "dtype": "cast coefficients to the images' dtype",
    "type": "return a tensor",
}
Result = tuple[bool, list[Finding], int]


def _float_dtype(values: object) -> torch.dtype:
    dtype = getattr(values, "dtype", torch.float64)
    return dtype if isinstance(dtype, torch.dtype) else torch.float64


def tables(implementation: Implementation) -> Result:
    """Every entry of every table that is offered."""
    offered = attempt(lambda: dict(implementation.tables()))
    if offered is NOT_OFFERED:
        return False, [], 0
    if isinstance(offered, Failure):
        return True, [_broken("tables", offered, "the tables")], 0
    found, count = [], 0
    for name, values in offered.items():
        if name not in TABLES:
            unknown = Failure("type", f"{name!r} is none of the tables {', '.join(TABLES)}")
            found.append(_broken("tables", unknown, name))
            continue
        result = _table(implementation, name, values)
        found += result
        count += implementation.levels.T
    return True, found, count


def _table(implementation: Implementation, name: str, values: object) -> list[Finding]:
    levels, T = implementation.levels, implementation.levels.T
    numbers = attempt(lambda: torch.as_tensor(values).double().flatten().tolist())
    if isinstance(numbers, Failure):
        return [_broken(f"tables.{name}", numbers, name)]
    if len(numbers) not in (T, T + 1):
        short = Failure("shape", f"{name} has {len(numbers)} entries where T = {T} "
                                 "or T + 1 are expected")
        return [_broken(f"tables.{name}", short, name)]
    entries = numbers[-T:]
    dtype = _float_dtype(values)
    deviating = {}
    for t, got in enumerate(entries, start=1):
        if name == "beta_tilde" and t == 1:
            want = reference.Exact(0.0, 1.0)
        else:
            want, = reference.at(levels, name, t - 1, t, 0, "")
        if not math.isfinite(got):
            bad = Failure("not-finite", f"{name} is {got} at t = {t}")
            return [_broken(f"tables.{name}", bad, name)]
        moved = reference.answering(levels, name, t - 1, t, 0, "")
        measured = Measured(got, want, dtype, lambda *by, moved=moved: moved(*by)[0],
                            (levels.spread[t - 1], levels.spread[t]))
        kind = judge(measured)
        if kind:
            deviating[t] = (measured, kind)
    if not deviating:
        return []
    wrong = {t: m for t, (m, kind) in deviating.items() if kind is Class.CONTRADICTS}
    chosen = wrong or {t: m for t, (m, _) in deviating.items()}
    worst = max(chosen, key=lambda t: chosen[t].error / chosen[t].want.size)
    m = chosen[worst]
    common: dict[str, Any] = {"got": m.got, "want": m.want.value, "places": len(chosen), "of": T,
              "context": (implementation, None)}
    if not wrong:
        return [Finding(f"tables.{name}.precision", Class.PRECISION, f"table {name}",
                        f"{LOST}", f"t={worst}", "DDPM (4)", KEEP, **common)]
    says, mend = _name_table(implementation, name, entries, list(wrong))
    return [Finding(f"tables.{name}", Class.CONTRADICTS, f"table {name}", says, f"t={worst}",
                    "DDPM (4), (7)", mend, **common)]


def _name_table(
    implementation: Implementation, name: str, entries: list[float], wrong: list[int]
) -> tuple[str, str]:
    """Which other table, at which shift, the entries are; in words."""
    index = "index tables so that the first entry is that of t = 1"
    powers = ((1.0, ""), (0.5, "the square root of "), (2.0, "the square of "))
    for shift in (0, -1, 1):
        for other in (name, *(n for n in TABLES if n != name)):
            for power, word in powers:
                if (shift, other, power) == (0, name, 1.0):
                    continue
                contexts = [Context(implementation.levels, t + shift, 0, 0, "eps") for t in wrong]
                values = [table_value(c, other) for c in contexts]
                # Beyond the ends of the table there is nothing to compare.
                pairs = [(entries[t - 1], v**power) for t, v in zip(wrong, values, strict=True)
                         if v == v and v >= 0]
                if len(pairs) > len(wrong) // 2 and all(
                        abs(g - v) <= 1e-4 * abs(v) + 1e-12 for g, v in pairs):
                    at = {0: "", -1: " at t - 1", 1: " at t + 1"}[shift]
                    what = f"the table {name} holds {word}{other}{at}"
                    return what, index if shift else f"store {name} itself"
    return f"the table {name} is not that of the schedule", (
        f"compare with the schedule {implementation.levels.name}")


def loss_weights(implementation: Implementation) -> Result:
    """The weight at every tenth t and at both ends."""
    T = implementation.levels.T
    deviating, count = {}, 0
    for t in sorted({1, 2, 3, T, *range(1, T + 1, max(T // 50, 1))} & set(range(1, T + 1))):
        got = attempt(lambda t=t: float(implementation.loss_weight(t)))
        if got is NOT_OFFERED:
            continue
        count += 1
        if isinstance(got, Failure):
            return True, [_broken("loss_weight", got, "the loss weight")], count
        want = reference.loss_weight(
            implementation.levels, implementation.loss, implementation.predicts, t)
        if not (math.isfinite(got) and abs(got - want.value) <= 1e-3 * want.size):
            deviating[t] = Measured(got, want, torch.float64, lambda *_, want=want: want)
    if not deviating:
        return count > 0, [], count
    worst = max(deviating, key=lambda t: deviating[t].error / deviating[t].want.size)
    m = deviating[worst]
    says = (f"the loss weight is not the one claimed ({implementation.loss}, on "
            f"{implementation.predicts})")
    return True, [Finding("loss_weight", Class.CONTRADICTS, "loss weight", says, f"t={worst}",
                          "DDPM (12), (14)", "compare with reference.loss_weight", m.got,
                          m.want.value, len(deviating), count,
                          context=(implementation, None))], count


def chain_findings(implementation: Implementation) -> Result:
    """The faults of all chains, one finding for each kind of fault."""
    faults, failures, examined = chains.check(implementation)
    found = []
    for key in chains.SAYS:
        group = [f for f in faults if f.key == key]
        if group:
            found.append(_chain(implementation, key, group, examined))
    for kind in sorted({failure.kind for _, failure in failures}):
        steps, failure = next((s, f) for s, f in failures if f.kind == kind)
        count = sum(f.kind == kind for _, f in failures)
        found.append(Finding(f"chain.{kind}", Class.BROKEN, "chain", failure.says, f"S={steps}",
                             "DDIM section 4.2", MENDS.get(kind, ""), places=count, of=examined,
                             context=(implementation, None)))
    return examined > 0, found, examined


def _chain(
    implementation: Implementation, key: str, group: list[chains.Fault], examined: int
) -> Finding:
    worst = max(group, key=lambda f: abs((f.got or 0) - (f.want or 0)))
    only_some = len(group) < examined and key not in ("start", "end", "type")
    kind = Class.BROKEN if only_some else Class.CONTRADICTS
    if key == "fraction":
        kind = Class.CONVENTION
    says = f"{chains.SAYS[key]}{f' ({worst.detail})' if worst.detail else ''}"
    values = sorted({f.steps for f in group})
    where = f"S={worst.steps}; {_spans(values)}"
    return Finding(f"chain.{key}", kind, "chain", says, where, "DDIM section 4.2, app. D.2",
                   chains.MENDS[key], worst.got, worst.want, len(group), examined,
                   context=(implementation, worst.steps))


def _spans(values: Iterable[int]) -> str:
    """Sorted integers as spans, the first three: S = 2-9, 11, 13-..."""
    spans: list[list[int]] = []
    for value in values:
        if spans and value == spans[-1][1] + 1:
            spans[-1][1] = value
        else:
            spans.append([value, value])
    shown = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans[:3])
    return f"all S = {shown}{', ...' if len(spans) > 3 else ''}"


def _broken(key: str, failure: Failure, what: str) -> Finding:
    part = "tables" if key.startswith("tables") else key
    return Finding(f"{key}.{failure.kind}", Class.BROKEN, part, f"{what}: {failure.says}", "",
                   "", MENDS.get(failure.kind, ""))
