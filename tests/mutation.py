"""Break it and see: change one operator, constant, sign or root, and verify must notice.

    nox -s mutation                          30 mutants drawn from core and derivations
    nox -s mutation -- core/kl.py            every mutant of one file
    nox -s mutation -- --count 100 --seed 7  a larger draw

Each mutant is written into a copy of the rooms, and ``verify`` is run on the claims that rest on
the file: those that name it in ``code`` (core), or that it holds or serves (derivations).  A mutant
survives where verify still ends with status 0.  Negative controls, witnesses and the points of
counterexamples are left alone: another wrong variant is as good as the first.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("audit", "core", "derivations")
TIME_LIMIT_SECONDS = 300
SKIPPED_KEYWORDS = {"wrong", "at", "witness", "points", "lines", "depends_on", "supplied_by",
                    "radius", "sources", "code"}
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}


@dataclass(frozen=True)
class Mutant:
    """One changed place in one file."""

    path: Path
    line: int
    change: str
    source: str


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Child nodes in which a change must be noticed."""
    if isinstance(node, ast.FunctionDef):
        # Decorators are prose and metadata, except the assumptions, which the proof repeats.
        yield from node.body
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.keyword) and child.arg in SKIPPED_KEYWORDS:
            continue
        if isinstance(child, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            continue
        # Validators are the tests' part: verify looks at what is computed.
        if isinstance(child, ast.Call) and _name(child).startswith("require"):
            continue
        yield child


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in _children(node):
        yield from _walk(child)


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The node with one thing changed, and what was changed."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        new = copy.deepcopy(node)
        new.op = OPERATORS[type(node.op)]()
        yield f"{type(node.op).__name__} -> {type(new.op).__name__}", new
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        new = copy.deepcopy(node)
        new.ops[0] = OPERATORS[type(node.ops[0])]()
        yield f"{type(node.ops[0]).__name__} -> {type(new.ops[0]).__name__}", new
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "minus sign dropped", copy.deepcopy(node.operand)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        for value in (node.value + 1, node.value - 1):
            yield f"{node.value} -> {value}", ast.Constant(value)
    if isinstance(node, ast.Call):
        if _name(node) == "sqrt":
            inner = node.func.value if isinstance(node.func, ast.Attribute) and not node.args \
                else node.args[0]
            yield "root dropped", copy.deepcopy(inner)


def mutants(path: Path) -> list[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for parent in _walk(tree):
        for child in _children(parent):
            for change, new in _changes(child):
                source = ast.unparse(_with(tree, child, new))
                found.append(Mutant(path.relative_to(ROOT), child.lineno, change, source))
    return found


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else super().generic_visit(node)


def _with(tree: ast.Module, old: ast.AST, new: ast.AST) -> ast.Module:
    # The original nodes are shared, so the replacement is undone by replacing back.
    swapped = _Replace(old, new).visit(tree)
    source = ast.parse(ast.unparse(ast.fix_missing_locations(swapped)))
    _Replace(new, old).visit(tree)
    return source


def claims_for(path: Path) -> list[str]:
    """The claims that a change of this file must disturb: those that it holds, or, for a file
    that holds none, those of the modules that import it.
    """
    from derivations import ledger

    module = ".".join(path.with_suffix("").parts)
    claims = ledger.load().values()
    if path.parts[0] == "core":
        return [c.id for c in claims if any(n.startswith(f"{module}.") for n in c.code)]
    own = [c.id for c in claims if c.module == module]
    return own or [c.id for c in claims if _imports(c.module, module)]


def _imports(importer: str, module: str) -> bool:
    """Whether a ledger module names another one in an import."""
    tree = ast.parse((ROOT / (importer.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
    return any(isinstance(n, ast.ImportFrom) and n.module == module for n in ast.walk(tree))


def survives(mutant: Mutant, claims: list[str]) -> bool:
    """Whether verify, run on the mutant, still ends with status 0."""
    with tempfile.TemporaryDirectory() as folder:
        for room in ROOMS:
            shutil.copytree(ROOT / room, Path(folder) / room,
                            ignore=shutil.ignore_patterns("__pycache__"))
        (Path(folder) / mutant.path).write_text(mutant.source, encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-m", "audit", "verify", "--device", "cpu", *claims],
                cwd=folder, env={**os.environ, "PYTHONPATH": folder, "PYTHONSAFEPATH": ""},
                capture_output=True, timeout=TIME_LIMIT_SECONDS, check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def default_files() -> list[Path]:
    """Files with formulas: all of core but its validators, and every ledger module."""
    from derivations import ledger

    ledger_modules = {c.module for c in ledger.load().values()}
    files = [p for p in sorted((ROOT / "core").glob("*.py"))
             if p.name not in ("__init__.py", "checks.py")]
    return files + [ROOT / (m.replace(".", "/") + ".py") for m in sorted(ledger_modules)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--count", type=int, help="mutants to draw (default: 30, all of FILES)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    files = [f.resolve() for f in options.files] or default_files()
    drawn = [m for f in files for m in mutants(f)]
    count = options.count or (len(drawn) if options.files else 30)
    random.Random(options.seed).shuffle(drawn)
    drawn = sorted(drawn[:count], key=lambda m: (str(m.path), m.line))
    claims = {path: claims_for(path) for path in {m.path for m in drawn}}
    covered = [m for m in drawn if claims[m.path]]

    out = Console(width=100, highlight=False)
    out.print(f"{len(covered)} mutants of {len(claims)} files")
    # Each verify runs two workers of its own; two at once keep small machines busy.
    survivors = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        fates = pool.map(lambda m: survives(m, claims[m.path]), covered)
        bar = track(fates, total=len(covered), description="mutants", console=out,
                    disable=not out.is_terminal)
        for done, (mutant, survived) in enumerate(zip(covered, bar, strict=True), start=1):
            if survived:
                survivors.append(mutant)
                out.print(f"survived: {mutant.path}:{mutant.line}: {mutant.change}")
            if done % 10 == 0 and not out.is_terminal:
                out.print(f"{done} of {len(covered)} mutants")
    for path in sorted(set(claims) - {m.path for m in covered}):
        out.print(f"no claim rests on {path}")
    out.print(f"{len(covered) - len(survivors)} of {len(covered)} mutants killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
