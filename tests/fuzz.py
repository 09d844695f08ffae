"""`nox -s fuzz -- --minutes 60`: every property once more, with examples nobody has seen.

Four kinds of work take turns until the time is up, each with a fresh seed every time:

    comparison   an entry of audit/comparisons that draws examples: the subject must be accepted,
                 and every wrong variant rejected
    property     a Hypothesis test of tests/, under the profile `fuzz`
    malformed    a broken copy of a file, given to its reader; tests/support/malformed.py
    adapter      an adapter that answers with anything, examined; tests/support/malformed_adapter.py

A failure is kept for ever as tests/fuzz_findings/<name>.toml, which says how to repeat it, and is
tried again first by every later run; add it to the source as an explicit example, mend the cause,
then delete the file.  Exit status 1 where anything failed, old findings included.
"""

import argparse
import hashlib
import json
import random
import re
import subprocess
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from audit import comparisons
from audit.comparison import COMPARISONS, Bench, Comparison, Mismatch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
FINDINGS = ROOT / "tests" / "fuzz_findings"
EXAMPLES = 200  # a comparison and round; verify takes 40


@dataclass(frozen=True)
class Outcome:
    """One piece of work: how many examples it tried, and what failed ("" for nothing)."""

    tried: int
    failure: str = ""


def fuzz_comparison(comparison: Comparison, seed: int) -> Outcome:
    """Accept the subject and reject each wrong variant, on the examples of this seed."""
    bench = Bench(("cpu",), EXAMPLES, seed=seed)
    try:
        comparison.run(bench, comparison.subject)
    except Exception as error:  # noqa: BLE001 - whatever it is, the comparison did not succeed
        notes = "\n".join(getattr(error, "__notes__", ()))
        return Outcome(bench.ran, f"{type(error).__name__}: {error}\n{notes}".strip())
    for name, variant in comparison.wrong.items():
        try:
            comparison.run(Bench(("cpu",), EXAMPLES, shrink=False, seed=seed), variant)
        except Mismatch:
            continue
        except Exception as error:  # noqa: BLE001 - an error is no rejection
            return Outcome(bench.ran, f"wrong variant {name!r}: {type(error).__name__}: {error}")
        return Outcome(bench.ran, f"wrong variant {name!r} was accepted")
    return Outcome(bench.ran)


