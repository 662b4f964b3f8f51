"""Which room may import which: the ladder of imports, checked by reading every import.

Nothing is imported here; the sources are parsed, so that imports inside functions and below
``if TYPE_CHECKING:`` are seen as well, and obey the same rules.

- An import points down the ladder, or stays on its rung without making a cycle.
- Rooms that stand side by side on a rung do not import each other.
- No import of our own stands inside a function.
- The reactor is passed in: it is imported inside a function of the command line, which is where
  Twisted's choice of a reactor is made, and nowhere else.

A room is a module or a folder directly below the package.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: From the bottom to the top. A name is a module, or a folder with all that is in it.
LADDER: tuple[frozenset[str], ...] = (
    frozenset({"errors", "logs", "renamed", "version"}),
    frozenset({"meters", "protocol", "settings", "text"}),
    frozenset({"reactor", "storage"}),
    frozenset({"client"}),
    frozenset({"events"}),
    frozenset({"service"}),
    frozenset({"doors", "ops", "reload"}),
    frozenset({"cluster", "restart"}),
    # ``cletus/__init__.py`` puts the rooms together for applications; ``""`` is its name here.
    frozenset({"", "check", "testing", "twisted_service"}),
    frozenset({"contrib"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)

#: Side by side on a rung, and not allowed to import each other.
SEPARATE = frozenset(
    {"doors", "ops", "protocol", "reload", "storage", "reactor", "settings", "text"}
)

#: The imports that point up, for annotations only: an event names its service and the report of a
#: reload, and a service fires events. The first makes the one circle of the house; the report
#: imports nothing of ours.
EXCEPTIONS = {
    ("events", "service.service"),
    ("events", "service.report"),
    ("events", "service.restart_report"),
}
CIRCLE = frozenset({"events", "service.service", "service.lifecycle"})

#: What ``protocol`` and ``storage`` may use of Twisted: nothing that knows a reactor.
WITHOUT_REACTOR = ("twisted.internet.defer", "twisted.logger", "twisted.python.failure")

#: Names that say nothing; what is in such a module belongs somewhere.
DRAWERS = frozenset({"common", "helper", "helpers", "misc", "tools", "util", "utils"})

#: Names of others that happen to be called as some of ours are, by the module that uses them.
FOREIGN = frozenset(
    {
        ("reload.state.records", "_make"),  # of named tuples, documented
        ("reload.effects.registrations", "_name"),  # of Prometheus's collectors
    }
)

#: Folders so called that say enough with the room they are in.
NAMED_BY_ROOM = frozenset({"storage.tools"})


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one module.

    Attributes:
        module: dotted name of the module that imports.
        target: dotted name of what is imported: a module where it is one of ours.
        line: where, from 1.
        names: what is taken out of the target.
        in_function: whether it runs when a function is called.
        for_types: whether it stands below ``if TYPE_CHECKING:``.
    """

    module: str
    target: str
    line: int
    names: tuple[str, ...] = ()
    in_function: bool = False
    for_types: bool = False

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


#: What is in this folder is copied, and runs elsewhere.
DATA = "cli/templates/data/"


