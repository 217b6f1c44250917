"""Which states of the code a registry has rows of, mostly from footers alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from bench.registry.footers import Footer
from bench.registry.frames import frame
from bench.registry.layout import COMMIT
from bench.registry.reading import Reader, Wanted
from bench.registry.statistics import STATE

ORDER = ("suite", "profile", "variant", "written", "commit", "diff_hash", "dirty", "commit_time")


def states(reader: Reader) -> pd.DataFrame:
    """The states of the code that a registry has rows of.

    Args:
        reader: reads them.

    Returns:
        One row per state: the columns of `STATE`, the latest of ``written``, and ``rows``, how many there are.
    """
    footers = reader.counted()
    sharing = reader.sharing(footers)
    told = {path: footer for path, footer in footers.items() if path not in sharing and all(group.state is not None for group in footer.groups)}
    columns = (*STATE, "written")
    # By their names rows are told apart that two files hold; names are most of what there is to read, and seldom needed.
    loaded = reader.load(COMMIT, [path for path in footers if path not in told], Wanted((*columns, "row") if sharing else columns))
    distinct = loaded.group_by(list(STATE)).aggregate([("written", "max"), ([], "count_all")])
    read = frame(distinct.select([*STATE, "written_max"]).rename_columns(columns), COMMIT)
    found = pd.concat([_told(told, read), read.assign(rows=distinct["count_all"].to_numpy())], ignore_index=True)
    grouped = found.groupby(list(STATE), dropna=False, sort=False, as_index=False).agg(written=("written", "max"), rows=("rows", "sum"))
    ordered = grouped.sort_values(list(ORDER), na_position="last", ignore_index=True)
    texts = {name: ordered[name].astype(object).where(ordered[name].notna(), None) for name in STATE if read[name].dtype == object}
    return ordered.assign(**texts)


def _told(footers: Mapping[Path, Footer], like: pd.DataFrame) -> pd.DataFrame:
    rows = [(*group.state, group.rows) for footer in footers.values() for group in footer.groups if group.state is not None]
    columns = [*STATE, "written"]
    return pd.DataFrame(rows, columns=[*columns, "rows"]).astype({**{name: like[name].dtype for name in columns}, "rows": "int64"})
