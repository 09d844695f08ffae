"""Test modules are changed as they are imported, so that vacuous tests can be told from real ones.

After each statement that could have failed (an assert, a `pytest.raises` or `warns` block, a call
of a foreign `assert_...` or `expect`) stands a call that counts it.  Comparisons of tensors and
arrays go through `comparing`, which refuses shapes that broadcast and NaN held equal to NaN.

Functions of the test modules themselves need no name: what they assert is counted inside them.
"""

import ast
import builtins

from comparing import approximately, close, compared

BLOCKS = ("body", "orelse", "finalbody")
EXPECTING = {"raises", "warns", "deprecated_call", "RaisesGroup"}
CLOSENESS = {
    "allclose", "isclose", "assert_allclose", "assert_close", "array_equal", "assert_array_equal",
    "assert_equal", "assert_almost_equal", "assert_array_almost_equal", "assert_array_less",
}
DISTANCES = {"abs", "absolute", "norm", "square"}
OPERATORS = {ast.Eq: "==", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}

_count = 0


def reached():
    """Count one statement that could have failed, and did not."""
    global _count
    _count += 1


def count():
    """How many such statements have been passed in this process."""
    return _count


builtins.__reached__ = reached  # under these names in the changed modules
builtins.__compared__ = compared
builtins.__close__ = close
builtins.__approximately__ = approximately


def called(node):
    """The last part of the name that a call uses."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _call(name, arguments, keywords=()):
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), list(keywords))


class _Change(ast.NodeTransformer):
    def __init__(self, tree):
        self.own = {node.name for node in ast.walk(tree)
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}

    def generic_visit(self, node):
        super().generic_visit(node)
        for name in BLOCKS:
            block = getattr(node, name, None)
            if isinstance(block, list):
                setattr(node, name, [new for old in block for new in self._counted(old)])
        return node

    def _counted(self, statement):
        yield statement
        if self._can_fail(statement):
            yield ast.copy_location(ast.Expr(_call("__reached__", ())), statement)

    def _can_fail(self, statement):
        if isinstance(statement, ast.Assert):
            return True
        if isinstance(statement, ast.With):
            parts = [item.context_expr for item in statement.items]
        elif isinstance(statement, ast.Expr | ast.Assign):
            parts = [statement.value]
        else:
            return False
        calls = (n for part in parts for n in ast.walk(part) if isinstance(n, ast.Call))
        return any(self._asserts(call) for call in calls)

    def _asserts(self, call):
        name = called(call)
        if name == "__close__":  # a closeness that returns a bool asserts nothing by itself
            name = getattr(call.args[0], "attr", getattr(call.args[0], "id", ""))
        if isinstance(call.func, ast.Name) and name in self.own:
            return False
        return name in EXPECTING or name.startswith(("assert", "expect"))

    def visit_Call(self, node):
        self.generic_visit(node)
        name, function = called(node), node.func
        if name == "approx":
            function = _call("__approximately__", node.args, node.keywords)
        elif name in CLOSENESS and name not in self.own and not _method(function):
            function = _call("__close__", [function, *node.args], node.keywords)
        elif name == "all" or (name in DISTANCES and not _along_an_axis(node)):
            if isinstance(function, ast.Attribute):
                function.value = _operated(name, function.value)
            if node.args:
                node.args[0] = _operated(name, node.args[0])
            return node
        else:
            return node
        return ast.copy_location(function, node)


def _method(function):
    """x.allclose(y) has its first operand before the dot; torch.allclose(x, y) has a module."""
    return not (isinstance(function, ast.Name) or _modules(function.value))


def _along_an_axis(node):
    """The norm of each row of a difference: that is a distance to a point, not a comparison."""
    return any(keyword.arg in ("dim", "axis") for keyword in node.keywords)


def _modules(node):
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in {"torch", "np", "numpy", "math", "testing"}


def _operated(name, node):
    """`a == b` under .all(), or `a - b` under a distance, with its shapes compared."""
    if name == "all" and isinstance(node, ast.Compare) and len(node.ops) == 1:
        sign, operands = OPERATORS.get(type(node.ops[0])), [node.left, node.comparators[0]]
    elif name in DISTANCES and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        sign, operands = "-", [node.left, node.right]
    else:
        sign, operands = None, []
    if sign is None:
        return node
    return ast.copy_location(_call("__compared__", [ast.Constant(sign), *operands]), node)


def instrument(tree):
    """Change the syntax tree of a test module in place."""
    _Change(tree).visit(tree)
    ast.fix_missing_locations(tree)
