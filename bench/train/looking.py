"""Looks at weights that were kept: takes measures of one run or of two, without training."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.catalog import load_entry_points, load_plugin
from bench.config import Pair, PartSpec, Run
from bench.errors import UsageError
from bench.parts.measures import History, View
from bench.results import Machine, Progress, RunResult
from bench.train.evaluate import evaluation_batch
from bench.train.setup import DataStore, Prepared, prepare
from bench.train.taking import take
from bench.train.trainer import device_name, peak_memory, remarks, table_rows
from bench.train.weights import WeightStore

Emit = Callable[[Progress], None]


@dataclass(frozen=True)
class Kept:
    """A run that was trained, and what is left of it.

    Attributes:
        run: the run.
        weights: what `WeightStore.keep` returned.
        history: the course of its training.
    """

    run: Run
    weights: str
    history: History


@dataclass(frozen=True)
class Look:
    """Measures to take of a run, or of a pair.

    Attributes:
        run: the run or the pair, whose row the numbers go to.
        measures: what is measured; of a pair measures of two runs.
        kept: the run, or the two of the pair in their order.
    """

    run: Run | Pair
    measures: tuple[PartSpec, ...]
    kept: tuple[Kept, ...]


@dataclass(frozen=True)
class Looks:
    """Looks that one worker takes one after the other; the unit of writing, as a pack is.

    Attributes:
        name: unique; the stem of their files in the registry.
        tasks: the looks, in order.
    """

    name: str
    tasks: tuple[Look, ...]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.tasks)

    def halves(self) -> tuple[Looks, Looks]:
        """Two halves of them."""
        middle = len(self.tasks) // 2
        return Looks(f"{self.name}-a", self.tasks[:middle]), Looks(f"{self.name}-b", self.tasks[middle:])


class Looker:
    """Takes looks on one device; its arguments are those of `bench.train.trainer.Trainer`.

    Args:
        device: ``cpu`` or ``cuda:0``.
        folder: the data folder.
        processor: the CPU's name, for the record.
        weights: where the weights lie.
        plugins: files that define parts.
    """

    def __init__(self, device: str, folder: Path, processor: str, weights: WeightStore, plugins: Sequence[Path] = ()) -> None:
        load_entry_points()
        for plugin in plugins:
            load_plugin(plugin)
        torch.set_num_threads(1)
        torch.backends.cudnn.allow_tf32 = False
        self._device = torch.device(device)
        self._store = DataStore(folder, self._device)
        self._weights = weights
        self._machine = Machine(
            self._device.type, device_name(self._device, processor), "resident", "eager", "highest", torch.get_num_threads(), torch.__version__
        )

    def __call__(self, looks: Looks, emit: Emit, asked: Callable[[], bool] | None = None) -> list[RunResult]:
        """Take looks.

        Args:
            looks: what is measured.
            emit: told of each look that is taken.
            asked: not asked; a look is short.

        Returns:
            A result for each look, in their order: its metrics and the rows of its tables.
        """
        results = []
        for look in looks.tasks:
            results.append(self._take(look))
            emit(Progress(look.run.run_id, 1.0, float("nan")))
        return results

    def _take(self, look: Look) -> RunResult:
        start = time.monotonic()
        seen = [self._view(kept) for kept in look.kept]
        views = [view for _, view in seen]
        taken = [(spec, take(spec, *views)) for spec in look.measures]
        return RunResult(
            run_id=look.run.run_id,
            status="ok",
            metrics={name: value for _, measured in taken for name, value in measured.values.items()},
            tables=table_rows(taken),
            remarks=remarks(taken),
            machine=self._machine,
            parameters=sum(parameter.numel() for parameter in views[0].model.parameters()),
            measure_seconds=time.monotonic() - start,
            peak_memory=peak_memory(self._device),
            data_checksum=seen[0][0].data_checksum,
        )

    def _view(self, kept: Kept) -> tuple[Prepared, View]:
        """A run as it was when its training ended.

        Raises:
            UsageError: if the weights are not those of its model.
        """
        prepared = prepare(kept.run, self._store, self._device)
        try:
            prepared.model.load_state_dict(self._weights.load(kept.weights, self._device))
        except RuntimeError as error:
            raise UsageError(f"the kept weights {kept.weights[:12]} are not of this model", hint="Train the run again with --force.") from error
        model = prepared.model.eval().requires_grad_(False)
        batch = evaluation_batch(prepared.spec, self._device)
        return prepared, View(model, prepared.objective, prepared.data, prepared.spec, kept.history, kept.run.seed, batch)
