"""Every fixed column of the registry, once: type, unit, meaning; and how the columns that vary are described.

A table has fixed columns and, in ``runs``, three families that depend on the suite: ``axis.*`` (values of the swept
axes, as text), ``hp.*`` (every parameter, typed by the part's signature) and one nullable float64 column per metric,
whose field metadata holds what `bench.metric.Metric` says. No value is NULL, never NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import get_args

import pyarrow as pa

from bench.metric import Family, Metric

SCHEMA_VERSION = 1
VERSION_KEY = b"bench.schema_version"
METRIC_KIND = b"metric"
TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class Column:
    """A fixed column: its name, the key of its type in `TYPES`, its unit, its meaning, and whether NULL is allowed."""

    name: str
    type: str
    unit: str
    meaning: str
    nullable: bool = False


RUNS = (
    Column("row", "string", "", "unique name of this row"),
    Column("suite", "string", "", "the suite's name"),
    Column("suite_version", "int64", "", "the suite's version; rows of different versions are not comparable"),
    Column("suite_digest", "string", "", "SHA-256 of the suite file, a copy of which lies in suites/"),
    Column("profile", "string", "", "the scale: quick or paper"),
    Column("variant", "string", "", "the --set overrides, sorted, or empty"),
    Column("experiment", "string", "", "the experiment's name"),
    Column("run_id", "string", "", "SHA-256 of the cell's id and the seed"),
    Column("cell_id", "string", "", "SHA-256 of the canonical JSON of the cell"),
    Column("cell", "string", "", "the canonical JSON of the cell"),
    Column("seed", "int64", "", "the seed"),
    Column("status", "string", "", "ok, diverged, out_of_memory, timeout, crashed or interrupted"),
    Column("reason", "string", "", "why it is not ok", nullable=True),
    Column("signal", "string", "", "the signal that ended its worker, as SIGKILL", nullable=True),
    Column("log", "string", "", "the last 64 kB that its worker wrote, where it failed: warnings, the trace of a fault in compiled code", nullable=True),
    Column("steps_done", "int64", "steps", "how many optimizer steps were made", nullable=True),
    Column("parameters", "int64", "", "how many trainable parameters the model has", nullable=True),
    Column("train_size", "int64", "samples", "how many training samples there are"),
    Column("test_size", "int64", "samples", "how many test samples there are"),
    Column("train_seconds", "float64", "s", "time spent training, evaluations included", nullable=True),
    Column("measure_seconds", "float64", "s", "time spent on measures", nullable=True),
    Column("samples_per_second", "float64", "1/s", "training samples per second, evaluations excluded", nullable=True),
    Column("peak_memory", "int64", "bytes", "most memory held, of the device or else of the process", nullable=True),
    Column("shared", "bool", "", "whether other processes held memory of the GPU meanwhile, so that timings tell little; NULL on a CPU", nullable=True),
    Column("device", "string", "", "cpu or cuda", nullable=True),
    Column("hardware", "string", "", "the processor's or the GPU's name: timings compare within one", nullable=True),
    Column("lane", "string", "", "which lane of the engine trained it", nullable=True),
    Column("backend", "string", "", "eager or compiled; the two agree within rounding only", nullable=True),
    Column("matmul", "string", "", "how float32 matrix products were taken, in PyTorch's words: highest or medium", nullable=True),
    Column("threads", "int64", "", "threads per worker; CPU numbers depend on it", nullable=True),
    Column("commit", "string", "", "commit of the repository that holds the suite", nullable=True),
    Column("commit_time", "timestamp", "UTC", "when that commit was made", nullable=True),
    Column("dirty", "bool", "", "whether that repository had changes that are not committed", nullable=True),
    Column("diff_hash", "string", "", "SHA-256 of these changes", nullable=True),
    Column("code_id", "string", "", "hash of the sources that can change the numbers"),
    Column("code_files", "string", "", "JSON: source -> its hash, to say what became stale"),
    Column("bench_version", "string", "", "version of bench"),
    Column("python", "string", "", "version of Python"),
    Column("torch", "string", "", "version of torch", nullable=True),
    Column("numpy", "string", "", "version of NumPy"),
    Column("platform", "string", "", "operating system and architecture"),
    Column("data_checksum", "string", "", "SHA-256 of the data as they were before label noise", nullable=True),
    Column("measures", "string", "", "JSON: measure -> {version, parameters}, for those taken"),
    Column("remarks", "string", "", "JSON: measure -> what must be said with its numbers, as the signature of BLEU", nullable=True),
    Column("weights", "string", "", "SHA-256 of the final weights, where they were kept in weights/", nullable=True),
    Column(
        "pair",
        "string",
        "",
        "JSON: the run_ids of two runs, where the row is of what was measured of both; run_id and cell are then of the pair",
        nullable=True,
    ),
    Column("reused_from", "string", "", "the row that was trained, where this one repeats it", nullable=True),
    Column("generation", "int64", "", "raised by --force; readers keep the highest"),
    Column("pack", "string", "", "the pack, and the stem of its files"),
    Column("written", "timestamp", "UTC", "when the row was written; informational: it orders nothing, and only breaks a tie between equal generations"),
)

HISTORY = (
    Column("row", "string", "", "the row of runs that was trained"),
    Column("run_id", "string", "", "the run"),
    Column("step", "int64", "steps", "steps done"),
    Column("epoch", "float64", "epochs", "epochs done"),
    Column("metric", "string", "", "train_loss, test_loss, train_accuracy, test_accuracy, or a metric of a measure that looks at training as it goes"),
    Column("value", "float64", "", "its value; NULL where it is not finite", nullable=True),
)

LANDSCAPE = (
    Column("row", "string", "", "the row of runs that was trained"),
    Column("run_id", "string", "", "the run"),
    Column(
        "normalization", "string", "", "how directions are scaled: filter or layer; interpolation: the direction is from the first to the second run of a pair"
    ),
    Column("direction", "int64", "", "number of the direction, from 0"),
    Column("alpha", "float64", "", "distance along the direction, in norms of the weights; of an interpolation 0 at the first run and 1 at the second"),
    Column("loss", "float64", "", "training loss of the clean network there; NULL where it is not finite", nullable=True),
    Column("accuracy", "float64", "fraction", "training accuracy of the clean network there, on interpolations of classifiers", nullable=True),
)

FUNCTIONS = (
    Column("row", "string", "", "the row of runs that was trained"),
    Column("run_id", "string", "", "the run"),
    Column("step", "int64", "steps", "steps done"),
    Column("split", "string", "", "train: the samples; test: the grid"),
    Column("x", "float64", "", "input"),
    Column("output", "float64", "", "the network's output; NULL where it is not finite", nullable=True),
    Column("target", "float64", "", "the value to learn (train) or the true one (test)"),
)

NEURONS = (
    Column("row", "string", "", "the row of runs that was trained"),
    Column("run_id", "string", "", "the run"),
    Column("step", "int64", "steps", "steps done"),
    Column("layer", "string", "", "the layer's path in the model"),
    Column("neuron", "int64", "", "number of the neuron in its layer, from 0"),
    Column("amplitude", "float64", "", "A = ||a|| ||[w; b]||, of the weights that leave the neuron and of those that enter it with its bias"),
    Column("share", "float64", "", "amplitude over the largest of its layer"),
    Column("orientation", "float64", "rad", "atan2(b, w) in [-pi, pi); NULL unless one number enters the neuron, or if it has no weights", nullable=True),
    Column("cluster", "int64", "", "which of the fewest arcs of 5 degrees holds it; NULL if it is inactive or has no orientation", nullable=True),
)

SIMILARITY = (
    Column("row", "string", "", "the row of runs that was trained"),
    Column("run_id", "string", "", "the run"),
    Column("layer", "string", "", "the layer's path in the model"),
    Column("first", "int64", "", "place of a neuron, from 0, in the order of the leading eigenvector of the matrix of cosines"),
    Column("second", "int64", "", "place of another, or the same, from `first` on: the matrix is symmetric"),
    Column("cosine", "float64", "", "cos([w_i; b_i], [w_j; b_j]) of the weights that enter them"),
)

SPECTRUM = (
    Column("row", "string", "", "the row of runs that was trained"),
    Column("run_id", "string", "", "the run"),
    Column("eigenvalue", "float64", "", "where on the axis of eigenvalues of the Hessian of the training loss"),
    Column("density", "float64", "", "share of the eigenvalues per unit of the axis there, each spread over a Gaussian"),
)

TABLES: Mapping[str, tuple[Column, ...]] = {
    "runs": RUNS,
    "history": HISTORY,
    "landscape": LANDSCAPE,
    "functions": FUNCTIONS,
    "neurons": NEURONS,
    "similarity": SIMILARITY,
    "spectrum": SPECTRUM,
}


def arrow_schema(table: str, axes: Sequence[str] = (), parameters: Mapping[str, str] | None = None, metrics: Sequence[Metric] = ()) -> pa.Schema:
    """The schema of one file.

    Args:
        table: a key of `TABLES`.
        axes: names of swept axes, without ``axis.``.
        parameters: parameter, without ``hp.`` -> key of `TYPES`.
        metrics: the metrics that have a column.

    Returns:
        An Arrow schema whose metadata holds the schema's version.
    """
    fields = [_field(column) for column in TABLES[table]]
    fields += [pa.field(f"axis.{name}", pa.string()) for name in axes]
    fields += [pa.field(f"hp.{name}", TYPES[kind]) for name, kind in (parameters or {}).items()]
    fields += [metric_field(metric) for metric in metrics]
    return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()})


def metric_field(metric: Metric) -> pa.Field:
    """The column of a metric, with its description in the metadata."""
    described = {key.encode(): str(value).encode() for key, value in asdict(metric).items() if key != "name"}
    return pa.field(metric.name, pa.float64(), metadata={b"kind": METRIC_KIND, **described})


def metric_of(field: pa.Field) -> Metric | None:
    """The metric that a column holds, or None if it holds none; the inverse of `metric_field`."""
    metadata = field.metadata or {}
    if metadata.get(b"kind") != METRIC_KIND:
        return None
    keys = ("unit", "better", "scale", "meaning", "counted_over", "version", "family")
    text = {key: metadata.get(key.encode(), b"").decode() for key in keys}
    # Files from before there were families have none, and a family that is not known yet makes no file unreadable.
    family: Family = text["family"] if text["family"] in get_args(Family) else ""
    return Metric(field.name, text["unit"], text["better"], text["scale"], text["meaning"], text["counted_over"], int(text["version"] or 1), family)


def _field(column: Column) -> pa.Field:
    metadata = {b"unit": column.unit.encode(), b"meaning": column.meaning.encode()}
    return pa.field(column.name, TYPES[column.type], nullable=column.nullable, metadata=metadata)
