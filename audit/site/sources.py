"""The pages of source that claims point to: core's functions and the modules of the proofs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Source:
    """One module: its text with a mark at every place that a page links to."""

    module: str
    text: Markup
    marks: frozenset[str]


def _path(root: Path, module: str) -> Path:
    return root / Path(*module.split(".")).with_suffix(".py")


def mark(text: str, lines: Mapping[int, str]) -> Markup:
    """The text with an anchor before each of these lines."""
    parts = []
    for number, line in enumerate(text.splitlines(), 1):
        if number in lines:
            parts.append(f'<span id="{escape(lines[number])}">{escape(line)}</span>')
        else:
            parts.append(str(escape(line)))
    return Markup("\n".join(parts) + "\n")


def functions(text: str) -> dict[int, str]:
    """The line of every function, class and method of a module, by qualified name."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.lineno] = node.name
        if isinstance(node, ast.ClassDef):
            found |= {method.lineno: f"{node.name}.{method.name}" for method in node.body
                      if isinstance(method, ast.FunctionDef)}
    return found


def split(root: Path, name: str) -> tuple[str, str]:
    """A dotted name as its module, the longest part that is a file, and what it names in it."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        if _path(root, ".".join(parts[:cut])).is_file():
            return ".".join(parts[:cut]), ".".join(parts[cut:])
    return name.rpartition(".")[0], parts[-1]


def claims(text: str) -> dict[int, str]:
    """The line of every ``@claim("id")``, by id."""
    found: dict[int, str] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if (isinstance(decorator, ast.Call)
                        and getattr(decorator.func, "id", "") == "claim" and decorator.args
                        and isinstance(decorator.args[0], ast.Constant)):
                    found[decorator.lineno] = str(decorator.args[0].value)
    return found


def read(root: Path, modules: Iterable[str]) -> dict[str, Source]:
    """The modules that exist, marked: functions in core, claims in derivations."""
    found = {}
    for module in sorted(set(modules)):
        path = _path(root, module)
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            marks = claims(text) if module.startswith("derivations.") else functions(text)
            found[module] = Source(module, mark(text, marks), frozenset(marks.values()))
    return found


def link(sources: Mapping[str, Source], module: str, name: str) -> str | None:
    """Where a name is shown; the top of its module where it has no mark; None where neither is."""
    if module not in sources:
        return None
    return f"source/{module}.html" + (f"#{name}" if name in sources[module].marks else "")
