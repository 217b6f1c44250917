"""The stacked lane between the plain loop and the floor: microseconds of processor time for a step of one model, on one thread."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from bench.catalog import load_plugin
from bench.config import Cell, PartSpec, Precision, Run
from bench.train.compiler import Programs
from bench.train.lanes.resident import Loop
from bench.train.lanes.stacked import agreement
from bench.train.products import fast_products
from bench.train.setup import DataStore, Prepared, dataset_of, prepare
from bench.train.stack import Stack
from benchmarks import floor
from benchmarks.apart import apart
from benchmarks.cells import LEARNING_RATE, full_batch
from benchmarks.interleaved import Side, in_turn, microseconds
from benchmarks.plain import PlainLoop, matmul_precision, network
from benchmarks.products import first_layer

load_plugin(Path(__file__).with_name("random_images.py"))

CPU = torch.device("cpu")
WARM_UP = 60
PROBE = 10
ROUND_MICROSECONDS = 250_000
SINE = PartSpec("functions", {"target": "sin", "train": 20})
IMAGES = PartSpec("random_images")


@dataclass(frozen=True)
class Case:
    """A network on its data."""

    depth: int
    dataset: PartSpec
    rate: float = 0.0
    precision: Precision = "float32"

    def cell(self) -> Cell:
        return full_batch(PartSpec("fnn", {"width": 1000, "depth": self.depth, "activation": "tanh"}), self.dataset, self.rate, self.precision)


CASES = {
    "two-layer": Case(1, SINE),
    "two-layer-dropout": Case(1, SINE, 0.5),
    "three-layer": Case(2, SINE),
    "images": Case(1, IMAGES),
    "images-bf16": Case(1, IMAGES, precision="bf16"),
}


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> floor.Floor | None:
    chosen = floor.compiler()
    return None if chosen is None else floor.build(tmp_path_factory.mktemp("floor"), chosen)


def members_of(cell: Cell) -> list[Prepared]:
    """As many runs as the engine trains together; one where the stacked lane does not train the cell."""
    fit = agreement(cell, dataset_of(cell).spec())
    store = DataStore(Path(), CPU)
    return [prepare(Run(cell, seed), store, CPU) for seed in range(1 if fit is None else fit.members)]


def engine(members: list[Prepared]) -> Callable[[int], None]:
    """The steps of the lane that trains these members."""
    fit = agreement(members[0].run.cell, members[0].spec)
    lane = Loop(members[0]) if fit is None else Stack(members, fit.layers, fit.rows, fit.backend, Programs(), fit)
    return lambda steps: lane.advance(lane.step + steps)


def plain(member: Prepared, *, bf16: bool) -> dict[str, Any]:
    """The plain loop for a run: the sizes and the drop rate of its network, and the arguments of `PlainLoop`."""
    inputs, targets = member.data.train_inputs, member.data.train_targets
    if not targets.is_floating_point():
        targets = functional.one_hot(targets, member.spec.outputs).float()
    model = member.run.cell.model.parameters
    sizes = [math.prod(member.spec.inputs), *[model["width"]] * model["depth"], member.spec.outputs]
    return {"sizes": sizes, "rate": member.run.cell.dropout.rate, "inputs": inputs, "targets": targets, "lr": LEARNING_RATE, "bf16": bf16}


def here(sizes: list[int], rate: float, **loop: Any) -> Callable[[int], None]:
    """The plain loop in this process."""
    return PlainLoop(network(sizes, rate), **loop).advance


def side(advance: Callable[[int], None], models: int, setting: Callable[[], AbstractContextManager[object]] = nullcontext) -> Side:
    """Warm up, and choose rounds of about a quarter of a second."""
    with setting():
        advance(WARM_UP)
        steps = max(1, round(ROUND_MICROSECONDS / (microseconds(lambda: advance(PROBE)) / PROBE)))

    def one_round() -> float:
        with setting():
            return microseconds(lambda: advance(steps)) / (steps * models)

    return one_round


def plain_sides(member: Prepared) -> dict[str, Side]:
    """The plain loop at torch's own float32 products and at the faster ones, and in bfloat16 where the case is."""
    sides = {f"plain, {name}": side(here(**plain(member, bf16=False)), 1, partial(matmul_precision, name)) for name in ("highest", "medium")}
    if member.run.cell.precision == "bf16":
        sides["plain, bf16"] = side(here(**plain(member, bf16=True)), 1, partial(matmul_precision, "highest"))
    return sides


def floor_sides(member: Prepared, program: floor.Floor | None) -> dict[str, Side]:
    """The bare work: by the program, shown to be right, or the matrix products alone; nothing for three layers."""
    inputs, cell = member.data.train_inputs.flatten(1), member.run.cell
    if cell.dataset == IMAGES:
        wanted = inputs.bfloat16() if cell.precision == "bf16" else inputs
        return {"floor": side(first_layer(wanted, cell.model.parameters["width"]), 1, partial(matmul_precision, "medium"))}
    if program is None or cell.model.parameters["depth"] > 1:
        return {}
    program.check(member)
    steps = max(1, round(ROUND_MICROSECONDS / program.train(member, floor.WARM_UP)[1]))
    return {"floor": lambda: program.train(member, steps, floor.WARM_UP)[1]}


@pytest.mark.parametrize("name", CASES)
def test_step_of_a_model(keep, program, name):
    case = CASES[name]
    fit = agreement(case.cell(), dataset_of(case.cell()).spec())
    if case.precision == "bf16" and not torch.cpu.get_capabilities().get("avx512_bf16"):
        pytest.skip("the processor has no products of bfloat16")
    members = members_of(case.cell())
    with ExitStack() as stack:
        sides = plain_sides(members[0])
        for precision in ("highest", "medium"):
            own = apart(precision=precision, round_microseconds=ROUND_MICROSECONDS, **plain(members[0], bf16=False))
            sides[f"plain in a process of its own, {precision}"] = stack.enter_context(own)
        sides |= {"engine": side(engine(members), len(members), partial(fast_products, CPU, allowed=fit is None or fit.large))} | floor_sides(
            members[0], program
        )
        timed = in_turn(sides)
    ratios = {other: timed.ratio(other, "engine") for other in sides if other.startswith("plain")}
    if "floor" in sides:
        ratios["floor"] = timed.ratio("engine", "floor")
    main = ratios["plain, highest"]
    keep(
        timed.microseconds["engine"],
        ratio=main.median,
        quartiles=(main.low, main.high),
        ratios={other: (spread.low, spread.median, spread.high) for other, spread in ratios.items()},
        microseconds={each: timed.of(each).median for each in sides},
        members=len(members),
    )
    print(f"\n{name}: {timed.of('engine')} µs for a step of a model, {len(members)} together")
    for other, spread in ratios.items():
        told = "times as long as the floor" if other == "floor" else f"times as fast as {other}"
        print(f"  {spread} {told}: {timed.of(other)} µs")
