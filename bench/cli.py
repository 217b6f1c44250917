"""The commands. Each imports what it needs when it is called, so that help is immediate and reading never loads torch."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bench.counted import counted
from bench.errors import BenchError, NothingError, UsageError
from bench.garbage import littering
from bench.options import (
    DEFAULT_REPORT,
    DEFAULT_RESULTS,
    AllOption,
    BaseArgument,
    BaseVariantOption,
    CheckpointOption,
    DeviceOption,
    DirtyOption,
    ExecutorOption,
    ExperimentOption,
    FailOnOption,
    ForceOption,
    Format,
    FormatOption,
    HeadArgument,
    JobsOption,
    MaxCellsOption,
    OnlyOption,
    PackSizeOption,
    PluginOption,
    Profile,
    ProfileOption,
    ReportOption,
    ResultsOption,
    RetryOption,
    Reuse,
    ReuseOption,
    ScaleOption,
    SetOption,
    StrictOption,
    SuiteArgument,
    SuitesOption,
    TimeoutOption,
    TrainOption,
    VariantOption,
)

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.compare import Comparison
    from bench.analysis.revisions import Revision, State
    from bench.backfill import Order
    from bench.plan import Plan
    from bench.registry.store import Registry
    from bench.report.table import Table
    from bench.run import Request, Way

EXIT_CODES = """Exit codes: 0 all good; 1 some runs failed, a gate was crossed or a claim contradicted; 2 wrong usage or an invalid suite;
3 a registry or storage fault (nothing lost); 4 the environment lacks something; 5 nothing selected or nothing to compare;
70 a bug; 130, 143 stopped by a signal."""

app = typer.Typer(
    help="What makes a neural network generalize? Train grids of networks, keep the results, compare commits.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Files of data sets.", no_args_is_help=True)
app.add_typer(data_app, name="data")


TRAINING = ("torch", "torchvision", "torchtext", "sklearn")
"""What the extra ``train`` installs."""


class Stopped(BaseException):
    """A signal asked to stop; not an Exception, so that nothing takes it for a failure of a run."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere.")] = False) -> None:
    """What makes a neural network generalize? Train grids of networks, keep the results, compare commits."""


@app.command()
def run(
    context: typer.Context,
    suites: Annotated[list[str], typer.Argument(metavar="SUITE...", help="Names in suites/, or paths of .yaml files.")],
    profile: ProfileOption = Profile.quick,
    experiment: ExperimentOption = None,
    only: OnlyOption = "",
    overrides: SetOption = None,
    plugins: PluginOption = None,
    results: ResultsOption = DEFAULT_RESULTS,
    force: ForceOption = False,
    reuse: ReuseOption = Reuse.code,
    retry_failed: RetryOption = False,
    jobs: JobsOption = None,
    device: DeviceOption = "auto",
    pack_size: PackSizeOption = None,
    checkpoint_every: CheckpointOption = 300.0,
    timeout: TimeoutOption = None,
    executor: ExecutorOption = "processes",
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only show the plan.")] = False,
    report_folder: ReportOption = DEFAULT_REPORT,
    max_cells: MaxCellsOption = 100_000,
    format_: FormatOption = Format.table,
) -> None:
    """Train what is not done, write the rows, print the tables."""
    from bench.plan import Policy
    from bench.run import Request, Way

    policy = Policy(force, reuse is Reuse.any, retry_failed)
    registry = _registry(results)
    way = Way(device, jobs, executor, pack_size, checkpoint_every, timeout)
    failed = False
    for name in suites:
        request = Request(name, profile.value, overrides or (), experiment or (), only, policy, plugins or (), max_cells, [report_folder])
        if dry_run:
            _print_plan(request, registry, way)
        else:
            failed |= _run_suite(request, registry, way, report_folder, format_, bool(context.obj))
    _end(registry, failed=failed)


