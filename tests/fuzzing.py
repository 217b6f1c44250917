"""Hostile input, drawn at random, and what must come of it: the short form is in tests/test_fuzz.py, the long one is `make fuzz`.

Whatever is read ends in a result, or in an error of `bench.errors` with an exit code that is none of a bug.
"""

from __future__ import annotations

import hashlib
import io
import math
import random
import tarfile
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from bench import suite as suites
from bench import yaml
from bench.catalog import load_plugin
from bench.cells import CATALOGS
from bench.datafiles import Download, Files, fetch
from bench.errors import BenchError, StorageError
from bench.overrides import Overrides
from bench.references import dangling
from bench.registry.git import resolve as resolve_revision
from bench.registry.parquet import content_of, encode, open_file
from bench.registry.seal import MARK, SEAL_SIZE, footer_start, seal
from bench.report.escape import clean
from bench.resolve import Choice, resolve
from bench.rows import check_types
from bench.selection import Selection
from bench.suite_file import Experiment, Settings, SuiteFile
from tests.planning import refusal
from tests.registry.tables import a_history, some_runs

ROOT = Path(__file__).parents[1]
MAX_CELLS = 1000
"""What ``--max-cells`` is here, so that a grid that is large and sound takes no time."""

BOMBS = (
    "&a [*a]",
    "*a",
    "!!python/object/apply:os.system [ls]",
    "<<: {a: 1}",
    "---\n",
    "{" * 40,
    "[" * 40,
    "\t",
    "\0",
    "\ufeff",
    "? ",
    "- " * 40,
    "%YAML 9.9\n",
)
TEXTS = (
    *("", " ", "x" * 5000, "../../etc/passwd", "/etc/passwd", ".hidden", "a/b", "CON", "-rf", "a\nb", "a\0b", "\ud800", "é" * 64, "ａ", "os:system", "fnn"),
    *("__import__('os')", "${HOME}", "{{7*7}}", "<script>", "\\input{/etc/passwd}", "=1+1", "\x1b[31m", "1e-3", "0123456", "1234e567", ".inf", "none", "full"),
)
NUMBERS = (0, -1, 1, 2, 10**30, -(10**30), 2**63, 1e308, 5e-324, -0.0, math.nan, math.inf, -math.inf, 0.5, True, False)
KEYS = sorted({*SuiteFile.model_fields, *Experiment.model_fields, *Settings.model_fields, "optimizer.lr", "model.width", "name", "seed", "quick", "paper"})
LEAVES = st.one_of(st.none(), st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.text(max_size=8), st.dates())
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(KEYS), st.sampled_from(TEXTS)), inner, max_size=4)),
    max_leaves=10,
)
SYNTAX = st.text(st.sampled_from("ab01:-?[]{},&*!|>'\"%@`#. \n\t~<=eE_\\+"), max_size=60)
SEEDS = st.integers(0, 2**64)


@cache
def _sound() -> list[Any]:
    """Suites of the project, one for each experiment, as trees."""
    found = []
    for path in sorted((ROOT / "suites").glob("*.yaml")):
        data = yaml.read(path).data
        for name, experiment in data["experiments"].items():
            about = {
                kind: {key: block for key, block in data.get(kind, {}).items() if isinstance(block, Mapping) and block.get("experiment") == name}
                for kind in ("tables", "figures")
            }
            found.append({**data, "experiments": {name: experiment}, **about})
    return found


def _nodes(tree: Any) -> list[tuple[Any, Any]]:
    """Every place of a tree: a container, and the key or index in it."""
    if isinstance(tree, dict):
        below = [(tree, key) for key in tree]
    elif isinstance(tree, list):
        below = [(tree, index) for index in range(len(tree))]
    else:
        return []
    return below + [place for container, key in below for place in _nodes(container[key])]


def damaged(seed: int, hostile: Any) -> Any:
    """A sound suite, in which a few places are something else."""
    draw = random.Random(seed)
    tree = deepcopy(draw.choice(_sound()))
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        container, key = draw.choice(_nodes(tree))
        other, place = draw.choice(_nodes(tree))
        change = draw.randrange(6)
        if change == 0:
            container[key] = deepcopy(hostile)
        elif change == 1:
            container[key] = draw.choice((*NUMBERS, *TEXTS))
        elif change == 2:
            container[key] = deepcopy(other[place])
        elif change == 3:
            del container[key]
            if not tree:
                return tree
        elif change == 4 and isinstance(container, dict):
            container[draw.choice((*KEYS, *TEXTS))] = deepcopy(hostile)
        else:
            container[key] = [deepcopy(container[key]) for _ in range(draw.choice((0, 2, 3, 50)))]
        if not _nodes(tree):
            break
    return tree


