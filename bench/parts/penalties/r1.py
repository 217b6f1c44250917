"""The expected loss of dropout over that without, in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from bench.config import Cell
from bench.parts.penalties import FeaturePenalty, Passes, penalties


@penalties.register("r1")
@dataclass(frozen=True, kw_only=True)
class R1(FeaturePenalty):
    """What dropout in front of the last layer adds to the squared loss on average: ``E_eta R_S^drop = R_S + R1``, exactly.

    ``R1 = (1 - p)/(2 n p) sum_i sum_j |W_j|^2 f_j(x_i)^2`` with the keep probability p = 1 - dropout, the columns W_j of the
    last layer's weight and the activations f_j of the last hidden layer, without dropout.

    Attributes:
        coefficient: what it is multiplied by; of either sign.

    Source: Zhang and Xu, Implicit regularization of dropout (2024), lemma 1; the dropout lecture, section 1.2, whose
    section 1.4 leaves the factor in front out.
    """

    coefficient: float = 1.0

    def __call__(self, passes: Passes) -> Tensor:
        """The penalty, see `bench.parts.penalties.Penalty`."""
        sizes = passes.weight.square().sum(dim=-2).unsqueeze(-2)
        return passes.odds / 2 * ((passes.features.square() * sizes).sum(dim=-1) * passes.shares).sum(dim=-1)

    def obstacle(self, cell: Cell, rates: Sequence[float]) -> str:
        """See `bench.parts.penalties.Penalty`; its theorem takes the squared loss, and dropout in front of the last layer alone."""
        if cell.objective.name != "squared":
            return f"its theorem takes the objective squared, and this is {cell.objective.name}"
        if not rates:
            return "its theorem takes dropout in front of the last layer, and the model has no place for it"
        if any(rates[:-1]):
            return (
                f"its theorem takes dropout in front of the last layer alone, and the rates are {list(rates)}; write {[0.0] * (len(rates) - 1) + [rates[-1]]}"
            )
        return ""
