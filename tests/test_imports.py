"""Imports flow one way, modules are one noun of readable length: the shape of the code, held by a test.

    cli -> daemon -> worker -> files -> age -> errors
                     worker -> keys  -> age -> errors
    cli -> client -> what the bus offers, as the daemon defines it (`ON_THE_BUS`)
    cli, daemon -> config -> errors
    pam -> nothing of ours: it has no time
    cli, daemon, worker -> events -> errors

Every import statement counts, also inside functions and under TYPE_CHECKING: a reader meets them all alike.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MAY_IMPORT: dict[str, set[str]] = {
    "cscd": set(),  # the package itself: its version
    "cscd.errors": set(),
    "cscd.numbered": set(),
    "cscd.config": {"cscd.errors"},
    "cscd.events": {"cscd.errors"},
    "cscd.age": {"cscd.errors"},
    "cscd.keys": {"cscd.errors", "cscd.age"},
    "cscd.files": {"cscd.errors", "cscd.age"},
    "cscd.worker": {"cscd.errors", "cscd.events", "cscd.age", "cscd.keys", "cscd.files"},
    "cscd.daemon": {
        "cscd",
        "cscd.errors",
        "cscd.config",
        "cscd.events",
        "cscd.age",
        "cscd.keys",
        "cscd.files",
        "cscd.worker",
        "cscd.numbered",
    },
    "cscd.pam": set(),  # it starts at every logon
    "cscd.client": {"cscd.errors", "cscd.files", "cscd.daemon"},
    "cscd.__main__": {"cscd.cli"},  # python -m cscd
    "cscd.cli": {
        "cscd",
        "cscd.errors",
        "cscd.config",
        "cscd.events",
        "cscd.age",
        "cscd.keys",
        "cscd.files",
        "cscd.worker",
        "cscd.daemon",
        "cscd.client",
        "cscd.numbered",
    },
}
"""For each layer, the layers that it may import from besides itself."""

ON_THE_BUS = {"calls", "codes", "flags", "interface"}
"""The modules of the daemon that say what is on the bus; the client may import no others."""

NOT_A_NOUN = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}
"""Names that say nothing about what is inside."""

LONGEST = 400
"""Lines in a module at most; most should have 75 to 200."""


@dataclass(frozen=True, slots=True)
class Module:
    """One source file."""

    name: str
    path: Path
    source: str

    @property
    def layer(self) -> str:
        """The layer it belongs to: `cscd.files` for `cscd.files.lease`."""
        return ".".join(self.name.split(".")[:2])


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one of our modules by another."""

    importer: Module
    line: int
    imported: Module

    def breaks(self) -> str | None:
        """The rule that it breaks, with file:line, or None."""
        own, other = self.importer.layer, self.imported.layer
        if own == other or other in MAY_IMPORT.get(own, set()):
            return None
        allowed = ", ".join(sorted(MAY_IMPORT.get(own, set()))) or "nothing of ours"
        return (
            f"{self.importer.path}:{self.line}: {own} imports {self.imported.name}, but may import {allowed}"
        )


def read_modules(root: Path) -> dict[str, Module]:
    """Every module under root/cscd, by its dotted name; paths are given from the root."""
    modules = {}
    for path in sorted((root / "cscd").rglob("*.py")):
        relative = path.relative_to(root)
        parts = relative.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name] = Module(name, relative, path.read_text(encoding="utf-8"))
    return modules


def imports_of(module: Module, modules: dict[str, Module]) -> Iterator[Import]:
    """Every import of one of our modules in that one."""
    for node in ast.walk(ast.parse(module.source)):
        for name in _names(node, module):
            found = _closest(name, modules)
            if found is not None:
                yield Import(module, getattr(node, "lineno", 0), found)


