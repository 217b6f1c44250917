"""Suite -> cells: layers of settings laid on top of each other, every name and parameter checked against the catalogues.

Precedence, low to high: ``defaults``, the suite's profile, the experiment, the experiment's profile, the case, the
grid, ``--set``. Grids are counted before they are expanded, and every problem of a file is reported at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench import suite as suites
from bench import yaml
from bench.blocks import Profile
from bench.cells import CellBuilder
from bench.config import Cell, PartSpec
from bench.counted import counted
from bench.errors import BenchError, Place, SuiteError, UnsetError, UsageError, did_you_mean
from bench.grid import Grid, Value
from bench.misfits import misfits
from bench.overrides import Overrides
from bench.pairs import Pairing, ResolvedCell, ResolvedPair, wrong_use
from bench.selection import Selection, text
from bench.settings import LENGTHS, Layer, Locate, Settings
from bench.suite_file import CELL_KEYS, Case, Experiment, Scale, Scaled, is_cell_key

MAX_CELLS = 100_000
MAX_RUNS = 1_000_000
DEFAULT_SEEDS = 1
BASE = {
    "objective": "cross_entropy",
    "schedule": "constant",
    "initializer": "default",
    "augmentation": [],
    "penalties": [],
    "phases": [],
    "dropout": 0.0,
    "precision": "float32",
}


@dataclass(frozen=True)
class ResolvedExperiment:
    """An experiment at one profile: what is trained, with which seeds, which measures are taken, whether weights are kept, which cells are pairs.

    Its ``keys`` are the axes and settings of the cells that its grid makes, those that are not selected included.
    """

    name: str
    cells: tuple[ResolvedCell, ...]
    seeds: tuple[int, ...]
    measures: tuple[PartSpec, ...]
    keep: bool = False
    pairs: tuple[ResolvedPair, ...] = ()
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Choice:
    """What of a suite is selected.

    Attributes:
        experiments: names; all when empty.
        only: conditions on the settings of cells; those on ``seed`` are left to the plan.
        max_cells: how many cells an experiment may have.
    """

    experiments: Sequence[str] = ()
    only: Selection = field(default_factory=Selection)
    max_cells: int = MAX_CELLS

    def takes(self, *settings: Mapping[str, Any]) -> bool:
        """Whether a cell is selected; see `bench.selection.Condition.matches`."""
        return all(condition.matches(*settings) for condition in self.only.conditions if condition.key != "seed")


def resolve(suite: suites.Suite, profile: Profile, overrides: Overrides, choice: Choice) -> list[ResolvedExperiment]:
    """Resolve a suite at a profile.

    Args:
        suite: the suite, with the problems found so far.
        profile: the scale.
        overrides: what ``--set`` gives.
        choice: what is selected. Experiments that are not selected are checked too, without overrides; a cell that is
            not selected may combine what does not fit together, as a batch larger than an overridden training set.

    Returns:
        The selected experiments, in the order of the file.

    Raises:
        SuiteError: with every problem of the file.
        UsageError: if a selected experiment or a key of a condition does not exist.
    """
    for name in choice.experiments:
        if name not in suite.file.experiments:
            raise UsageError(f"suite {suite.name!r} has no experiment {name!r}. {did_you_mean(name, suite.file.experiments)}")
    problems: list[BenchError] = list(suite.problems)
    _check_overrides(suite, profile, overrides, choice.experiments, problems)
    resolved, found, keys = _attempt(suite, profile, overrides, choice)
    problems += found
    if problems:
        raise SuiteError(in_order(problems))
    for key in sorted(choice.only.keys() - keys):
        raise UsageError(f"--only: no cell has {key!r}. {did_you_mean(key, keys)}")
    return resolved


def attempt(suite: suites.Suite, profile: Profile, max_cells: int) -> tuple[list[ResolvedExperiment], list[BenchError]]:
    """The experiments of a suite at a profile, those that are not sound without cells, and every problem of these and of the file.

    Args:
        suite: the suite, with the problems found so far.
        profile: the scale.
        max_cells: how many cells an experiment may have.
    """
    resolved, problems, _ = _attempt(suite, profile, Overrides({}), Choice(max_cells=max_cells))
    return resolved, [*suite.problems, *problems]


def _attempt(suite: suites.Suite, profile: Profile, overrides: Overrides, choice: Choice) -> tuple[list[ResolvedExperiment], list[BenchError], set[str]]:
    """The selected experiments, those that are not sound without cells; every problem of all; and the keys that cells have."""
    resolved, problems, keys = [], [], {"seed"}
    builder = CellBuilder()
    for name in suite.file.experiments:
        selected = not choice.experiments or name in choice.experiments
        resolver = _Resolver(suite, profile, name, overrides if selected else Overrides({}), builder)
        experiment = resolver.resolve(choice if selected else Choice(max_cells=choice.max_cells))
        problems += [problem for problem in resolver.problems if not (suite.problems and isinstance(problem, UnsetError))]
        keys |= resolver.keys
        if selected and experiment is not None:
            resolved.append(replace(experiment, cells=(), pairs=()) if resolver.problems else experiment)
    return resolved, problems, keys


def in_order(problems: Sequence[BenchError]) -> list[BenchError]:
    """Each problem once, in the order of the file."""
    seen = {str(problem): problem for problem in problems}
    return sorted(seen.values(), key=lambda problem: (problem.place.line or 0) if problem.place else 0)


def _check_overrides(suite: suites.Suite, profile: Profile, overrides: Overrides, only: Sequence[str], problems: list[BenchError]) -> None:
    settable = ("seeds", "measures", *CELL_KEYS)
    swept = {axis for name in (only or suite.file.experiments) for axis in _axes_of(suite.file.experiments[name], profile)}
    for key, value in overrides.values.items():
        head, _, axis = key.partition(".")
        place = Place("--set", key=key)
        if head != "grid":
            if key not in settable and not is_cell_key(key):
                problems.append(UsageError(f"{key!r} cannot be set. {did_you_mean(head, settable)}", place))
        elif axis not in swept:
            problems.append(UsageError(f"no selected experiment sweeps {axis!r}. {did_you_mean(axis, swept)}", place))
        elif not isinstance(value, list) or not value:
            problems.append(UsageError("the values of an axis are a list", place, f"Write --set 'grid.{axis}=[1, 2]'"))


def _hides(key: str, other: str) -> bool:
    """Whether setting one key takes away what another set."""
    return other.startswith(f"{key}.") or (key != other and {key, other} == set(LENGTHS))


def _axes_of(experiment: Experiment, profile: Profile) -> dict[str, list[Any]]:
    scale = experiment.profiles.get(profile)
    return {**(experiment.grid or {}), **((scale.grid or {}) if scale else {})}


class _Resolver:
    """Resolves one experiment and gathers its problems."""

    def __init__(self, suite: suites.Suite, profile: Profile, name: str, overrides: Overrides, builder: CellBuilder) -> None:
        self._suite = suite
        self._profile = profile
        self._name = name
        self._experiment = suite.file.experiments[name]
        self._overrides = overrides
        self._builder = builder
        self.problems: list[BenchError] = []
        self.keys: set[str] = set()

    def resolve(self, choice: Choice) -> ResolvedExperiment | None:
        grid = self._grid()
        count = grid.count()
        if count > choice.max_cells:
            place = self._place("experiments", self._name, "grid")
            hint = "Sweep fewer values, or raise --max-cells."
            self.problems.append(UsageError(f"the grid has {counted(count, 'cell')}; at most {choice.max_cells:,} are expanded", place, hint))
            return None
        seeds = self._seeds()
        if count * len(seeds) > MAX_RUNS:
            place = self._place("experiments", self._name)
            self.problems.append(
                UsageError(
                    f"{counted(count, 'cell')} with {counted(len(seeds), 'seed')} are {counted(count * len(seeds), 'run')}; at most {MAX_RUNS:,} are planned",
                    place,
                )
            )
            return None
        measures = self._measures()
        cells = tuple(self._cells(grid, measures, choice))
        if not cells and not self.problems and not choice.only.conditions:
            self.problems.append(UsageError("every cell is excluded", self._place("experiments", self._name)))
        if not self.problems:
            self._check_distinct(cells)
        measures = list({spec.json: spec for cell in cells for spec in cell.measures}.values()) or measures
        pairs = self._pairs(cells, measures, whole=not choice.only.conditions)
        return ResolvedExperiment(self._name, cells, seeds, tuple(measures), self._keeps(), tuple(pairs), frozenset(self.keys))

    def _keeps(self) -> bool:
        return any(scale.keep is not None for scale, _ in self._scales())

    def _pairs(self, cells: Sequence[ResolvedCell], measures: Sequence[PartSpec], whole: bool) -> list[ResolvedPair]:
        given = [(scale.pairs, path) for scale, path in self._scales() if scale.pairs is not None]
        pairs, path = given[-1] if given else ({}, ("experiments", self._name))
        for key, message in wrong_use(pairs, self._keeps(), measures):
            self.problems.append(UsageError(message, self._place(*path, *([key] if key == "pairs" else []))))
        if self.problems:
            return []
        found, problems = Pairing(pairs, self._locate(*path, "pairs")).of(cells, whole)
        self.problems += problems
        return found

    def _place(self, *path: str | int) -> Place:
        return self._suite.document.place(path)

    def _locate(self, *prefix: str | int) -> Locate:
        return lambda below: self._suite.document.place((*prefix, *below))

    def _blocks(self) -> Iterator[tuple[Scaled, tuple[str | int, ...]]]:
        """The blocks of settings that lie below cases and grid, low to high."""
        file = self._suite.file
        yield file.defaults, ("defaults",)
        if self._profile in file.profiles:
            yield file.profiles[self._profile], ("profiles", self._profile)
        yield self._experiment, ("experiments", self._name)
        if self._profile in self._experiment.profiles:
            yield self._experiment.profiles[self._profile], ("experiments", self._name, "profiles", self._profile)

    def _scales(self) -> Iterator[tuple[Scale, tuple[str | int, ...]]]:
        for block, path in self._blocks():
            if isinstance(block, Scale):
                yield block, path

    def _grid(self) -> Grid:
        axes: dict[str, Sequence[Any]] = {}
        locate: dict[str, Locate] = {}
        cases: list[tuple[Case, Locate]] = []
        excludes: list[Selection] = []
        for scale, path in self._scales():
            for axis, values in (scale.grid or {}).items():
                axes[axis] = values
                locate[axis] = self._locate(*path, "grid", axis)
            if scale.cases is not None:
                cases = [(case, self._locate(*path, "cases", index)) for index, case in enumerate(scale.cases)]
            for index, exclude in enumerate(scale.exclude or []):
                excludes.append(Selection.equal(exclude))
                self._check_keys(exclude, self._locate(*path, "exclude", index))
        self._override_axes(axes, locate)
        self._check_hidden({*axes, *(key for case, _ in cases for key in case.settings())})
        for axis in axes:
            self._check_keys([axis], lambda _, axis=axis: locate[axis](()))  # type: ignore[misc]  # a default argument binds the axis
        known = {key: values for key, values in axes.items() if is_cell_key(key)}
        return Grid(known, locate, cases, excludes)

    def _check_keys(self, keys: Iterable[str], locate: Locate) -> None:
        for key in keys:
            if not is_cell_key(key):
                self.problems.append(UsageError(f"{key!r} is no key of a cell. {did_you_mean(key, CELL_KEYS)}", locate((key,))))

    def _override_axes(self, axes: dict[str, Sequence[Any]], locate: dict[str, Locate]) -> None:
        for key, value in self._overrides.values.items():
            head, _, axis = key.partition(".")
            place = Place("--set", key=key)
            if head == "grid" and axis in axes and isinstance(value, list) and value:
                axes[axis] = value
                locate[axis] = lambda below, place=place: place  # type: ignore[misc]  # a default argument binds the place
            elif key in axes:
                hint = f"Give its values instead: --set 'grid.{key}=[…]'"
                self.problems.append(UsageError(f"experiment {self._name!r} sweeps {key!r}, so one value cannot be set", place, hint))

    def _check_hidden(self, varied: set[str]) -> None:
        """What axes and cases vary must not be set away as a whole: rows would carry labels that are not true."""
        for key, other in itertools.product(self._overrides.values, sorted(varied)):
            if _hides(key, other):
                message = f"experiment {self._name!r} varies {other!r}, which setting {key!r} would take away"
                self.problems.append(UsageError(message, Place("--set", key=key), "Choose other experiments with -e, or write another suite."))

    def _check_distinct(self, cells: Sequence[ResolvedCell]) -> None:
        seen: dict[str, ResolvedCell] = {}
        for resolved in cells:
            twin = seen.setdefault(resolved.cell.cell_id, resolved)
            if twin is not resolved:
                one, two = (", ".join(f"{axis}={value}" for axis, value in cell.axes.items()) for cell in (twin, resolved))
                message = f"two cells are one and the same configuration: {one}; and {two}"
                self.problems.append(UsageError(message, self._place("experiments", self._name), "Vary what differs, or exclude one of them."))
                return

    def _cells(self, grid: Grid, measures: Sequence[PartSpec], choice: Choice) -> Iterator[ResolvedCell]:
        base = Settings()
        base.lay(Layer(BASE, lambda path: Place(self._suite.document.file, key=yaml.join(path))))
        for block, path in self._blocks():
            base.lay(Layer(block.settings(), self._locate(*path)))
        overrides = {key: value for key, value in self._overrides.values.items() if is_cell_key(key)}
        top = Layer(overrides, lambda path: Place("--set", key=yaml.join(path)))
        for case, locate_case in grid.cases or [(Case(), self._locate())]:
            settings = base.copy()
            settings.lay(Layer(case.settings(), locate_case))
            labels = {key: text(self._overrides.values.get(key, value)) for key, value in case.settings().items()}
            wanted = measures if case.measures is None else self._measures(case.measures, lambda below, at=locate_case: at(("measures", *below)))  # type: ignore[misc]  # a default argument binds the place
            for point in grid.points():
                axes = {**labels, **{value.axis: value.text for value in point}}
                cell = self._cell(_at(settings, point, top), axes, grid, wanted, choice)
                if cell is not None:
                    yield ResolvedCell(axes, cell, tuple(wanted))

    def _cell(self, settings: Settings, axes: Mapping[str, str], grid: Grid, measures: Sequence[PartSpec], choice: Choice) -> Cell | None:
        """The cell of a point, unless it is excluded, not selected or wrong."""
        cell, problems = self._builder.build(settings, self._place("experiments", self._name))
        self.problems += problems
        if cell is None:
            return None
        flat = cell.flat()
        self.keys |= {*flat, *axes}
        if any(exclude.matches(flat, axes) for exclude in grid.excludes) or not choice.takes(flat, axes):
            return None
        wrong = misfits(cell, self._builder.data(cell.dataset), measures, settings)
        self.problems += wrong
        return None if wrong else cell

    def _seeds(self) -> tuple[int, ...]:
        seeds: Any = DEFAULT_SEEDS
        for block, _ in self._blocks():
            seeds = block.seeds if block.seeds is not None else seeds
        if "seeds" in self._overrides.values:
            seeds = self._overrides.values["seeds"]
            if not _is_seeds(seeds):
                place = Place("--set", key="seeds")
                self.problems.append(UsageError(f"seeds are a count from 1 or a list of seeds, got {seeds!r}", place))
                return ()
        return tuple(seeds) if isinstance(seeds, list) else tuple(range(seeds))

    def _measures(self, own: Sequence[Any] | None = None, place: Locate | None = None) -> list[PartSpec]:
        """The measures of the experiment, or a case's own."""
        raw: Any = ["loss"]
        locate: Locate = self._locate()
        for block, path in self._blocks():
            if block.measures is not None:
                raw, locate = block.measures, self._locate(*path, "measures")
        if own is not None and place is not None:
            raw, locate = own, place
        if "measures" in self._overrides.values:
            raw, locate = self._overrides.values["measures"], lambda path: Place("--set", key="measures")
        if not isinstance(raw, list):
            self.problems.append(UsageError(f"measures are a list of names, got {raw!r}", locate(())))
            return []
        specs, problems = self._builder.measures(raw, locate)
        self.problems += problems
        return [self._at_snapshots(spec) for spec in specs]

    def _at_snapshots(self, spec: PartSpec) -> PartSpec:
        """A measure that looks at training as it goes does so at the suite's snapshots, unless it names its own."""
        wanted = [block.snapshots for block, _ in self._blocks() if block.snapshots is not None]
        if not wanted or spec.parameters.get("snapshots", ()) is not None:
            return spec
        return PartSpec(spec.name, {**spec.parameters, "snapshots": wanted[-1]})


def _at(settings: Settings, point: Sequence[Value], top: Layer) -> Settings:
    """The settings with the values of a point laid on them, whole values before dotted keys, and one more layer on top."""
    laid = settings.copy()
    for value in sorted(point, key=lambda value: "." in value.axis):
        laid.lay(value.layer)
    laid.lay(top)
    return laid


def _is_seeds(value: Any) -> bool:
    if isinstance(value, list):
        return (
            bool(value)
            and len(set(map(str, value))) == len(value)
            and all(isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**63 for seed in value)
        )
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10_000