@app.command()
def plan(
    suite: SuiteArgument,
    profile: ProfileOption = Profile.quick,
    experiment: ExperimentOption = None,
    only: OnlyOption = "",
    overrides: SetOption = None,
    plugins: PluginOption = None,
    results: ResultsOption = DEFAULT_RESULTS,
    force: ForceOption = False,
    reuse: ReuseOption = Reuse.code,
    retry_failed: RetryOption = False,
    jobs: JobsOption = None,
    device: DeviceOption = "auto",
    pack_size: PackSizeOption = None,
    report_folder: ReportOption = DEFAULT_REPORT,
    max_cells: MaxCellsOption = 100_000,
    format_: FormatOption = Format.table,
) -> None:
    """Show cells, runs, packs; what is done, new and stale, and why; and how long it will take."""
    from bench.plan import Policy
    from bench.run import Request, Way

    policy = Policy(force, reuse is Reuse.any, retry_failed)
    registry = _registry(results)
    request = Request(suite, profile.value, overrides or (), experiment or (), only, policy, plugins or (), max_cells, [report_folder])
    _print_plan(request, registry, Way(device, jobs, pack_size=pack_size), format_)
    _end(registry)


@app.command()
def validate(
    suites: Annotated[list[str] | None, typer.Argument(metavar="[SUITE]...", help="All named suites by default.")] = None,
    plugins: PluginOption = None,
    max_cells: MaxCellsOption = 100_000,
) -> None:
    """Check suites at every profile: keys, names, parameters, combinations."""
    from bench.references import check
    from bench.run import load_suite
    from bench.suite import available, folders

    for name in suites or available(folders()):
        suite, _ = load_suite(name, plugins or ())
        for profile, experiments in check(suite, max_cells).items():
            cells = sum(len(experiment.cells) for experiment in experiments)
            runs = sum(len(experiment.cells) * len(experiment.seeds) for experiment in experiments)
            _say(f"{suite.name} at {profile}: sound; {counted(len(experiments), 'experiment')}, {counted(cells, 'cell')}, {counted(runs, 'run')}")


@app.command()
def init(path: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The file to write.")]) -> None:
    """Write a small suite to start from."""
    from bench import files
    from bench.suite_file import SLUG
    from bench.template import TEMPLATE

    if path.suffix != ".yaml" or not SLUG.fullmatch(path.stem):
        raise UsageError(f"{str(path)!r} is no name for a suite", hint="Lower-case letters, digits, - and _, ending in .yaml, as my-suite.yaml.")
    if path.exists():
        raise UsageError(f"{str(path)!r} exists already; nothing was written")
    files.publish(path.resolve(), TEMPLATE.encode())
    _say(f"wrote {path}; try: bench run {path}")


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="suites, models, datasets, optimizers, measures, metrics, …")] = None,
    plugins: PluginOption = None,
    format_: FormatOption = Format.table,
) -> None:
    """List suites, metrics, or the parts of a kind with their parameters."""
    from bench.listing import parts_table, suites_table

    if kind in (None, "suites"):
        _print(suites_table(), format_)
    if kind != "suites":
        for table in parts_table(kind, plugins or ()):
            _print(table, format_)


@app.command()
def show(
    which: Annotated[str, typer.Argument(metavar="RUN", help="The beginning of a run_id or of a row.")],
    results: ResultsOption = DEFAULT_RESULTS,
    format_: FormatOption = Format.table,
) -> None:
    """Show a run: configuration, numbers, where they come from."""
    from bench.report.detail import run_tables

    registry = _registry(results)
    for table in run_tables(registry, which):
        _print(table, format_)
    _end(registry)


