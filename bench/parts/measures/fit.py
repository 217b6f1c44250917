"""The fit of a 1-D target: the network's output on a grid, and how much it oscillates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from bench.errors import UsageError
from bench.metric import Metric
from bench.parts.measures import Measured, Snapshots, View, measures

VARIATION = Metric(
    "total_variation_ratio",
    "",
    "lower",
    "log",
    "total variation of the output between the outermost samples, over that of the piecewise linear interpolant of the samples",
)


@measures.register(metrics=(VARIATION,), table="functions", tasks=("regression",), reference="Understanding Deep Learning, ch. Generalization, fig. 1.4")
def fit(view: View, *, snapshots: Snapshots = None) -> Measured:
    """The output on samples and grid, and its total variation TV(f) / TV(linear interpolant of the samples).

    A flat fit of the samples has a ratio near 1; oscillation between the samples raises it.

    Args:
        view: a run on inputs of one number, with one output.
        snapshots: when the output is recorded besides at the end.

    Returns:
        The ratio, and rows for the table ``functions``.

    Raises:
        UsageError: if inputs or outputs have more than one number.
    """
    if view.spec.inputs != (1,) or view.spec.outputs != 1:
        raise UsageError(f"the measure fit takes functions of one number; inputs are {view.spec.inputs}, outputs {view.spec.outputs}")
    data = view.data
    last = view.history.steps[-1]
    weights = {**{step: tensors for step, tensors in view.snapshots.items() if step != last}, last: dict(view.model.named_parameters())}
    rows = [row for step in sorted(weights) for row in _rows(view, step, weights[step])]
    with torch.no_grad():
        test = view.model(data.test_inputs).double()
    inside = (data.test_inputs >= data.train_inputs.min()) & (data.test_inputs <= data.train_inputs.max())
    linear = total_variation(data.train_inputs, data.train_targets.double())
    values = {VARIATION.name: total_variation(data.test_inputs[inside], test[inside]) / linear} if linear > 0 and inside.sum() > 1 else {}
    return Measured(values, rows)


def total_variation(x: Tensor, y: Tensor) -> float:
    """The sum of |y_{i+1} - y_i| in the order of x; both of any shape, with as many elements."""
    ordered = y.flatten()[x.flatten().argsort()]
    return float(ordered.diff().abs().sum())


@torch.no_grad()
def _rows(view: View, step: int, weights: Mapping[str, Tensor]) -> Iterator[dict[str, Any]]:
    data = view.data
    for split, inputs, targets in (("train", data.train_inputs, data.train_targets), ("test", data.test_inputs, data.test_targets)):
        outputs = torch.func.functional_call(view.model, dict(weights), (inputs,)).double()
        for x, output, target in zip(inputs.flatten().tolist(), outputs.flatten().tolist(), targets.flatten().tolist(), strict=True):
            yield {"step": step, "split": split, "x": x, "output": output, "target": target}
