"""Mutants: one place of one file changed, as text, so that all other lines keep their numbers.

Changed are operators, constants, signs, roots and squares, the order of arguments, factors and
terms, timesteps by one, comparisons, and names that are easily taken for each other.  Left alone
are docstrings, messages, annotations, validators and `strict` of zip, which is one, and in
derivations also what is prose or arbitrary: decorators, wrong variants, witnesses, the points of
counterexamples.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

ARBITRARY = {"wrong", "at", "witness", "points", "lines", "depends_on", "supplied_by", "radius",
             "sources", "code"}
OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,),
    ast.Pow: (ast.Mult,), ast.FloorDiv: (ast.Div,), ast.Mod: (ast.FloorDiv,),
}
COMPARISONS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}
# What stands for what, as the name of a function, an attribute, a keyword or a variable.
CONFUSED = {
    "min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum",
    "clamp_min": "clamp_max", "clamp_max": "clamp_min",
    "sin": "cos", "cos": "sin", "exp": "expm1", "expm1": "exp", "log": "log1p", "log1p": "log",
    "rsqrt": "sqrt", "cumprod": "cumsum", "cumsum": "cumprod", "sum": "mean", "mean": "sum",
    "ceil": "floor", "floor": "ceil", "Min": "Max", "Max": "Min",
    "beta_tilde": "beta", "beta": "beta_tilde", "alpha": "alpha_bar", "alpha_bar": "alpha",
    "one_minus_alpha_bar": "alpha_bar", "s": "t",
    "alpha_bar_s": "alpha_bar_t", "alpha_bar_t": "alpha_bar_s",
    "one_minus_alpha_bar_s": "one_minus_alpha_bar_t",
    "one_minus_alpha_bar_t": "one_minus_alpha_bar_s",
    "one_minus_s": "one_minus_t", "one_minus_t": "one_minus_s",
    "ratio": "one_minus_ratio", "one_minus_ratio": "ratio",
}
SQUARED = {"eta", "sigma", "std"}
ROOTS = {"sqrt", "square", "abs"}
# Calls whose first two arguments may change places, or that would only fail to run.
NOT_SWAPPED = {"isinstance", "hasattr", "getattr", "zip", "replace", "super", "min", "max", "Min",
               "Max", "minimum", "maximum", "logaddexp", "promote_types", "gcd", "allclose",
               "equal"}


@dataclass(frozen=True)
class Mutant:
    """One change: bytes ``start`` to ``end`` of ``original`` replaced."""

    path: str
    line: int
    text: str
    change: str
    start: int
    end: int
    replacement: str
    original: str

    @cached_property
    def source(self) -> str:
        """The whole file with the change."""
        data = self.original.encode()
        return b"".join((data[:self.start], self.replacement.encode(), data[self.end:])).decode()


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _validates(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name(node).startswith("require")


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _children(node: ast.AST, proof: bool) -> Iterator[ast.AST]:
    """Child nodes in which a change must be noticed."""
    if isinstance(node, ast.FunctionDef):
        if not proof:
            yield from node.args.defaults
            yield from (d for d in node.args.kw_defaults if d is not None)
        yield from node.body
        return
    if isinstance(node, ast.ClassDef):
        yield from node.body
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.AnnAssign) and child is node.annotation:
            continue
        if isinstance(child, ast.keyword) and (
                child.arg == "strict" or (proof and child.arg in ARBITRARY)):
            continue
        if isinstance(child, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            continue
        if proof and isinstance(child, ast.Call) and _name(child) == "token":
            continue  # a quotation and its line; only the document itself can say
        if _validates(child) or _is_docstring(child) or isinstance(child, ast.arguments):
            continue
        yield child


def _walk(node: ast.AST, proof: bool) -> Iterator[ast.AST]:
    for child in _children(node, proof):
        yield child
        yield from _walk(child, proof)


def _with(node: ast.AST, **fields: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _binary(node: ast.BinOp) -> Iterator[ast.AST]:
    for other in OPERATORS.get(type(node.op), ()):
        yield _with(node, op=other())
    if isinstance(node.op, ast.Mult | ast.Div | ast.Add | ast.Sub | ast.Pow):
        yield node.left
    if isinstance(node.op, ast.Mult | ast.Add):
        yield node.right
    if isinstance(node.op, ast.Div | ast.Sub | ast.Pow):
        yield _with(node, left=node.right, right=node.left)


def _call(node: ast.Call) -> Iterator[ast.AST]:
    name = _name(node)
    if name in ROOTS:
        method = isinstance(node.func, ast.Attribute) and not node.args
        if method or node.args:
            yield node.func.value if method else node.args[0]
    if len(node.args) >= 2 and name not in NOT_SWAPPED and not any(
            isinstance(a, ast.Starred | ast.JoinedStr)
            or (isinstance(a, ast.Constant) and isinstance(a.value, str)) for a in node.args[:2]):
        yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
    renamed = [_with(k, arg=CONFUSED[k.arg]) if k.arg in ("min", "max") else k
               for k in node.keywords]
    if any(a is not b for a, b in zip(renamed, node.keywords, strict=True)):
        yield _with(node, keywords=renamed)


def _constant(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield from (ast.Constant(v) for v in (value + 1, value - 1) if v != value)


def _variants(node: ast.AST, known: set[str]) -> Iterator[ast.AST]:
    """The node with one thing changed."""
    match node:
        case ast.BinOp():
            yield from _binary(node)
        case ast.Compare(ops=[op, *rest]) if type(op) in COMPARISONS:
            yield _with(node, ops=[COMPARISONS[type(op)](), *rest])
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield operand
        case ast.BoolOp(op=op):
            yield _with(node, op=ast.And() if isinstance(op, ast.Or) else ast.Or())
        case ast.Constant(value=value):
            yield from _constant(value)
        case ast.Call():
            yield from _call(node)
        case ast.Subscript(slice=ast.Name(id="t" | "s" | "n")):
            for op in (ast.Add(), ast.Sub()):
                yield _with(node, slice=ast.BinOp(node.slice, op, ast.Constant(1)))
        case ast.Name(id=name, ctx=ast.Load()):
            if name in SQUARED:
                yield ast.BinOp(node, ast.Pow(), ast.Constant(2))
            if CONFUSED.get(name) in known:
                yield ast.Name(CONFUSED[name], ast.Load())
        case ast.Attribute(attr=name, ctx=ast.Load()) if name in CONFUSED:
            yield _with(node, attr=CONFUSED[name])


def _text(node: ast.AST) -> str:
    text = ast.unparse(ast.fix_missing_locations(copy.deepcopy(node)))
    atom = isinstance(node, ast.Name | ast.Constant | ast.Call | ast.Attribute | ast.Subscript)
    return text if atom and not text.startswith("-") else f"({text})"


def mutants(path: str, source: str) -> list[Mutant]:
    """Every mutant of a file in the order of its lines; no two give the same text."""
    proof = not path.startswith("core/")
    tree, lines = ast.parse(source), source.splitlines()
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | {"min", "max"} | {
        n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    found: list[Mutant] = []
    seen: set[tuple[int, int, str]] = set()
    times: Counter[tuple[str, str]] = Counter()
    for node in _walk(tree, proof):
        if not isinstance(node, ast.expr):
            continue
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = ast.unparse(node)
        for new in _variants(node, names):
            replacement = _text(new)
            mutant = Mutant(path, node.lineno, lines[node.lineno - 1].strip(),
                            f"{before} -> {replacement}", start, end, replacement, source)
            if (start, end, replacement) in seen or replacement in (before, f"({before})"):
                continue
            seen.add((start, end, replacement))
            # The same change of the same text elsewhere gets a number, so that each has a name.
            times[mutant.text, mutant.change] += 1
            if (count := times[mutant.text, mutant.change]) > 1:
                mutant = Mutant(**{**_fields(mutant), "change": f"{mutant.change} #{count}"})
            found.append(mutant)
    return sorted(found, key=lambda m: (m.line, m.start, m.end))


def _fields(mutant: Mutant) -> dict[str, object]:
    return {name: getattr(mutant, name) for name in Mutant.__dataclass_fields__}