@app.command()
def measure(
    context: typer.Context,
    suite: SuiteArgument,
    profile: ProfileOption = Profile.quick,
    experiment: ExperimentOption = None,
    only: OnlyOption = "",
    overrides: SetOption = None,
    plugins: PluginOption = None,
    results: ResultsOption = DEFAULT_RESULTS,
    reuse: ReuseOption = Reuse.code,
    jobs: JobsOption = None,
    device: DeviceOption = "auto",
    executor: ExecutorOption = "processes",
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only show what is missing.")] = False,
    report_folder: ReportOption = DEFAULT_REPORT,
    max_cells: MaxCellsOption = 100_000,
    format_: FormatOption = Format.table,
) -> None:
    """Take the measures that rows lack, of kept weights (keep: final), without training."""
    from bench.plan import Policy
    from bench.run import Request, Way

    policy = Policy(reuse_any=reuse is Reuse.any)
    request = Request(suite, profile.value, overrides or (), experiment or (), only, policy, plugins or (), max_cells, [report_folder])
    registry = _registry(results)
    _end(registry, failed=_measure_suite(request, registry, Way(device, jobs, executor), report_folder, format_, bool(context.obj), dry_run))


@app.command()
@littering()
def compare(
    base: BaseArgument,
    head: HeadArgument = None,
    dirty: DirtyOption = False,
    suite: SuitesOption = None,
    profile: ScaleOption = None,
    experiment: ExperimentOption = None,
    overrides: SetOption = None,
    variant: VariantOption = "",
    base_variant: BaseVariantOption = None,
    fail_on: FailOnOption = None,
    strict: StrictOption = False,
    everything: AllOption = False,
    train: TrainOption = False,
    plugins: PluginOption = None,
    jobs: JobsOption = None,
    results: ResultsOption = DEFAULT_RESULTS,
    format_: FormatOption = Format.table,
) -> None:
    """Say, with statistics, what changed between two states of the code."""
    from concurrent.futures import ThreadPoolExecutor

    from bench.analysis.compare import compare as compare_rows
    from bench.analysis.gates import Gate
    from bench.analysis.revisions import DETAILS, Scope, read_states, two_revisions
    from bench.overrides import Overrides
    from bench.registry.git import git_state, resolve

    # It takes a sixth of a second, and is needed when the rows are there; where it fails, that is where it is said.
    ThreadPoolExecutor(1).submit(import_module, "scipy.special")
    revisions = two_revisions(base, head, dirty, same=base_variant is not None)
    gates = [Gate.parse(text, strict) for text in fail_on or ()]
    if strict and not gates:
        raise UsageError("--strict says how a gate is judged, and there is none", hint="Name one, as --fail-on test_accuracy:0.5pp.")
    registry = _registry(results)
    if variant and (overrides or train):
        raise UsageError(f"--variant {variant!r} only names rows that are there", hint="With --run or --set, give its settings as --set KEY=VALUE.")
    if base_variant is not None and train:
        raise UsageError(f"--base-variant {base_variant!r} only names rows that are there", hint="Leave out --run, and train what is missing with bench run.")
    variant = variant or Overrides.parse(overrides or ()).variant
    failed = False
    if train:
        from bench.backfill import Order, pinned_all, the_only_suite

        suite, profile = suite or [the_only_suite(registry)], profile or Profile.quick
        revisions = pinned_all(revisions, registry, suite)
        failed = _run_missing(Order(suite, profile.value, results, overrides or (), experiment or (), plugins or (), jobs), revisions)
    scope = Scope(suite or (), profile, variant, experiment or (), without=() if any(gate.cells for gate in gates) else DETAILS)
    present = git_state(Path(), exclude=[results, DEFAULT_REPORT], used=()).diff_hash if dirty else None
    states, sides = read_states(registry, revisions, scope, lambda name: resolve(name, Path()), present, base_variant)
    comparison = compare_rows(sides[0], sides[1], registry.metrics(), gates)
    _print_comparison(comparison, states, format_, everything, bool(gates))
    _end(registry, failed=failed or comparison.crossed)
    if not comparison.comparable:
        raise NothingError("no number could be compared; the table says why")


