"""A digest of what modules do, by which kept results know that they are out of date: words for people do not count.

Comments, docstrings, layout, annotations, sentences of errors, titles, and where a module lies can change and the digest stays. Any
other change of code or of a constant gives another one, also in a module that is only imported.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
FOLLOWED = ("encoders", "tasks", "media")  # folders of the package whose modules make samples and features
LISTS = ("encoders/__init__.py", "tasks/__init__.py", "tasks/examples.py")  # they only name what is there
# of a task's files, those that no training sample comes from
SHOWN = ("examples.py", "synthesis.py", "card.py", "download.py", "downloading.py", "test_sets.py", "voices.py")
FOR_PEOPLE = {"title", "paper", "formula", "__all__"}
Block = ast.FunctionDef | ast.ClassDef | ast.If | ast.Try  # has statements in its body


def digest_of(starts: Iterable[Path], package: Path = PACKAGE) -> str:
    """The digest of some modules and of all that they import from `FOLLOWED`, wherever an import stands."""
    todo = list(starts)
    known: dict[Path, str] = {}
    while todo:
        path = todo.pop()
        if path in known or not path.is_file() or path.name in SHOWN:
            continue
        inside = path.relative_to(package).as_posix()
        if inside.split("/")[0] in FOLLOWED and inside not in LISTS:
            tree = ast.parse(path.read_text("utf-8"))
            todo += imported(tree, package)
            known[path] = ast.unparse(Plain().visit(tree))
    return hashlib.sha256("\0".join(sorted(known.values())).encode()).hexdigest()


def imported(tree: ast.Module, package: Path) -> Iterator[Path]:
    """The files of the package that a module may import; not all of them exist."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            first, *rest = name.split(".")
            if first == package.name and rest:
                yield package.joinpath(*rest).with_suffix(".py")
                yield package.joinpath(*rest, "__init__.py")


class Plain(ast.NodeTransformer):
    """Removes from a module what has no effect on its results."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        """What is imported is hashed itself."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Likewise."""

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.Raise()

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return None if names and names <= FOR_PEOPLE else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        return self._filled(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        return self._filled(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        return self._filled(node)

    def visit_Try(self, node: ast.Try) -> ast.AST:
        self.generic_visit(node)
        return self._filled(node)

    @staticmethod
    def _filled(node: Block) -> ast.AST:
        """An empty block becomes `pass`."""
        node.body = node.body or [ast.Pass()]
        return node