def spliced(seed: int, text: str) -> str:
    """The text of a sound suite with something in it that is none of YAML, or none that is wanted."""
    draw = random.Random(seed)
    whole = draw.choice(_texts())
    place = draw.randrange(len(whole))
    return whole[:place] + draw.choice((*BOMBS, text)) + whole[place + draw.choice((0, 0, 1, 5, 40)) :]


@cache
def _texts() -> list[str]:
    return [
        f"title: Demo\nversion: 1\ndefaults: {{dataset: digits, model: {{name: fnn, width: 4}}, optimizer: {{name: sgd, lr: 0.1}}, batch_size: 32}}\n{rest}"
        for rest in (
            "profiles: {quick: {epochs: 1}}\nexperiments:\n  a:\n    grid: {dropout: [0.0, 0.5], batch_size: [16, 32]}\n    exclude: [{dropout: 0.5}]\n",
            "experiments:\n  a:\n    steps: 20\n    cases:\n      - {model: cnn}\n      - {dataset: {name: functions, target: sin}}\n    seeds: [0, 2]\n",
            "experiments:\n  a: {epochs: 2, claims: {c: {text: x, metric: test_loss, trend: dropout, says: {slope: '< 0'}}}, grid: {dropout: [0, 0.1, 0.2]}}\n",
        )
    ]


DAMAGED = st.builds(damaged, SEEDS, TREES)
TREE = st.one_of(st.dictionaries(st.sampled_from(list(SuiteFile.model_fields)), TREES, max_size=5), TREES)
TEXT = st.one_of(st.builds(spliced, SEEDS, SYNTAX), SYNTAX, st.text(max_size=60))


def part_settings() -> list[str]:
    """Every parameter of every part, to be set to anything."""
    parts = [(kind, name, catalog[name]) for kind, catalog in CATALOGS.items() for name in catalog.names()]
    return [f"{kind}={{name: {name}, {parameter}: {{}}}}" for kind, name, part in parts for parameter in part.column_types()]


SCALARS = st.one_of(st.sampled_from(NUMBERS).map(str), LEAVES.map(str), SYNTAX, st.sampled_from(BOMBS), TREES.map(str))
SETTINGS = st.one_of(st.sampled_from(KEYS).map("{}={{}}".format), st.sampled_from(KEYS).map("grid.{}=[{{}}]".format), st.sampled_from(part_settings()))
SETS = st.lists(st.one_of(st.builds(lambda setting, value: setting.replace("{}", value), SETTINGS, SCALARS), SYNTAX), max_size=3)
CONDITIONS = st.one_of(st.just(""), SYNTAX, st.builds("{}{}{}".format, st.sampled_from(KEYS), st.sampled_from(["=", "<", ">=", "!="]), LEAVES))
PLUGINS = st.one_of(st.sampled_from(TEXTS), st.text(max_size=20), st.sampled_from(["/dev/zero", "/proc/self/mem", ".", "/", "pyproject.toml"]))
REVISIONS = st.one_of(st.sampled_from([*TEXTS, "--upload-pack=x", "-x", "HEAD:x", "@{-1}", ":/x", "HEAD^{/x}"]), SYNTAX, st.text(max_size=12))


def ends_well(action: Callable[[], object]) -> BenchError | None:
    """The error that an action ends in, if it does; one that is no error of a user is raised.

    Raises:
        AssertionError: for an error that says nothing, or too much.
    """
    found = refusal(action)
    if found is not None:
        assert found.exit_code in (2, 3, 4, 5), found
        assert 0 < len(str(found)) < 100_000, "nobody reads as much"
        # What a terminal is given.
        "\n".join(clean(line) for line in str(found).splitlines()).encode()
    return found


def _settle(document: yaml.Document, sets: list[str], only: str) -> None:
    suite = suites.from_document("demo", document)
    experiments = resolve(suite, "quick", Overrides.parse(sets), Choice((), Selection.parse(only), MAX_CELLS))
    dangling(suite, "quick", experiments)
    check_types(found.cell for experiment in experiments for found in experiment.cells)