@app.command()
def claims(
    suites: Annotated[list[str] | None, typer.Argument(metavar="[SUITE]...")] = None,
    profile: ScaleOption = None,
    variant: VariantOption = "",
    results: ResultsOption = DEFAULT_RESULTS,
    format_: FormatOption = Format.table,
) -> None:
    """Judge what suites claim by the rows: reproduced, contradicted, inconclusive, not run."""
    from bench.analysis.claims import judge
    from bench.analysis.revisions import select
    from bench.report.current import current
    from bench.report.outdated import outdated
    from bench.report.published import published_verdicts
    from bench.report.suites import find_suite
    from bench.report.verdicts import verdict_table
    from bench.sources import Sources

    registry, sources = _registry(results), Sources()
    published = registry.published
    runs = current(select(registry.runs(), suites or (), profile, variant), _head())
    contradicted = judged = False
    for (name, scale), rows in runs.groupby(["suite", "profile"], sort=True):
        suite = find_suite(registry, str(name), str(rows.sort_values(["written", "row"])["suite_digest"].iloc[-1]))
        if suite is None:
            continue
        verdicts = judge(suite, str(scale), rows, registry.metrics(), variant)
        judged |= bool(verdicts)
        contradicted |= any(verdict.fails for verdict in verdicts)
        title = f"Claims of {name} at {scale}{f', {variant}' if variant else ''}, by rows of {_commits(rows)}"
        _print(verdict_table(verdicts, title, published_verdicts(suite, published)), format_)
        if remark := outdated(rows, sources):
            _say(f"note: {remark}", err=True)
    if not judged:
        raise NothingError("there is no claim to judge", hint="Run a suite that makes claims: bench run SUITE.")
    _end(*filter(None, (registry, published)), failed=contradicted)


@app.command()
def report(
    variant: VariantOption = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")] = DEFAULT_REPORT,
    results: ResultsOption = DEFAULT_RESULTS,
) -> None:
    """Rebuild every table, figure and page from the registry alone."""
    registry = _registry(results)
    for page in _write_report(registry, out, variant):
        _say(f"wrote {page}")
    _end(*filter(None, (registry, registry.published)))


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .parquet, .csv or .duckdb.")],
    results: ResultsOption = DEFAULT_RESULTS,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the file.")] = False,
    raw_csv: Annotated[bool, typer.Option("--raw-csv", help="Do not guard texts that a spreadsheet would take for a formula.")] = False,
) -> None:
    """Write the clean view of the registry into one file."""
    from bench.registry.export import write

    registry = _registry(results)
    count = write(registry, file, replace=force, raw_csv=raw_csv)
    _say(f"wrote {counted(count, 'row')} to {file}")
    _end(registry)


@app.command()
def merge(
    others: Annotated[list[Path] | None, typer.Argument(metavar="[OTHER]...", help="Folders of other registries, which are only read.")] = None,
    compact: Annotated[bool, typer.Option("--compact", help="Then rewrite the many small files of this registry as few large ones.")] = False,
    results: ResultsOption = DEFAULT_RESULTS,
) -> None:
    """Copy what other registries have and this one lacks; make many small files few."""
    if not others and not compact:
        raise UsageError("there is nothing to merge", hint="Name the folder of another registry, or give --compact.")
    registry = _registry(results)
    sources = [_registry(other) for other in others or ()]
    for source in sources:
        _say(f"{source.root}: {registry.merge(source)}")
    if compact:
        _say(f"{registry.root}: {registry.compact()}")
    _end(*sources, registry)


@app.command()
def verify(results: ResultsOption = DEFAULT_RESULTS, format_: FormatOption = Format.table) -> None:
    """Read every file of the registry whole; name what cannot be used, count what does not belong there."""
    from bench.report.upkeep import soundness_table

    registry = _registry(results)
    _print(soundness_table(registry), format_)
    _end(registry)