class House:
    """A package's sources, parsed.

    Args:
        folder: the package; its name is the folder's.
    """

    def __init__(self, folder: Path) -> None:
        self.package = folder.name
        self.files = {
            _module_name(file, folder): file
            for file in sorted(folder.rglob("*.py"))
            if not file.relative_to(folder).as_posix().startswith(DATA)
        }
        self._trees = {name: ast.parse(file.read_text()) for name, file in self.files.items()}
        self.imports = [item for name in self.files for item in self._imports_of(name)]

    def violations(self) -> list[str]:
        """Whatever breaks a rule, a sentence each."""
        return [
            *self._off_the_ladder(),
            *self._directions(),
            *self._in_functions(),
            *self._private_names(),
            *self._private_attributes(),
            *self._reactors(),
            *self._cycles(),
            *self._names(),
        ]

    def rung(self, module: str) -> int:
        """How far up a module stands; -1 for one that is on no rung."""
        room = self.room(module)
        return next((n for n, rung in enumerate(LADDER) if room in rung), -1)

    def room(self, module: str) -> str:
        """The first name below the package: ``storage`` for ``cletus.storage.keys``."""
        return module.removeprefix(self.package).lstrip(".").partition(".")[0]

    def arrows(self) -> set[tuple[str, str]]:
        """Which module imports which, of two different rooms."""
        return {
            (item.module, item.target)
            for item in self._own()
            if self.room(item.module) != self.room(item.target)
        }

    # -- the rules --------------------------------------------------------------------------

    def _off_the_ladder(self) -> Iterator[str]:
        for room in dict.fromkeys(map(self.room, self.files)):
            if self.rung(f"{self.package}.{room}") < 0:
                yield f"{room} is on no rung: say in tests/architecture.py where it stands"

    def _directions(self) -> Iterator[str]:
        for item in self._own():
            here, there = self.room(item.module), self.room(item.target)
            if self._is_the_exception(item):
                continue
            if self.rung(item.target) > self.rung(item.module) >= 0:
                yield f"{item}, which points up"
            elif (
                here != there
                and {here, there} <= SEPARATE
                and self.rung(item.module) == self.rung(item.target)
            ):
                yield f"{item}: {here} and {there} do not import each other"

    def _is_the_exception(self, item: Import) -> bool:
        names = (self._short(item.module), self._short(item.target))
        return names in EXCEPTIONS and item.for_types

    def _short(self, module: str) -> str:
        return module.removeprefix(f"{self.package}.")

    def _in_functions(self) -> Iterator[str]:
        yield from (f"{item} inside a function" for item in self._own() if item.in_function)

    def _private_names(self) -> Iterator[str]:
        for item in self._own():
            for name in item.names:
                if name.startswith("_") and not name.endswith("__"):
                    yield f"{item}.{name}, which is private"

    def _private_attributes(self) -> Iterator[str]:
        """``thing._name`` where this module does not define ``_name`` but another of ours does."""
        defined = {name: _private_definitions(tree) for name, tree in self._trees.items()}
        ours = set().union(*defined.values()) if defined else set()
        for module, tree in self._trees.items():
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Attribute)
                    and node.attr in ours
                    and node.attr not in defined[module]
                    and (self._short(module), node.attr) not in FOREIGN
                    and not (
                        isinstance(node.value, ast.Name) and node.value.id in {"self", "cls", "os"}
                    )
                ):
                    yield f"{module}:{node.lineno} reaches for {node.attr}, another module's"

    def _reactors(self) -> Iterator[str]:
        for item in self.imports:
            is_reactor = item.target == "twisted.internet.reactor" or (
                item.target == "twisted.internet" and "reactor" in item.names
            )
            room = self.room(item.module)
            if is_reactor and not (item.in_function and room == "cli"):
                yield f"{item}: the reactor is passed in"
            elif (
                room in {"protocol", "storage"}
                and item.target.partition(".")[0] == "twisted"
                and not item.target.startswith(WITHOUT_REACTOR)
            ):
                yield f"{item}: {room} knows no reactor"

    def _cycles(self) -> Iterator[str]:
        imported: dict[str, set[str]] = {name: set() for name in self.files}
        for item in self._own():
            if item.target != item.module and not self._is_the_exception(item):
                imported[item.module].add(item.target)
        for cycle in _cycles_of(imported):
            if not {self._short(name) for name in cycle} <= CIRCLE:
                yield "a cycle: " + " -> ".join(cycle)

    def _names(self) -> Iterator[str]:
        for name in self.files:
            if name.rpartition(".")[2] in DRAWERS and self._short(name) not in NAMED_BY_ROOM:
                yield f"{name}: a drawer; what is in it belongs somewhere"

    # -- reading ----------------------------------------------------------------------------

    def _own(self) -> Iterator[Import]:
        yield from (item for item in self.imports if item.target in self.files)

    def _imports_of(self, module: str) -> Iterator[Import]:
        for node, in_function, for_types in _walk(self._trees[module]):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(module, alias.name, node.lineno, (), in_function, for_types)
                continue
            source = self._absolute(module, node)
            modules = [a.name for a in node.names if f"{source}.{a.name}" in self.files]
            names = tuple(a.name for a in node.names if a.name not in modules)
            for name in modules:
                target = f"{source}.{name}"
                yield Import(module, target, node.lineno, (), in_function, for_types)
            if names:
                yield Import(module, source, node.lineno, names, in_function, for_types)

    def _absolute(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        is_package = self.files[module].name == "__init__.py"
        above = module.split(".")[: len(module.split(".")) - node.level + is_package]
        return ".".join([*above, *([node.module] if node.module else [])])


def _private_definitions(tree: ast.AST) -> set[str]:
    """The underscored names that a module defines: functions, classes, values, attributes, slots."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}:
                names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)  # of __slots__
    return {name for name in names if name.startswith("_") and not name.endswith("__")}


def _module_name(file: Path, folder: Path) -> str:
    parts = [folder.name, *file.relative_to(folder).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _walk(
    node: ast.AST, in_function: bool = False, for_types: bool = False
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    """Every import statement, wherever it stands, with what it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, in_function, for_types
        elif isinstance(child, ast.If) and _asks_for_types(child.test):
            for part in child.body:
                yield from _walk_one(part, in_function, True)
            for part in child.orelse:
                yield from _walk_one(part, in_function, for_types)
        else:
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(child, in_function or is_function, for_types)


def _walk_one(
    node: ast.stmt, in_function: bool, for_types: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    yield from _walk(ast.Module([node], []), in_function, for_types)


def _asks_for_types(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _cycles_of(imported: dict[str, set[str]]) -> list[list[str]]:
    """One way around through each knot of modules that import each other."""
    done: set[str] = set()
    path: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
        elif module not in done:
            path.append(module)
            for target in sorted(imported.get(module, ())):
                visit(target)
            done.add(path.pop())

    for module in imported:
        visit(module)
    return found
