from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis.multiplicity import benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


@given(P_VALUES)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values):
    adjusted, alpha = holm(p_values), 0.05
    rejected = set()
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] * (len(p_values) - step) >= alpha:
            break
        rejected.add(index)
    assert {index for index, p in enumerate(adjusted) if p < alpha} == rejected
    assert all(given_p <= p <= 1 for given_p, p in zip(p_values, adjusted, strict=True))


def test_benjamini_and_hochberg_by_hand():
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert benjamini_hochberg([]) == []


@given(P_VALUES)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_benjamini_and_hochberg_reject_what_the_step_up_procedure_rejects(p_values):
    q, alpha, m = benjamini_hochberg(p_values), 0.05, len(p_values)
    ranks = [rank for rank, p in enumerate(sorted(p_values), 1) if p <= alpha * rank / m * (1 + 1e-12)]
    assert sum(value <= alpha * (1 + 1e-12) for value in q) == max(ranks, default=0)
    assert all(np.less_equal(q, np.add(holm(p_values), 1e-12)))