@app.command()
def gc(
    results: ResultsOption = DEFAULT_RESULTS,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only list them.")] = False,
    format_: FormatOption = Format.table,
) -> None:
    """List and remove what nobody needs: files without a row, what dead writers left, checkpoints of runs that are done."""
    from bench.report.upkeep import strays_table

    registry = _registry(results)
    listed = registry.garbage()
    _print(strays_table(listed), format_)
    if not dry_run:
        registry.remove(listed)
    _say(
        f"{'to remove' if dry_run else 'removed'}: {counted(len(listed), 'file')}, {counted(sum(stray.size for stray in listed), 'byte')}",
        err=format_ is not Format.table,
    )
    _end(registry)


@app.command()
def schema(
    what: Annotated[str, typer.Argument(metavar="[suite|registry]")] = "suite",
    format_: FormatOption = Format.table,
) -> None:
    """Print the JSON Schema of suite files, or the columns of the registry."""
    if what == "suite":
        import json

        from bench.suite_file import SuiteFile

        print(json.dumps(SuiteFile.model_json_schema(), indent=2))
    elif what == "registry":
        from bench.registry.schema import TABLES
        from bench.report.table import plain_table

        for name, columns in TABLES.items():
            rows = [(column.name, column.type, column.unit, "yes" if column.nullable else "", column.meaning) for column in columns]
            _print(plain_table(name, ("column", "type", "unit", "nullable", "meaning"), rows), format_)
    else:
        raise UsageError(f"there is no schema of {what!r}; there are suite and registry")


@app.command()
def doctor(results: ResultsOption = DEFAULT_RESULTS, format_: FormatOption = Format.table) -> None:
    """Look at the environment: versions, devices, data, the registry; and say what to mend."""
    from bench.doctor import examine
    from bench.report.table import plain_table

    findings = examine(_registry(results))
    rows = [("ok" if finding.ok else "MEND", finding.subject, finding.state, finding.remedy) for finding in findings]
    _print(plain_table("Environment", ("", "what", "found", "what to do"), rows), format_)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(4)


