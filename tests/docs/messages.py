"""The messages that a user can meet, collected from the source: those of errors, of warnings and of the command line.

A field of an f-string becomes `…`. A message that can be worded in several ways counts in
each of them. `%d` and its like stay as they are.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIELD = "…"

SAYING = re.compile(r"complain|warn|warning|_end|\w*(Error|Exception|Failed|BadParameter)")
"""Functions and classes whose first argument is a message: errors, warnings, and what the command line says."""

PAGE_SAYING = re.compile(r'(?:(?<=trouble[.]textContent = ")|(?<=<p class="notice">))[^"<$]+')
"""What the page of a report complains of."""

WORDED = ("doubts", "_error")
"""Functions that return a message, which another function says."""

DEPTH = 3
"""How far names and functions are followed. A name may be defined by itself, such as `text = text.strip()`."""


def messages(root: Path = ROOT) -> dict[str, set[str]]:
    """The messages, each with the files that say it.

    Args:
        root: of the repository.
    """
    found: dict[str, set[str]] = {}
    for path in sorted([*root.glob("imap_fast/**/*.py"), *root.glob("kernels/imap_kernels/**/*.py")]):
        place = path.relative_to(root).as_posix()
        for message in _Module(path.read_text("utf-8")).messages():
            found.setdefault(message, set()).add(place)
    for path in sorted(root.glob("imap_fast/report/page/*")):
        for message in PAGE_SAYING.findall(path.read_text("utf-8")):
            found.setdefault(message, set()).add(path.relative_to(root).as_posix())
    return found


class _Module:
    """A file, and what its names and functions give."""

    def __init__(self, source: str) -> None:
        self.tree = ast.parse(source)
        functions = [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)]
        self.constants = _values(self.tree.body)
        self.returned = {
            f"{function.name}()": [
                node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value
            ]
            for function in functions
        }
        inner = {node for function in functions for node in ast.walk(function) if node is not function}
        self.outer = [function for function in functions if function not in inner]

    def messages(self) -> Iterator[str]:
        for function in self.outer:
            known = self.constants | self.returned | _values(ast.walk(function))
            for node in ast.walk(function):
                for expression in _said(node, function.name):
                    for form in _forms(expression, known):
                        message = " ".join(re.sub(f"{FIELD}+", FIELD, form).split())
                        if re.search(r"\w", message):  # not only what another one said
                            yield message


def _values(nodes: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    """The values that are given to names, with what is added to them."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.NamedExpr):
            found.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            before = found.get(node.target.id, [])[:1]
            found.setdefault(node.target.id, []).extend(ast.BinOp(value, ast.Add(), node.value) for value in before)
    return found


def _said(node: ast.AST, function: str) -> Iterator[ast.expr]:
    """The expressions of the message that a node of the tree says."""
    if isinstance(node, ast.Call) and SAYING.fullmatch(_name(node.func)):
        yield from node.args[:1]
    elif isinstance(node, ast.Call) and function == "__init__" and ast.unparse(node.func) == "super().__init__":
        yield from node.args[:1]  # of an error that puts its message together
    elif isinstance(node, ast.FunctionDef) and node.name in WORDED:
        yield from (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value)


def _forms(node: ast.expr, known: dict[str, list[ast.expr]], depth: int = 0) -> list[str]:
    """The texts that an expression can be."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return ["".join(part.value if isinstance(part, ast.Constant) else FIELD for part in node.values)]
    if isinstance(node, ast.IfExp):
        return [*_forms(node.body, known, depth), *_forms(node.orelse, known, depth)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = _forms(node.left, known, depth), _forms(node.right, known, depth)
        return ["".join(pair) for pair in product(*sides)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return [text.replace("{}", FIELD) for text in _forms(node.func.value, known, depth)]
    if isinstance(node, ast.Call) and _name(node.func) == "one_line":
        return _forms(node.args[0], known, depth)
    name = f"{_name(node.func)}()" if isinstance(node, ast.Call) else getattr(node, "id", "")
    if name in known and depth < DEPTH:
        return [text for value in known[name] for text in _forms(value, known, depth + 1)]
    return [FIELD]


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
