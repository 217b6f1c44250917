"""What each neuron of a small network puts out on the samples, against what is to be learned: the dropout lecture's fig. 1.5."""

from __future__ import annotations

import numpy as np
from torch import nn

from bench.metric import Metric
from bench.parts.measures import Measured, View, measures
from bench.parts.measures.layers import directions, first_hidden, vectors

WORKING = Metric("working_neurons", "neurons", "neither", "raw", "neurons of the last hidden layer that are not zero on any training sample")
SHARE = Metric("output_share", "", "neither", "raw", "sum over neurons of o_j . y over y . y, of runs in which all neurons work")
ALIGNMENT = Metric("output_alignment", "", "neither", "raw", "smallest cos(o_j, y) among neurons, of runs in which all neurons work")
PARALLEL = Metric("weight_alignment", "", "neither", "raw", "smallest |cos([w_i; b_i], [w_j; b_j])| among neurons, of runs in which all neurons work")


@measures.register(
    metrics=(WORKING, SHARE, ALIGNMENT, PARALLEL), table=None, tasks=("regression",), reference="dropout lecture, sec. 1.4 and fig. 1.5", stacked=True
)
def neuron_outputs(view: View) -> Measured:
    """How the outputs o_j = a_j s(w_j x_i + b_j) of the neurons lie to the values y to learn, over the training samples i.

    The lecture's argument is about two ReLU neurons that are both active on both samples: where R1 is minimized besides
    R_S, o_1 = o_2 = y / (2 + lambda), lambda = (1 - p) / p, and so w_1, w_2 and the target's weights are parallel. Runs in
    which a neuron is zero on a sample say nothing of it, and have ``working_neurons`` alone.

    Args:
        view: a run of a fully connected network. Of several hidden layers the last is looked at.
    """
    first_hidden(view.model)  # refuses what is not fully connected
    weights = view.model.state_dict()
    entering, leaving = [name for name, module in view.model.named_children() if isinstance(module, nn.Linear)][-2:]
    features = nn.Sequential(*list(view.model.children())[:-1])(view.data.train_inputs).double().cpu().numpy()
    working = (features != 0).all(axis=0)
    found = {WORKING.name: float(working.sum())}
    if not working.all():
        return Measured(found)
    outputs = np.einsum("ij,kj->jik", features, vectors(weights, leaving, bias=False)).reshape(len(working), -1)
    wanted = view.data.train_targets.double().cpu().numpy().ravel()
    units = directions(vectors(weights, entering))
    found[SHARE.name] = float(outputs.sum(axis=0) @ wanted / (wanted @ wanted))
    found[ALIGNMENT.name] = float((directions(outputs) @ wanted).min() / np.linalg.norm(wanted))
    found[PARALLEL.name] = float(np.abs(units @ units.T).min())
    return Measured(found)