@data_app.command("fetch")
def data_fetch(names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Data sets, as cifar10.")]) -> None:
    """Download the files of data sets, and verify them."""
    from bench import datafiles
    from bench.listing import data_files

    folder = datafiles.data_folder()
    for name in names:
        datafiles.fetch(name, data_files(name), folder, _say)
        _say(f"{name}: sound, in {folder}")


@data_app.command("verify")
def data_verify(names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="All that need files by default.")] = None) -> None:
    """Check the files of data sets against their checksums."""
    from bench import datafiles
    from bench.listing import data_files, data_names

    folder = datafiles.data_folder()
    problems: list[BenchError] = []
    for name in names or data_names():
        try:
            datafiles.verify(data_files(name), folder, name)
            _say(f"{name}: sound")
        except BenchError as error:
            problems.append(error)
            _say(f"{name}: {error}", err=True)
    if problems:
        raise typer.Exit(problems[0].exit_code)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit with its code.

    Args:
        arguments: the words of the command; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        app([word for word in words if word != "--debug"], obj=debug)
    except BenchError as error:
        if debug:
            traceback.print_exc()
        _say(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except Stopped as stopped:
        _say("stopped; what was recorded stays, and the same command goes on from there", err=True)
        sys.exit(128 + stopped.number)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in TRAINING:
            raise
        _say(f"error: {error.name} is not installed, and this command needs it\n  Install implicit-bench[train], or see `bench doctor`.", err=True)
        sys.exit(4)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the last place where a bug becomes a message
        if debug:
            traceback.print_exc()
        _say(f"bug: {type(error).__name__}: {error}\n  Nothing that was recorded is lost. Run again with --debug for the traceback, and report it.", err=True)
        sys.exit(70)
    sys.exit(0)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def _say(text: str, err: bool = False) -> None:
    from bench.report.escape import clean

    print("\n".join(clean(line) for line in text.splitlines()), file=sys.stderr if err else sys.stdout, flush=True)


def _registry(results: Path) -> Registry:
    from bench.registry.store import Registry

    return Registry(results)


def _end(*registries: Registry, failed: bool = False) -> None:
    """Name the files that could not be read, and end with the exit code."""
    faults = [fault for registry in registries for fault in registry.faults]
    for fault in faults:
        _say(f"not read: {fault}", err=True)
    if faults:
        raise typer.Exit(3)
    if failed:
        raise typer.Exit(1)


def _print(table: Table, format_: Format) -> None:
    from bench.report.render import FORMATS

    if format_ is Format.table and sys.stdout.isatty():
        from rich.console import Console

        from bench.report.terminal import Terminal

        Console().print(Terminal(table))
    else:
        print(FORMATS[format_.value](table))


def _run_suite(request: Request, registry: Registry, way: Way, out: Path, format_: Format, debug: bool) -> bool:
    """Run one suite, print its tables, and say whether a run failed."""
    from rich.console import Console

    from bench.devices import devices
    from bench.progress import follow
    from bench.run import execute, make_job

    job = make_job(request, registry)
    trained = len(job.plan.to_train())
    counts = job.plan.counts()
    _say(f"{job.suite.name} at {request.profile}: {_counts(job.plan)}{'' if registry.exists else f'; new registry in {registry.root}/'}")
    if job.circumstances.git.commit is None:
        _say("note: the suite file lies in no git repository, so these rows have no commit, and compare will not find them", err=True)
    workers = len(devices(way.device, way.jobs))
    with closing(execute(job, registry, way)) as events:
        ended = follow(events, trained + len(job.plan.to_pair()), workers, Console(stderr=True), debug)
    fresh = bool(ended or job.plan.to_repeat())
    _print_results(job.plan, registry, out, fresh, format_)
    failures = {status: count for status, count in ended.items() if status not in ("ok", "diverged")}
    for status, count in failures.items():
        _say(f"{counted(count, 'run')}: {status}; the report has the reasons, --retry-failed --executor inline --debug the tracebacks", err=True)
    return bool(failures or counts["failed"])


def _commits(rows: pd.DataFrame) -> str:
    """Which commits rows are of."""
    return ", ".join(sorted({str(commit)[:12] for commit in rows["commit"].dropna()})) or "no commit"


def _measure_suite(request: Request, registry: Registry, way: Way, out: Path, format_: Format, debug: bool, dry_run: bool) -> bool:
    """Measure what one suite lacks, print its tables, and say whether something is missing still."""
    from rich.console import Console

    from bench.devices import devices
    from bench.listing import lacking_table
    from bench.measuring import lacking_runs
    from bench.progress import follow
    from bench.run import make_job
    from bench.run import measure as take_measures

    job = make_job(request, registry)
    found, pairs = lacking_runs(job.plan), job.plan.to_pair()
    untrained = len(job.plan.to_train()) - len(found) + sum(run.state == "failed" and len(run.run.cells) == 1 for run in job.plan.runs)
    if all(run.row is None and run.finished is None for run in job.plan.runs):
        raise NothingError(f"no run of suite {job.suite.name!r} is trained by this code", hint=f"Train it: bench run {request.suite}")
    if found or pairs:
        _print(lacking_table(found, pairs), format_)
    else:
        _say("nothing is missing", err=True)
    if not dry_run:
        with closing(take_measures(job, registry, way)) as events:
            able = sum(not each.obstacle for each in found)
            ended = follow(events, able + len(pairs), len(devices(way.device, way.jobs)), Console(stderr=True), debug)
        _print_results(job.plan, registry, out, bool(ended or job.plan.to_repeat()), format_)
        unmeasured = len(found) + len(pairs) - ended["ok"] - ended["diverged"]
        if unmeasured or untrained:
            _say(
                f"could not be measured: {counted(unmeasured, 'row')}; not trained: {counted(untrained, 'run')}; bench run {request.suite} does both", err=True
            )
        return bool(unmeasured or untrained)
    return False


def _run_missing(order: Order, revisions: Sequence[Revision]) -> bool:
    """Run what a comparison lacks, and say whether a run failed."""
    from bench.backfill import backfill

    outcome = backfill(order, revisions, partial(_say, err=True))
    for remark in outcome.remarks:
        _say(f"note: {remark}", err=True)
    return outcome.failed


def _print_comparison(comparison: Comparison, states: Sequence[State], format_: Format, everything: bool, gated: bool) -> None:
    from bench.report.changes import EVERY, comparison_table, gate_table, telling

    title = " → ".join(map(str, states))
    # Programs that read csv or json choose for themselves.
    everything = everything or format_ in {Format.csv, Format.json}
    _print(comparison_table(comparison, EVERY if everything else telling(comparison), title), format_)
    if set(comparison.counts()) == {"identical"}:
        _say(f"{states[0]} and {states[1]} are identical: every number is the same.", err=format_ is not Format.table)
    for remark in filter(None, (state.remark for state in states)):
        _say(f"note: {remark}", err=True)
    if gated:
        _print(gate_table(comparison), format_)
    blind = sum(result.outcome == "undetectable" for result in comparison.gates)
    if blind:
        _say(f"warning: in {blind} of its rows the gate could not have found what it forbids; the table says what it can find. More seeds would.", err=True)


def _print_results(plan: Plan, registry: Registry, out: Path, fresh: bool, format_: Format) -> None:
    """The suite's tables, and where everything lies."""
    from bench.report.content import gather
    from bench.report.current import current
    from bench.report.suites import find_suite
    from bench.report.write import folder_of

    origin = plan.origin
    runs = registry.runs(origin.suite, origin.profile)
    rows = current(runs[runs["variant"] == origin.variant], origin.commit)
    content = gather(rows, find_suite(registry, origin.suite, origin.suite_digest), registry.metrics())
    for table in content.tables_of({run.experiment for run in plan.runs}):
        _print(table, format_)
    folder = out / folder_of(origin.suite, origin.profile, origin.variant)
    if fresh or not folder.is_dir():
        _write_report(registry, out, origin.variant, origin.suite)
    files = sum(1 for _ in (registry.root / "runs").glob(f"{origin.suite}.{origin.profile}.*.parquet"))
    _say(f"rows:    {registry.root}/runs/{origin.suite}.{origin.profile}.*.parquet ({counted(files, 'file')})")
    _say(f"tables:  {folder}/tables/ ({len(list((folder / 'tables').glob('*.md')))} as .md, .tex, .csv)")
    _say(f"figures: {folder}/figures/ ({len(list((folder / 'figures').glob('*.png')))} as .png, .svg)")
    _say(f"report:  {folder}/report.html (and report.md)")


def _print_plan(request: Request, registry: Registry, way: Way, format_: Format = Format.table) -> None:
    from bench.devices import devices
    from bench.listing import plan_tables
    from bench.run import make_job, packs_of

    job = make_job(request, registry)
    packs = packs_of(job.plan.to_train(), devices(way.device, way.jobs), way.pack_size)
    for table in plan_tables(job.plan, len(packs), job.past):
        _print(table, format_)


def _counts(plan: Plan) -> str:
    words = {"done": "done", "reuse": "trained before", "new": "new", "stale": "stale", "failed": "failed before"}
    counts = plan.counts()
    return f"{counted(len(plan.runs), 'run')}: " + ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state])  # type: ignore[index]  # the keys are the states


def _write_report(registry: Registry, out: Path, variant: str, suite: str | None = None) -> list[Path]:
    from bench.report.suites import find_suite
    from bench.report.write import write_report

    found = partial(find_suite, registry)
    return write_report(registry, found, out, head=_head(), variant=variant, only=suite, published=registry.published)


def _head() -> str | None:
    from bench.registry.git import git_state

    return git_state(Path()).commit