def _names(node: ast.AST, module: Module) -> list[str]:
    """The dotted names that a statement imports: `from a import b` may mean the module a.b or a name in a."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        is_package = module.path.name == "__init__.py"
        parents = module.name.split(".")[
            : None if is_package and node.level == 1 else is_package - node.level
        ]
        base = ".".join([*parents, *filter(None, [node.module])])
    return [f"{base}.{alias.name}" for alias in node.names]


def _closest(name: str, modules: dict[str, Module]) -> Module | None:
    """The longest beginning of a dotted name that is one of our modules."""
    parts = name.split(".")
    candidates = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((modules[candidate] for candidate in candidates if candidate in modules), None)


def violations(root: Path) -> list[str]:
    """Every broken rule of direction, naming file:line and the rule."""
    modules = read_modules(root)
    edges = (edge for module in modules.values() for edge in imports_of(module, modules))
    return [broken for edge in edges if (broken := edge.breaks()) is not None]


def cycle(root: Path) -> list[str]:
    """Modules that import each other in a circle, or nothing."""
    modules = read_modules(root)
    graph = {
        name: {edge.imported.name for edge in imports_of(module, modules)} - {name}
        for name, module in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def test_imports_flow_one_way() -> None:
    """No layer imports from a layer above it or beside it."""
    assert violations(ROOT) == []


def test_the_client_has_nothing_of_the_daemon_but_what_is_on_the_bus() -> None:
    """A program that calls the service does not load the service."""
    modules = read_modules(ROOT)
    edges = [
        edge
        for module in modules.values()
        if module.layer == "cscd.client"
        for edge in imports_of(module, modules)
        if edge.imported.layer == "cscd.daemon"
    ]
    assert {edge.imported.name.split(".")[-1] for edge in edges} == ON_THE_BUS


def test_every_layer_is_known() -> None:
    """A new folder or module directly under cscd needs its place in the order first."""
    layers = {module.layer for module in read_modules(ROOT).values()}
    assert layers <= MAY_IMPORT.keys()


def test_no_module_imports_itself_through_others() -> None:
    """There is no circle of imports, within a layer either."""
    assert cycle(ROOT) == []


@pytest.mark.parametrize("module", read_modules(ROOT).values(), ids=lambda module: module.name)
def test_a_module_is_one_noun_of_readable_length(module: Module) -> None:
    """Its name says what is inside, its length can be read, its first statement says what it does."""
    assert NOT_A_NOUN.isdisjoint(module.name.split("."))
    assert len(module.source.splitlines()) <= LONGEST
    assert ast.get_docstring(ast.parse(module.source))


@pytest.mark.parametrize(
    "path, statement, rule",
    [
        ("age/stream.py", "from cscd.files import lease", "cscd.age imports cscd.files.lease"),
        ("age/stream.py", "from ..files.lease import take", "cscd.age imports cscd.files.lease"),
        ("age/__init__.py", "from ..files import lease", "cscd.age imports cscd.files.lease"),
        ("files/lease.py", "import cscd.cli.main", "cscd.files imports cscd.cli.main"),
        ("files/lease.py", "def f():\n    from cscd import cli", "cscd.files imports cscd.cli"),
        ("errors.py", "from cscd.age import stream", "cscd.errors imports cscd.age.stream"),
    ],
)
def test_a_violation_names_the_line_and_the_rule(
    tmp_path: Path, path: str, statement: str, rule: str
) -> None:
    """An import against the direction is found in every spelling."""
    for name in ("__init__", "errors", "age/__init__", "age/stream", "files/__init__", "files/lease"):
        (tmp_path / "cscd" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cscd" / f"{name}.py").write_text("")
    (tmp_path / "cscd" / "cli").mkdir()
    (tmp_path / "cscd" / "cli" / "__init__.py").write_text("")
    (tmp_path / "cscd" / "cli" / "main.py").write_text("")
    (tmp_path / "cscd" / path).write_text(statement)
    line = len(statement.splitlines())
    (found,) = violations(tmp_path)
    assert found.startswith(f"cscd/{path}:{line}: {rule}")


def test_a_circle_is_found(tmp_path: Path) -> None:
    """Two modules of one layer that import each other are named."""
    (tmp_path / "cscd").mkdir()
    (tmp_path / "cscd" / "one.py").write_text("from cscd import two")
    (tmp_path / "cscd" / "two.py").write_text("import cscd.one")
    assert sorted(set(cycle(tmp_path))) == ["cscd.one", "cscd.two"]
