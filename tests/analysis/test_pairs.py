"""Claims in an experiment with pairs of runs: each metric is judged by its own rows, and a difference may be from a multiple."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.analysis.claims import judge
from bench.metric import Metric
from tests.analysis.demo_rows import METRICS, cell, frame, row, seeds
from tests.analysis.test_claims import claims

BARRIER = Metric("barrier", "", "lower", "raw", "rise of the loss")
KNOWN = {**METRICS, BARRIER.name: BARRIER}
NOISE = np.array([-1, 0, 1, 0.5, -0.5])


def runs():
    """Runs of two drop rates, with an accuracy and without a barrier."""
    made = [seeds(0.9 + 0.01 * NOISE, cell(dropout=rate), {"dropout": f"{rate:g}"}, barrier=None) for rate in (0.0, 0.5)]
    return [one for several in made for one in several]


def pairs(name, values, status="ok"):
    """Pairs of a name, with a barrier and without an accuracy."""
    made = []
    for seed, value in enumerate(values):
        one = row(cell(), seed, {"pair": name}, **{"barrier": float(value), "test_accuracy": None, "hp.pair": name, "status": status})
        made.append({**one, "pair": json.dumps(["f" * 64, "e" * 64]), "run_id": f"{name}{seed}", "hp.dropout": None})
    return made


def verdict(body, *rows):
    return judge(claims(c=body), "paper", frame(*rows), KNOWN)[0]


ACCURACY = """
metric: test_accuracy
value: {}
says: {value: ">= 0.5"}
"""
HIGH = """
metric: barrier
value: {pair: far}
says: {value: ">= 0.5"}
"""


def test_a_claim_about_runs_leaves_pairs_aside():
    found = verdict(ACCURACY, runs(), pairs("far", 1 + 0.1 * NOISE))
    assert (found.verdict, [finding.cell for finding in found.findings]) == ("reproduced", ["dropout=0", "dropout=0.5"])


def test_a_claim_about_pairs_leaves_runs_aside():
    found = verdict(HIGH, runs(), pairs("far", 1 + 0.1 * NOISE), pairs("near", 0.01 * NOISE))
    assert (found.verdict, len(found.findings)) == ("reproduced", 1)


def test_pairs_that_all_failed_are_no_evidence():
    found = verdict(HIGH, runs(), pairs("far", 1 + 0.1 * NOISE, status="diverged"))
    assert found.verdict == "not run"


@pytest.mark.parametrize(("times", "expected"), [(None, "reproduced"), (10, "reproduced"), (50, "contradicted")])
def test_a_difference_may_be_from_a_multiple(times, expected):
    """1 against 0.05: above 10 times it, and below 50 times."""
    taken = "" if times is None else f"times: {times}"
    body = f"""
    metric: barrier
    contrast: {{pair: far}}
    against: {{pair: near}}
    {taken}
    says: {{difference: "> 0"}}
    """
    found = verdict(body, runs(), pairs("far", 1 + 0.01 * NOISE), pairs("near", 0.05 + 0.001 * NOISE[::-1]))
    assert found.verdict == expected
    assert found.effect == pytest.approx(1 - (times or 1) * 0.05)
    assert found.says == ("difference > 0" if times is None else f"difference > 0 from {times} times as much")


@pytest.mark.parametrize("body", ["contrast: {pair: far}\nagainst: {pair: near}\nsays: {ratio: '> 1'}", "value: {pair: far}\nsays: {value: '> 1'}"])
def test_times_goes_with_a_difference_alone(body):
    with pytest.raises(AssertionError):
        claims(c=f"metric: barrier\ntimes: 2\n{body}")
    assert claims(c=f"metric: barrier\n{body}")
