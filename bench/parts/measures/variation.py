"""How a 1-D fit bends between its samples: the variation of its slope, its range in the middle, its largest value."""

from __future__ import annotations

import numpy as np
import torch

from bench.errors import UsageError
from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.layers import Values

SLOPE = Metric("slope_variation", "", "lower", "log", "total variation of the derivative of the output, from slopes between neighbouring points of the grid")
RANGE = Metric("inner_range", "", "lower", "raw", "largest minus smallest output between the two samples in the middle")
LARGEST = Metric("largest_output", "", "neither", "log", "largest |output| on the grid")


@measures.register(metrics=(SLOPE, RANGE, LARGEST), table=None, tasks=("regression",), reference="dropout lecture, figs. 1.1 and 1.2")
def variation(view: View) -> Measured:
    """TV(f') over the grid of test inputs, max f - min f between the two middle samples, and max |f| over the grid.

    For a piecewise linear f, TV(f') is the sum over kinks of |change of slope|, exactly so if kinks are two cells of the
    grid apart. The middle samples are the two around the median; where that is a sample itself, those on its sides.
    Outputs are taken in double precision: neighbours differ in their last digits.

    Args:
        view: a run on inputs of one number, with one output.

    Returns:
        The three numbers, without the second if there are fewer than two samples.

    Raises:
        UsageError: if inputs or outputs have more than one number.
    """
    if view.spec.inputs != (1,) or view.spec.outputs != 1:
        raise UsageError(f"the measure variation takes functions of one number; inputs are {view.spec.inputs}, outputs {view.spec.outputs}")
    grid, samples = (np.unique(points.double().cpu().numpy()) for points in (view.data.test_inputs, view.data.train_inputs))
    outputs = _outputs(view, grid)
    slopes = np.diff(outputs) / np.diff(grid)
    values = {SLOPE.name: float(np.abs(np.diff(slopes)).sum()), LARGEST.name: float(np.abs(outputs).max())}
    if len(samples) > 1:
        low, high = samples[(len(samples) - 2) // 2], samples[(len(samples) + 1) // 2]
        inner = _outputs(view, np.array([low, *grid[(grid > low) & (grid < high)], high]))
        values[RANGE.name] = float(np.ptp(inner))
    return Measured(values)


@torch.no_grad()
def _outputs(view: View, x: Values) -> Values:
    """The network's outputs in double precision, (n,)."""
    weights = {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in view.model.state_dict().items()}
    inputs = torch.from_numpy(x).to(view.data.test_inputs.device).unsqueeze(1)
    outputs: Values = torch.func.functional_call(view.model, weights, (inputs,)).flatten().cpu().numpy()
    return outputs