def check_tree(tree: Any) -> None:
    """A suite of any content is sound or refused."""
    ends_well(lambda: _settle(yaml.Document("demo.yaml", "", tree), [], ""))


def check_text(text: str) -> None:
    """A suite file of any text is sound or refused."""
    ends_well(lambda: _settle(yaml.parse(text, "demo.yaml"), [], ""))


@cache
def _demo() -> list[yaml.Document]:
    return [yaml.parse(text, "demo.yaml") for text in _texts()]


def check_overrides(which: int, sets: list[str], only: str) -> None:
    """Any overrides and conditions are taken or refused."""
    ends_well(lambda: _settle(_demo()[which % len(_demo())], sets, only))


def check_plugin(path: str) -> None:
    """A path that is no plugin is refused."""
    assert ends_well(lambda: load_plugin(path)) is not None


def check_name(name: str) -> None:
    """A name that is no suite is refused."""
    ends_well(lambda: suites.load(suites.find(name, [suites.folders()[-1]])))


def check_revision(name: str) -> None:
    """A text that means no commit is refused."""
    ends_well(lambda: resolve_revision(name, ROOT))


@cache
def _sealed() -> dict[str, bytes]:
    return {"runs": encode(some_runs({"row": "a"}, {"row": "b", "reason": "x"})), "history": encode(a_history(("a", 1, 0.5), ("a", 2, 0.25)))}


def check_file(folder: Path, seed: int, sealed_anew: bool) -> None:
    """A file of the registry in which some bytes are others is named, or read as it was unless its seal was made anew."""
    draw = random.Random(seed)
    table = draw.choice(sorted(_sealed()))
    content = bytearray(_sealed()[table])
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(content))
        content[place : place + draw.choice((0, 1, 1, 1, 8))] = draw.randbytes(draw.choice((0, 1, 1, 1, 8)))
    path = folder / "changed.parquet"
    path.write_bytes(_resealed(bytes(content)) if sealed_anew else bytes(content))
    read: list[Any] = []
    ends_well(lambda: read.extend([content_of(path), open_file(path, table).read()]))
    if read and not sealed_anew:
        path.write_bytes(_sealed()[table])
        assert read[1].equals(open_file(path, table).read())


def _resealed(content: bytes) -> bytes:
    """What somebody would make who knows of seals."""
    try:
        footer = footer_start(content)
    except ValueError:
        return content
    start = footer - SEAL_SIZE
    body = content[:start] if content[start : start + len(MARK)] == MARK else content[:footer]
    return seal(body + content[footer:])


def check_archive(folder: Path, seed: int) -> None:
    """Whatever an archive holds, nothing is written outside of the data folder, and of what is inside only what was asked for."""
    draw = random.Random(seed)
    archive = folder / "archive.tar.gz"
    with tarfile.open(archive, "w:gz") as members:
        for _ in range(draw.randint(1, 5)):
            member = tarfile.TarInfo(draw.choice(("set/one", "../outside", "/tmp/outside", "set/../../outside", "set", ".", "", "a" * 300, "set/\n", "é")))
            member.type = draw.choice((tarfile.REGTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE))
            member.linkname = draw.choice(("", "../outside", "/etc/passwd", "set/one"))
            member.mode = draw.choice((0o644, 0o4777, 0))
            member.size = draw.choice((0, 3)) if member.type == tarfile.REGTYPE else 0
            members.addfile(member, io.BytesIO(b"one"[: member.size]))
    content = bytearray(archive.read_bytes())
    if draw.random() < 0.5:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        archive.write_bytes(content)
    data = folder / "data"
    digests = {"set/one": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"}
    download = Download((archive.as_uri(),), hashlib.md5(content, usedforsecurity=False).hexdigest())
    error = ends_well(lambda: fetch("made_up", Files(digests, (download,)), data, lambda line: None, pause=0))
    assert not isinstance(error, StorageError), error
    there = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert there in (["archive.tar.gz", "data"], ["archive.tar.gz", "data", "data/set", "data/set/one"]), there
    if (data / "set/one").exists():
        (data / "set/one").unlink()
        (data / "set").rmdir()
