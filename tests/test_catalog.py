from __future__ import annotations

import sys
from typing import Annotated, Literal

import pytest
from pydantic import Field

from bench import catalog as catalogs
from bench.catalog import Catalog, load_entry_points, load_plugin
from bench.cells import CATALOGS
from bench.errors import MissingError, Place, StorageError, UnknownNameError, UsageError
from bench.parts.optimizers import optimizers


def law(
    x: int,
    *,
    rate: Annotated[float, Field(ge=0, lt=1)],
    kind: Literal["a", "b"] = "a",
    many: int | None = None,
    sure: bool = False,
    names: list[str] | None = None,
) -> None:
    """What it does.

    More of it.
    """


@pytest.fixture
def catalog() -> Catalog:
    made: Catalog = Catalog("law", "bench.executors")
    made._discovered = True
    made.register(traits=1)(law)
    return made


def test_a_part_has_its_name_source_traits_and_summary(catalog):
    part = catalog["law"]
    assert (part.kind, part.name, part.target, part.source.name) == ("law", "law", law, "test_catalog.py")
    assert part.traits == {"traits": 1}
    assert part.summary == "What it does."


def test_keyword_arguments_are_the_parameters(catalog):
    assert list(catalog["law"].schema.model_fields) == ["rate", "kind", "many", "sure", "names"]
    assert catalog["law"].column_types() == {"rate": "float64", "kind": "string", "many": "int64", "sure": "bool", "names": "string"}


def test_parameters_are_checked_and_completed(catalog):
    parameters, problems = catalog["law"].check({"rate": 0})
    assert problems == []
    assert parameters == {"rate": 0.0, "kind": "a", "many": None, "sure": False, "names": None}
    assert type(parameters["rate"]) is float


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "law 'law' needs the parameter 'rate'"),
        ({"rate": 1}, "input should be less than 1, got 1"),
        ({"rate": True}, "input should be a valid number, got True"),
        ({"rate": "0.5"}, "input should be a valid number, got '0.5'"),
        ({"rate": float("nan")}, "input should be a finite number, got nan"),
        ({"rate": float("-inf")}, "input should be a finite number, got -inf"),
        ({"rate": 0, "many": 1.0}, "input should be a valid integer, got 1.0"),
        ({"rate": 0, "sure": 1}, "input should be a valid boolean, got 1"),
        ({"rate": 0, "kind": "c"}, "input should be 'a' or 'b', got 'c'"),
        ({"rate": 0, "rat": 1}, "law 'law' has no parameter 'rat'. Did you mean 'rate'?"),
        ({"rate": 0, "x": 1}, "law 'law' has no parameter 'x'. Known: kind, many, names, rate, sure."),
        ({"rate": 0, "\ud800": 1}, "law 'law' has no parameter '\\ud800'. Known: kind, many, names, rate, sure."),
        ({"rate": 0, "names": ["a", 1]}, "input should be a valid string, got 1"),
    ],
)
def test_parameters_that_are_wrong(catalog, given, message):
    _, problems = catalog["law"].check(given)
    assert [problem.message for problem in problems] == [message]


def test_every_wrong_parameter_is_told_with_its_place(catalog):
    _, problems = catalog["law"].check({"rate": 2, "kinds": 1, "names": [3]}, lambda path: Place("f", len(path), ".".join(map(str, path))))
    assert sorted(str(problem.place) for problem in problems) == ["f:1: kinds", "f:1: rate", "f:2: names.0"]


@pytest.mark.fault("F47")
def test_an_unknown_name_is_told_what_is_near(catalog):
    with pytest.raises(UnknownNameError, match=r"there is no law 'lax'\. Did you mean 'law'\?"):
        catalog["lax"]
    assert "lax" not in catalog
    assert "law" in catalog


def test_a_name_is_given_once(catalog):
    with pytest.raises(UsageError, match=r"law 'law' is defined twice: in .*test_catalog.py and in .*test_catalog.py"):
        catalog.register()(law)


def test_names_are_sorted(catalog):
    catalog.register("a_law")(law)
    assert catalog.names() == ["a_law", "law"]


@pytest.mark.parametrize("catalog_", CATALOGS.values(), ids=CATALOGS)
def test_every_catalogue_finds_its_files(catalog_):
    assert catalog_.names()
    for part in catalog_:
        assert part.kind == catalog_.kind
        assert part.source.is_file()
        assert part.summary
        part.column_types()


PLUGIN = """\
from __future__ import annotations

from bench.parts.optimizers import optimizers


@optimizers.register("{name}")
class Mine:
    '''An optimizer of my own.'''

    def __init__(self, *, lr: float = 0.1) -> None: ...
"""


@pytest.fixture
def clean(monkeypatch):
    """What plugins add is gone after the test."""
    optimizers.names()
    monkeypatch.setattr(optimizers, "_parts", dict(optimizers._parts))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("bench_plugin_"):
            del sys.modules[name]


@pytest.mark.usefixtures("clean")
def test_a_plugin_adds_parts_and_is_imported_once(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(PLUGIN.format(name="mine"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_plugin("mine.py") == load_plugin(tmp_path / "mine.py") == tmp_path / "mine.py"
    assert optimizers["mine"].source == tmp_path / "mine.py"
    assert optimizers["mine"].check({})[0] == {"lr": 0.1}


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (PLUGIN.format(name="sgd"), UsageError, "optimizer 'sgd' is defined twice"),
        ("import nowhere_to_be_found\n", UsageError, "cannot be imported: ModuleNotFoundError"),
        ("1 +\n", UsageError, "cannot be imported: SyntaxError"),
        ("raise SystemError('x')\n", UsageError, "cannot be imported: SystemError: x"),
        ("from bench.errors import StorageError\nraise StorageError('full')\n", StorageError, "full"),
    ],
)
def test_a_broken_plugin_names_itself_and_can_be_mended(tmp_path, text, kind, message):
    file = tmp_path / "broken.py"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=message):
        load_plugin(file)
    file.write_text(PLUGIN.format(name="mended_in_this_test"), encoding="utf-8")
    load_plugin(file)
    assert "mended_in_this_test" in optimizers


def test_a_plugin_that_is_not_there(tmp_path):
    with pytest.raises(MissingError, match="there is no plugin"):
        load_plugin(tmp_path / "nowhere.py")
    with pytest.raises(MissingError, match="there is no plugin"):
        load_plugin(tmp_path)


@pytest.mark.fault("F47")
@pytest.mark.usefixtures("clean")
def test_a_plugin_is_a_python_file(tmp_path):
    (tmp_path / "mine.txt").write_text(PLUGIN.format(name="mine"), encoding="utf-8")
    with pytest.raises(UsageError, match="is not a Python file"):
        load_plugin(tmp_path / "mine.txt")


def test_installed_packages_offer_parts(monkeypatch):
    loaded = []

    class Entry:
        def load(self):
            loaded.append(self)

    monkeypatch.setattr(catalogs, "entry_points", lambda group: [Entry(), Entry()] if group == "implicit_bench.parts" else [])
    load_entry_points()
    assert len(loaded) == 2
