"""implicit-bench: what makes a neural network generalize?

Suite files declare grids of runs, a runner trains them and writes Parquet, and a report rebuilds tables and figures.
The package reads from the bottom up, and imports run one way:

==============  ======================================================================================
foundation      `errors`, `files`, `catalog`, `selection`, `seeding`, `config`, `yaml`, `suite`, `sources`, …: no torch
parts           `parts.*`: what a suite can name, one folder per kind, one file per thing
planning        `resolve` (a suite -> cells), `pairs` (of cells), `plan` (cells and what is done -> runs), `packing`
training        `train`: one pack -> the results of its runs
executors       `executors`: how packs are run, in this process or in workers: no torch
registry        `registry`: Parquet in, frames out, with provenance: no torch
analysis        `analysis`: statistics, the comparison of two commits, claims: no torch
report          `report`: tables and figures: no torch
wiring          `run`, `backfill` (runs at other revisions), `cli`, `__main__`
==============  ======================================================================================
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__version__ = "0.1.0"


def read_results(folder: str | os.PathLike[str] = "results") -> pd.DataFrame:
    """Read the clean view of a registry: one row per run, the highest generation, no orphans.

    Args:
        folder: the registry's folder.

    Returns:
        A frame with the columns of the table `runs`.

    Raises:
        bench.errors.StorageError: if the folder is no registry.
    """
    from bench.registry.store import Registry  # noqa: PLC0415 - `import bench` stays free of pyarrow and pandas

    return Registry(folder).runs()
