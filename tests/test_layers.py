"""Imports run one way, as the docstring of `bench` says; read from the syntax trees, and once from a real process."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOUNDATION = frozenset(
    {
        *("errors", "files", "counted", "garbage", "yaml", "catalog", "selection", "seeding", "config", "metric", "results"),
        *("settings", "overrides", "suite", "suite_file", "blocks", "claim", "statement", "validation", "sources", "datafiles", "template"),
    }
)
PLANNING = frozenset({"cells", "grid", "misfits", "pairs", "resolve", "plan", "packing"})
MAY_IMPORT = {
    "foundation": {"foundation"},
    "parts": {"foundation", "parts"},
    "planning": {"foundation", "parts", "planning"},
    "training": {"foundation", "parts", "packing", "training"},
    "executors": {"foundation", "executors"},
    "registry": {"foundation", "version", "registry"},
    "analysis": {"foundation", "registry", "analysis"},
    "report": {"foundation", "registry", "analysis", "report"},
}
HEAVY = {"torch", "torchvision", "torchtext", "sklearn"}
TABULAR = {"pandas", "pyarrow", "scipy", "matplotlib", "tabulate", "duckdb"}
TERMINAL = {"typer", "rich", "click"}
MAY_NOT_USE = {
    "foundation": HEAVY | TABULAR | TERMINAL,
    "executors": HEAVY | TABULAR | TERMINAL,
    "registry": HEAVY | TERMINAL | {"scipy", "matplotlib"},
    "analysis": HEAVY | TERMINAL | {"pyarrow", "matplotlib"},
    "report": HEAVY | {"typer", "click", "pyarrow", "scipy"},
    "parts": (TABULAR - {"scipy"}) | TERMINAL,  # SciPy has the solver of integer programs that a measure needs
    "training": TABULAR | TERMINAL,
}
LAZY = {
    "bench": "`import bench` stays free of pandas and pyarrow",
    "bench.cli": "a command imports its modules when it is called, so that help is immediate and reading never loads torch",
    "bench.doctor": "where torch is broken or absent, doctor must still say so",
}
"""Modules that may import own modules inside functions, and why."""


@dataclass(frozen=True)
class Import:
    """One import of a module: its full name, and whether it happens when the importing module is loaded."""

    module: str
    name: str
    at_once: bool


class Package:
    """The modules of a package and what they import."""

    def __init__(self, root: Path) -> None:
        self.files = {self._name(root, file): file for file in sorted(root.rglob("*.py"))}

    @staticmethod
    def _name(root: Path, file: Path) -> str:
        return ".".join(file.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        return {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in self.files.items()}

    @cached_property
    def imports(self) -> list[Import]:
        return [found for name, tree in self.trees.items() for found in self._imports(name, tree, at_once=True)]

    def _imports(self, module: str, node: ast.AST, *, at_once: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Import):
                yield from (Import(module, alias.name, at_once) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module} has a relative import"
                below = [f"{child.module}.{alias.name}" for alias in child.names]
                modules = {name if name in self.files else str(child.module) for name in below}
                yield from (Import(module, name, at_once) for name in sorted(modules))
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from self._imports(module, child, at_once=at_once and not inside)

    def wrong_directions(self) -> list[str]:
        """Imports of own modules that run the wrong way, and of libraries that a layer does without."""
        return [
            f"{found.module} imports {found.name}"
            for found in self.imports
            if (found.name.split(".")[0] == "bench" and not allowed(found.module, found.name))
            or found.name.split(".")[0] in MAY_NOT_USE.get(layer(found.module), ())
        ]

    def cycles(self) -> list[str]:
        graph: dict[str, set[str]] = {}
        for found in self.imports:
            if found.at_once and found.name in self.files:
                graph.setdefault(found.module, set()).add(found.name)
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            return error.args[1]
        return []

    def lazy(self) -> list[str]:
        return [f"{found.module} imports {found.name} in a function" for found in self.imports if not found.at_once and found.name.split(".")[0] == "bench"]

    def prints(self) -> list[str]:
        calls = ((name, node) for name, tree in self.trees.items() for node in ast.walk(tree) if isinstance(node, ast.Call))
        return [f"{name}:{node.lineno}" for name, node in calls if ast.unparse(node.func) in ("print", "sys.stdout.write", "sys.stderr.write")]


def layer(module: str) -> str:
    head = [*module.split("."), ""][1]
    if head in FOUNDATION:
        return "foundation"
    if head in PLANNING:
        return "planning"
    return {"": "version", "train": "training"}.get(head, head if head in MAY_IMPORT else "wiring")


def allowed(module: str, name: str) -> bool:
    own, other = layer(module), layer(name)
    if own in ("wiring", "version"):
        return True
    if own == "training" and name == "bench.packing":
        return True
    return other in MAY_IMPORT[own] and (other != "parts" or own != "parts" or is_part_allowed(module, name))


def is_part_allowed(module: str, name: str) -> bool:
    """A file of parts imports contracts, and helpers of its own folder; a contract imports contracts alone."""
    is_contract = len(name.split(".")) <= 3
    return is_contract or (module.rpartition(".")[0] == name.rpartition(".")[0])


@pytest.fixture(scope="module")
def package() -> Package:
    return Package(ROOT / "bench")


def test_imports_run_one_way(package):
    assert package.wrong_directions() == []


def test_there_are_no_cycles(package):
    assert package.cycles() == []


def test_own_imports_inside_functions_have_a_reason(package):
    assert [found for found in package.lazy() if found.split(" ")[0] not in LAZY] == []
    assert {found.split(" ")[0] for found in package.lazy()} == set(LAZY)


def test_only_the_command_line_prints(package):
    assert [place for place in package.prints() if not place.startswith("bench.cli:")] == []


def test_a_part_never_imports_another_part(package):
    """A helper of a folder registers nothing."""
    registering = {name for name, tree in package.trees.items() if name.startswith("bench.parts.") and any(map(registers, ast.walk(tree)))}
    assert len(registering) > 15
    assert [f"{found.module} imports {found.name}" for found in package.imports if layer(found.module) == "parts" and found.name in registering] == []


def registers(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and any(".register(" in ast.unparse(decorator) for decorator in node.decorator_list)


def test_the_layers_are_those_of_the_package(package):
    heads = {name.split(".")[1] for name in package.files if name != "bench"}
    assert heads >= FOUNDATION | PLANNING | {"parts", "train", "executors", "registry", "analysis", "report", "run", "cli"}


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("errors.py", "import torch", "bench.errors imports torch"),
        ("suite.py", "from pandas import DataFrame", "bench.suite imports pandas"),
        ("config.py", "from bench import plan", "bench.config imports bench.plan"),
        ("config.py", "def f():\n    import bench.run", "bench.config imports bench.run"),
        ("parts/models/fnn.py", "from bench.parts.optimizers.sgd import SGD", "bench.parts.models.fnn imports bench.parts.optimizers.sgd"),
        ("parts/models/fnn.py", "from bench.train import trainer", "bench.parts.models.fnn imports bench.train.trainer"),
        ("train/trainer.py", "from bench.executors import executors", "bench.train.trainer imports bench.executors"),
        ("train/trainer.py", "from bench.registry.store import Registry", "bench.train.trainer imports bench.registry.store"),
        ("train/trainer.py", "from bench.plan import Plan", "bench.train.trainer imports bench.plan"),
        ("executors/inline.py", "from bench.train.trainer import Trainer", "bench.executors.inline imports bench.train.trainer"),
        ("executors/inline.py", "import torch.multiprocessing", "bench.executors.inline imports torch.multiprocessing"),
        ("registry/store.py", "from bench.cells import CATALOGS", "bench.registry.store imports bench.cells"),
        ("registry/store.py", "from bench.analysis import claims", "bench.registry.store imports bench.analysis.claims"),
        ("report/table.py", "from bench.parts.measures import measures", "bench.report.table imports bench.parts.measures"),
        ("plan.py", "from bench.run import execute", "bench.plan imports bench.run"),
    ],
)
def test_a_wrong_import_would_be_found(tmp_path, file, text, found):
    assert Package(copied(tmp_path, file, text)).wrong_directions() == [found]


def test_a_cycle_a_lazy_import_and_a_print_would_be_found(tmp_path):
    root = copied(tmp_path, "errors.py", "from bench import catalog\n\n\ndef f():\n    import bench.run\n    print(1)")
    (root / "catalog.py").write_text("from bench.errors import f\n", encoding="utf-8")
    assert set(Package(root).cycles()) == {"bench.errors", "bench.catalog"}
    assert Package(root).lazy() == ["bench.errors imports bench.run in a function"]
    assert Package(root).prints() == ["bench.errors:6"]


def copied(folder: Path, file: str, text: str) -> Path:
    """A package of empty files of the same names, of which one has this text."""
    for source in (ROOT / "bench").rglob("*.py"):
        target = folder / "bench" / source.relative_to(ROOT / "bench")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    (folder / "bench" / file).write_text(f"{text}\n", encoding="utf-8")
    return folder / "bench"


@pytest.mark.parametrize(
    ("layers", "without"),
    [
        (["foundation"], HEAVY | TABULAR | TERMINAL),
        (["registry", "analysis", "report"], HEAVY | {"typer"}),
        (["executors"], HEAVY | TABULAR | TERMINAL),
        (["version", "command line"], HEAVY | TABULAR),
    ],
    ids=lambda names: "+".join(names) if isinstance(names, list) else "",
)
def test_what_is_loaded_in_a_real_process(package, layers, without):
    modules = [name for name in package.files if layer(name) in layers] + ["bench.cli"] * ("command line" in layers)
    program = f"import sys, {', '.join(modules)}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    assert "bench" in loaded
    assert without & set(loaded) == set()
