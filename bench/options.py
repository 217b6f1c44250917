"""The options of the commands: names, types and help, each once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Profile(StrEnum):
    """The scales."""

    quick = "quick"
    paper = "paper"


class Format(StrEnum):
    """The forms of a table."""

    table = "table"
    md = "md"
    latex = "latex"
    csv = "csv"
    json = "json"


class Reuse(StrEnum):
    """Whose rows count as done."""

    code = "code"
    any = "any"


ResultsOption = Annotated[Path, typer.Option("--results", envvar="BENCH_RESULTS", help="The registry's folder.")]
ProfileOption = Annotated[Profile, typer.Option("--profile", help="The scale.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of every cell, as optimizer.lr=0.1.")]
ExperimentOption = Annotated[list[str] | None, typer.Option("--experiment", "-e", help="Only this experiment; may be repeated.")]
OnlyOption = Annotated[str, typer.Option("--only", metavar="CONDITIONS", help="Only these runs, as 'dropout=0.1,seed<3'.")]
PluginOption = Annotated[list[str] | None, typer.Option("--plugins", metavar="FILE", help="A Python file that defines parts; may be repeated.")]
FormatOption = Annotated[Format, typer.Option("--format", help="The form of the table.")]
MaxCellsOption = Annotated[int, typer.Option("--max-cells", help="How many cells an experiment may have.")]
ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Train again what is done.")]
ReuseOption = Annotated[Reuse, typer.Option("--reuse", help="Whose rows count as done: those of the same code, or any.")]
RetryOption = Annotated[bool, typer.Option("--retry-failed", help="Try again what crashed, timed out or ran out of memory.")]
SuiteArgument = Annotated[str, typer.Argument(metavar="SUITE", help="A name in suites/, or the path of a .yaml file.")]
SuitesOption = Annotated[list[str] | None, typer.Option("--suite", help="Only this suite; may be repeated.")]
ScaleOption = Annotated[Profile | None, typer.Option("--profile", help="Only this scale.")]
BaseArgument = Annotated[str, typer.Argument(metavar="BASE", help="A revision (commit, branch, tag, HEAD~1; latest, latest~1: with rows), or BASE..HEAD.")]
HeadArgument = Annotated[str | None, typer.Argument(metavar="HEAD", help="Another revision.")]
FailOnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on",
        metavar="METRIC:AMOUNT[:CELLS]",
        help="Exit 1 if a cell, or the average over all cells of a suite, is shown to be worse, and by as much: test_accuracy:0.5pp, test_loss:5%:dropout>0.",
    ),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit 1 as well where a cell is not shown to be less worse than by the amount of --fail-on.")]
AllOption = Annotated[
    bool, typer.Option("--all", help="Also list what shows no change: identical, the same, inconclusive. As csv and json everything is listed.")
]
TrainOption = Annotated[bool, typer.Option("--run", help="First run the suite at both, each by its own code in a work tree of its own; what is done stays.")]
DirtyOption = Annotated[bool, typer.Option("--dirty", help="Of the second, which is HEAD unless given, take the uncommitted changes on top of it.")]
BaseVariantOption = Annotated[
    str | None,
    typer.Option("--base-variant", help="Of BASE take the rows of these --set overrides, '' for none: what --set changes, at one commit if there is no HEAD."),
]
VariantOption = Annotated[str, typer.Option("--variant", help="The rows of these --set overrides, as rows name them.")]

ReportOption = Annotated[Path, typer.Option("--report", help="Where tables and figures go.")]

DEFAULT_RESULTS = Path("results")
DEFAULT_REPORT = Path("report")
CheckpointOption = Annotated[
    float,
    typer.Option("--checkpoint-every", min=0, metavar="SECONDS", help="How often runs are kept while they are trained, to go on from there."),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", min=0, metavar="SECONDS", help="How long a run may take; a pack of several has as long for each. Unlimited by default."),
]
PackSizeOption = Annotated[int | None, typer.Option("--pack-size", min=1, help="How many runs a pack has at most; chosen by size by default.")]
JobsOption = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="How many workers at most.")]
ExecutorOption = Annotated[str, typer.Option("--executor", help="processes, or inline to debug.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:0.")]
