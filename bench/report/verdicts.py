"""What claims came to, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Literal

from bench.analysis.claims import ABOUT, Verdict
from bench.analysis.findings import SHARE_UNIT
from bench.report.grid import readable
from bench.report.published import Published
from bench.report.table import NONE, Cell, Column, Number, Table

_CLAIM_COLUMNS = ("verdict", "q", "experiment", "claim", "says", "effect", "source", "size", "published", "remarks")
_OPTIONAL = ("q", "source", "size", "published")


def verdict_table(verdicts: Sequence[Verdict], title: str = "Claims", published: Published = MappingProxyType({})) -> Table:
    """One row per claim: what the source says, what the rows show, and the size that the source names.

    Args:
        verdicts: what `bench.analysis.claims.judge` found.
        title: what stands above.
        published: what published rows show, as `bench.report.published.published_verdicts` found.
    """
    notes = [
        "The verdict is about what the source says; effect and 95% t interval over n seeds, given the data, of the cell that decides; of a share of seeds its Clopper–Pearson bounds.",
        "Size: whether the size that the source names is met; it decides nothing. Source: its own figure.",
        "q: of the claims of an experiment with no larger q, the share that is expected to be reproduced by chance (Benjamini and Hochberg).",
    ]
    elsewhere = [verdict for verdict in verdicts if verdict.reason.startswith(ABOUT)]
    rows = [_verdict_row(verdict, published.get((verdict.experiment, verdict.claim))) for verdict in verdicts if verdict not in elsewhere]
    kept = [index for index, name in enumerate(_CLAIM_COLUMNS) if name not in _OPTIONAL or any(row[index] != NONE for row in rows)]
    if "published" in (_CLAIM_COLUMNS[index] for index in kept):
        notes.append("Published: what the results show that are published with the suite, at the source's scale.")
    if elsewhere:
        where = " or ".join(dict.fromkeys(verdict.reason.removeprefix(ABOUT).strip() for verdict in elsewhere))
        notes.append(f"Judged at profile {where} alone, as a claim is that names no profiles: {', '.join(verdict.claim for verdict in elsewhere)}.")
    columns = tuple(Column(_CLAIM_COLUMNS[index], _CLAIM_COLUMNS[index]) for index in kept)
    return Table(title, columns, tuple(tuple(row[index] for index in kept) for row in rows), tuple(notes) if verdicts else ())


def _verdict_row(verdict: Verdict, published: Verdict | None) -> tuple[Cell, ...]:
    row = verdict.row()
    size = f"{verdict.size}: {verdict.size_says}" if verdict.size != NONE else NONE
    said = verdict.says if verdict.several else f"{readable(verdict.metric)}: {verdict.says}"
    where = f"{verdict.experiment} ({verdict.figure})" if verdict.figure else verdict.experiment
    q = NONE if row["q"] is None else Number(row["q"])
    claim = f"{verdict.claim}: {verdict.text}"
    beside = NONE if published is None else f"{published.verdict}: {_effect(published)}"
    return verdict.verdict, q, where, claim, said, _effect(verdict), _source(verdict), size, beside, verdict.reason or NONE


def _effect(verdict: Verdict) -> Cell:
    if verdict.effect is None:
        return NONE
    low, high = verdict.interval
    form, shown = _written(verdict)
    return Number(verdict.effect, low, high, verdict.n, shown, form, verdict.unit, note=f"n = {verdict.n}")


def _source(verdict: Verdict) -> Cell:
    """The source's figure as the effect beside it is written; as the suite has it where it is another number."""
    if verdict.source_effect is None:
        return verdict.row()["source"] or NONE
    form, shown = _written(verdict)
    return Number(verdict.source_effect, shown=shown, form=form, unit=verdict.unit)


def _written(verdict: Verdict) -> tuple[Literal["interval", "effect"], Literal["number", "points"]]:
    """How an effect is written: with its sign where 0 is no effect, with fixed digits in percentage points."""
    signed = verdict.findings[0].number in ("difference", "slope", "kendall") and verdict.unit != SHARE_UNIT
    return "effect" if signed else "interval", "points" if verdict.unit.startswith("pp") else "number"