def fuzz_property(test_id: str, seed: int) -> Outcome:
    """Run Hypothesis tests in a process of their own; `tests` stands for all of them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "hypothesis", "--hypothesis-profile=fuzz",
         f"--hypothesis-seed={seed}", "--hypothesis-show-statistics", test_id],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )
    tried = sum(map(int, re.findall(r"- (\d+) passing, ", done.stdout)))
    return Outcome(tried, "" if done.returncode == 0 else done.stdout[-6000:] + done.stderr[-1000:])


def fuzz_malformed(name: str, seed: int) -> Outcome:
    """Break the file of one reader in 100 ways."""
    import malformed

    generator, reader = random.Random(seed), malformed.READERS[name]
    for tried in range(100):
        state = generator.getstate()
        try:
            malformed.attack(reader, generator)
        except Exception as error:  # noqa: BLE001 - any error but the documented ones
            generator.setstate(state)
            broken = malformed.broken(reader, generator)
            shown = broken if len(broken) <= 2000 else broken[:1000] + b" ... " + broken[-900:]
            return Outcome(tried, f"{type(error).__name__}: {error}\nfile: {shown!r}")
    return Outcome(100)


def fuzz_adapter(_: str, seed: int) -> Outcome:
    """Examine ten adapters that misbehave: each becomes findings or a refusal, and no error."""
    import malformed_adapter

    generator = random.Random(seed)
    for tried in range(10):
        try:
            malformed_adapter.attack(generator)
        except Exception as error:  # noqa: BLE001 - the kit must never raise what an adapter does
            return Outcome(tried, f"adapter {tried}: {type(error).__name__}: {error}")
    return Outcome(10)


def comparison_named(name: str) -> Comparison:
    """The comparison `module.function@claim`."""
    for entries in COMPARISONS.values():
        for comparison in entries:
            if label(comparison) == name:
                return comparison
    raise ValueError(f"name must be a registered comparison; got {name!r}")


def label(comparison: Comparison) -> str:
    """What names a comparison for good."""
    module = comparison.run.__module__.removeprefix("audit.comparisons.")
    return f"{module}.{comparison.run.__name__}@{comparison.claim}"


def perform(kind: str, name: str, seed: int) -> Outcome:
    """One piece of work by its name, as a finding states it."""
    if kind == "comparison":
        return fuzz_comparison(comparison_named(name), seed)
    return {"property": fuzz_property, "malformed": fuzz_malformed,
            "adapter": fuzz_adapter}[kind](name, seed)


def drawing() -> list[str]:
    """The comparisons that draw examples; one run of each tells."""
    found: dict[tuple, str] = {}
    for entries in COMPARISONS.values():
        for comparison in entries:
            bench = Bench(("cpu",), 2, seed=0)
            try:
                comparison.run(bench, comparison.subject)
            except Exception:  # noqa: BLE001 - two examples may be too few; fuzzing will tell
                bench.ran = 1
            if bench.ran:  # once for the same function under several claims
                found.setdefault((comparison.run, id(comparison.subject)), label(comparison))
    return list(found.values())


def keep(kind: str, name: str, seed: int, failure: str, folder: Path = FINDINGS) -> Path:
    """Write a finding where later runs find it; the same one is written once."""
    folder.mkdir(exist_ok=True)
    key = hashlib.sha256(f"{kind} {name} {seed}".encode()).hexdigest()[:12]
    path = folder / f"{kind}-{key}.toml"
    text = {"kind": kind, "name": name, "seed": seed, "failure": failure}
    # A JSON text is a TOML value too, but for the delete character.
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in text.items()]
    path.write_text("".join(lines).replace("\x7f", "\\u007f"), encoding="utf-8")
    return path


def replay(folder: Path = FINDINGS) -> list[tuple[str, str, str]]:
    """Try every kept failure again; what still fails."""
    still = []
    for path in sorted(folder.glob("*.toml")):
        finding = tomllib.loads(path.read_text(encoding="utf-8"))
        outcome = perform(finding["kind"], finding["name"], finding["seed"])
        if outcome.failure:
            still.append((finding["kind"], finding["name"], outcome.failure))
    return still


def main() -> int:
    """Fuzz until the time is up; 1 where anything failed."""
    import malformed

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default 10)")
    parser.add_argument("--seed", type=int, help="first seed, to repeat a run; fresh by default")
    options = parser.parse_args()
    torch.set_num_threads(1)
    comparisons.load()
    out = Console(width=100, highlight=False)
    end = time.monotonic() + 60 * options.minutes
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(48)
    seeds = random.Random(seed)
    out.print(f"first seed {seed}")
    failures = replay()
    out.print(f"kept failures: {len(list(FINDINGS.glob('*.toml')))}, still failing {len(failures)}")
    work = [("property", "tests")] + [("comparison", name) for name in drawing()]
    work += [("malformed", name) for name in malformed.READERS] + [("adapter", "erratic")]
    runs, tried, failed = Counter(), Counter(), Counter()
    told, rounds = time.monotonic(), 0
    while time.monotonic() < end:
        seeds.shuffle(work)
        for kind, name in work:
            if time.monotonic() >= end:
                break
            fresh = seeds.getrandbits(48)
            outcome = perform(kind, name, fresh)
            runs[kind] += 1
            tried[kind] += outcome.tried
            if outcome.failure:
                failed[kind] += 1
                path = keep(kind, name, fresh, outcome.failure)
                failures.append((kind, name, outcome.failure))
                out.print(f"FAILED {kind} {name}: kept as {path.name}")
            if time.monotonic() - told > 60:
                told = time.monotonic()
                out.print(f"{(end - told) / 60:.0f} min left, round {rounds + 1}: "
                          f"{sum(tried.values())} examples, {sum(failed.values())} failures")
        rounds += 1
    table = Table("kind", "subjects", "runs", "examples", "failures")
    for kind, subjects in Counter(kind for kind, _ in work).items():
        table.add_row(kind, *(str(n) for n in (subjects, runs[kind], tried[kind], failed[kind])))
    out.print(table)
    for kind, name, failure in failures:
        out.print(f"{kind} {name}\n{failure[:1000]}\n", markup=False)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
