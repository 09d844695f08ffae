"""Running claims: every check, every control, every comparison, in parallel worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import forkserver, resource_tracker

from audit.evidence import Control, Evidence
from audit.status import Record
from derivations.claim import Check, Claim, Decision, Outcome
from derivations.second import opinions

# A claim should take 5 s at most; verify prints the slowest.  This bound only ends a hang.
HANG_SECONDS = 120


@dataclass(frozen=True)
class Effort:
    """How hard a run looks: drawn examples, bits of the balls, and the devices core runs on."""

    examples: int = 40
    points: int = 12
    bits: int = 160
    devices: tuple[str, ...] = ("cpu",)


DEEP = {"examples": 1000, "points": 200, "bits": 640}


def _decide(check: Check, statement: object) -> Decision:
    try:
        return check.decide(statement)
    except Exception as error:  # noqa: BLE001 - a checker that breaks has decided nothing
        return Decision(Outcome.UNKNOWN, f"{type(error).__name__}: {error}")


def _hangs(*_: object) -> None:
    raise TimeoutError(f"not decided within {HANG_SECONDS} s")


def run_check(claim: str, check: Check) -> tuple[Evidence, list[Control]]:
    """Decide the statement of one step, and then each of its wrong variants."""
    start = time.perf_counter()
    decision = _decide(check, check.statement)
    evidence = Evidence(
        claim, check.kind, check.grade, check.role, decision.outcome is Outcome.PROVED,
        time.perf_counter() - start, check.reason, decision.detail,
    )
    controls = []
    if not check.wrong:
        controls.append(Control(claim, "a wrong variant is stated", False, check.reason))
    for name, variant in check.wrong.items():
        found = _decide(check, variant)
        controls.append(Control(claim, name, found.outcome is Outcome.REFUTED, found.detail))
    return evidence, controls


def run_claim(claim: Claim, effort: Effort) -> Record:
    """All evidence about one claim: proof, identities at points, comparisons, second opinions."""
    from audit import identities
    from audit.comparison import COMPARISONS, run_comparison

    start = time.perf_counter()
    evidence: list[Evidence] = []
    controls: list[Control] = []
    not_run: list[str] = []

    def keep(found: tuple[Evidence, list[Control]]) -> None:
        evidence.append(found[0])
        controls.extend(replace(control, step=len(evidence)) for control in found[1])

    try:
        for check in claim.proof():
            keep(run_check(claim.id, check))
            if check.kind == "normal form":
                keep(identities.examine(claim.id, check, effort.points))
    except Exception as error:  # noqa: BLE001 - a proof that cannot be built is no proof
        controls.append(Control(
            claim.id, "the proof can be stated", False, f"{type(error).__name__}: {error}"
        ))
    for comparison in COMPARISONS.get(claim.id, ()):
        keep(run_comparison(comparison, effort.devices, effort.examples))
    # Last, so that the numbers of the other steps do not depend on which engines are installed.
    for check in opinions.checks(claim.id):
        if reason := opinions.missing(check.kind):
            not_run.append(f"{check.kind}: {reason}")
        else:
            keep(run_check(claim.id, check))
    return Record(
        claim.id, claim.decide_witness(), tuple(evidence), tuple(controls),
        time.perf_counter() - start, tuple(not_run),
    )


# -- workers -------------------------------------------------------------------------------

_ledger: dict[str, Claim] = {}
_effort = Effort()


def _prepare(effort: Effort) -> None:
    global _ledger, _effort
    # Ctrl-C is the parent's to handle: a worker that dies of it would print a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    from audit import comparisons
    from derivations import ledger
    from derivations.prover import balls

    torch.set_num_threads(1)
    balls.BITS = effort.bits
    _ledger, _effort = ledger.load(), effort
    comparisons.load()


def _run_all(ids: list[str]) -> list[Record]:
    return [_run(id) for id in ids]


def _run(id: str) -> Record:
    signal.signal(signal.SIGALRM, _hangs)
    signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
    try:
        return run_claim(_ledger[id], _effort)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def run(
    ids: Iterable[str], effort: Effort, progress: Callable[[Record], None]
) -> dict[str, Record]:
    """Run these claims on all cores; ``progress`` is called as each one finishes."""
    ids = list(ids)
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if context.get_start_method() == "forkserver":
        context.set_forkserver_preload(["audit.preload"])
        # Started deaf to Ctrl-C, which the parent answers for all: the server would otherwise
        # print a traceback from the middle of its imports.  Blocked, not ignored: the parent still
        # gets a signal that arrives meanwhile.
        # The tracker goes first, because starting it unblocks the signal again.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        forkserver.ensure_running()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    workers = min(len(ids), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
                  else os.cpu_count() or 1)
    pool = ProcessPoolExecutor(
        max(workers, 1), mp_context=context, initializer=_prepare, initargs=(effort,)
    )
    try:
        records = dict(_collect(pool, ids, progress))
    except BaseException:
        _abandon(pool)
        raise
    pool.shutdown()
    return {id: records[id] for id in ids}


def _abandon(pool: ProcessPoolExecutor) -> None:
    """End all workers at once, and the server first: it may still be about to start some, which
    would then complain of a parent that is gone.  The library has no public way to do this.
    """
    server = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if server is not None:
        os.kill(server, signal.SIGKILL)
    for process in list((pool._processes or {}).values()):
        process.terminate()
    pool.shutdown(wait=False, cancel_futures=True)


def _collect(
    pool: ProcessPoolExecutor, ids: list[str], progress: Callable[[Record], None]
) -> Iterator[tuple[str, Record]]:
    waiting = [pool.submit(_run_all, group) for group in opinions.together(ids)]
    for future in as_completed(waiting):
        for record in future.result():
            progress(record)
            yield record.claim, record
