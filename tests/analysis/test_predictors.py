"""Rank correlations with the generalization gap: known answers, plain loops, and what a pooled correlation hides."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.analysis.predictors import FEWEST_EFFECTIVE, predictions, predictors
from bench.analysis.statistics import mean_interval
from bench.errors import UsageError
from tests.analysis.predictor_rows import MARGIN, METRICS, SHARPNESS, grid, noisy
from tests.oracles import predictors as oracle

AXES = {"lr": [0.1, 0.2, 0.4], "width": [8, 16, 32]}


def gap(seed, lr, width):
    return 0.1 + 0.05 * lr + 0.2 * width + 0.001 * seed


def of(predictor, **options):
    """An experiment whose gap rises along both axes, and what a function of the gap and the seed predicts."""
    return grid(AXES, lambda seed, *places: {"generalization_gap": gap(seed, *places), "sharpness": predictor(gap(seed, *places), seed, *places)}, **options)


def only(runs, metrics=METRICS):
    (found,) = predictions(runs, metrics)
    return found


@pytest.mark.parametrize(
    ("predictor", "tau", "error"), [(lambda g, *_: g**3, 1, 0), (lambda g, *_: -g, -1, 1), (lambda *_: 2.5, 0, 0.5)], ids=["perfect", "inverse", "constant"]
)
def test_known_predictors(predictor, tau, error):
    found = only(of(predictor))
    assert (found.runs, found.dropped, found.cells) == (27, 0, 9)
    assert (found.tau.mean, found.granulated.mean, found.error.mean, found.worst.error.mean) == (tau, tau, error, error)
    assert [(along.axis, along.pairs, along.granulated.mean, along.error.mean) for along in found.along] == [("lr", 27, tau, error), ("width", 27, tau, error)]
    assert found.tau.n == found.error.n == 3
    assert found.tau.low is None  # the same value in all of three seeds says nothing of their spread


def test_a_random_predictor_is_a_coin():
    random = np.random.default_rng(1)
    axes = {"a": list(range(6)), "b": list(range(6)), "c": list(range(3))}
    values = lambda seed, *places: {"generalization_gap": random.random(), "sharpness": random.random()}  # noqa: E731
    found = only(grid(axes, values, 5))
    assert abs(found.tau.mean) < 0.1
    assert abs(found.error.mean - 0.5) < 0.05
    assert found.tau.low < 0 < found.tau.high
    assert found.error.low < 0.5 < found.error.high


def test_where_higher_is_better_the_negative_predicts():
    runs = of(lambda g, *_: -g).rename(columns={"sharpness": "margin"})
    assert only(runs, {"margin": MARGIN}).tau.mean == 1


def test_a_measure_that_follows_the_gap_over_cells_and_no_axis_is_exposed():
    """Simpson: width moves both far, and within every width the order along lr is turned; the other axis by itself is right."""
    found = only(of(lambda g, seed, lr, width: 10.0 * width - lr))
    along = {each.axis: each for each in found.along}
    assert found.tau.mean == pytest.approx(1 - 2 * 9 / 36)
    assert (along["lr"].granulated.mean, along["lr"].error.mean) == (-1, 1)
    assert (along["width"].granulated.mean, along["width"].error.mean) == (1, 0)
    assert (found.worst.axis, found.worst.error.mean, found.error.mean, found.granulated.mean) == ("lr", 1, 0.5, 0)


def test_a_measure_that_is_wrong_along_every_axis():
    """Tied values move measure and gap together; what can be changed by itself moves them apart."""
    cells = [{"axis.case": str(case), "axis.lr": str(lr + 10 * case), "axis.wd": str(wd)} for case in range(4) for lr in range(2) for wd in range(2)]
    numbers = [(case, lr, wd) for case in range(4) for lr in range(2) for wd in range(2)]
    base = of(lambda *_: 0.0).iloc[0].drop(["axis.lr", "axis.width"])
    rows = [
        {**base, **cell, "seed": seed, "generalization_gap": 0.1 * (2 * case + lr / 2 + wd), "sharpness": 9.0 * case - lr - 2 * wd}
        for cell, (case, lr, wd) in zip(cells, numbers, strict=True)
        for seed in range(3)
    ]
    found = only(pd.DataFrame(rows))
    assert found.tau.mean > 0.5
    assert {each.axis: (each.granulated.mean, each.error.mean) for each in found.along} == {"lr": (-1, 1), "wd": (-1, 1)}


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_plain_loops(seed):
    runs = noisy(seed, {"a": [1, 2, 3, 4], "b": ["x", "y", "z"], "c": [0, 1]}, missing=0.2)
    runs.loc[runs["axis.c"] == "1", "axis.b"] = runs["axis.b"].where(runs["axis.b"] != "z")
    found = predictions(runs, METRICS)
    assert [each.converged for each in found] == [True, False]
    measured = runs[(runs["status"] == "ok") & runs["sharpness"].notna()]
    axes = ["axis.a", "axis.b", "axis.c"]
    for each, kept in zip(found, (measured[measured["train_loss"] < 0.01], measured), strict=True):
        rows = kept.astype(object).where(kept.notna(), None).to_dict("records")
        assert (each.runs, each.dropped) == (len(kept), len(measured) - len(kept))
        assert each.tau.mean == pytest.approx(mean_interval([oracle.tau(rows, seed, "sharpness") for seed in range(3)]).mean)
        for along in each.along:
            axis = f"axis.{along.axis}"
            assert along.pairs == len(oracle.coupled(rows, axis, axes))
            psi = [value for seed in range(3) if (value := oracle.granulated(rows, seed, axis, axes, "sharpness")) is not None]
            assert (along.granulated.mean, along.granulated.n) == (pytest.approx(np.mean(psi)), len(psi))
            assert along.effective == pytest.approx(oracle.effective(rows, axis, axes))
            errors = [value for seed in range(3) if (value := oracle.sign_error(rows, seed, axis, axes, "sharpness")) is not None]
            assert (along.error is not None) == (along.effective >= FEWEST_EFFECTIVE)
            assert along.error is None or along.error.mean == pytest.approx(np.mean(errors))
    assert any(along.error for each in found for along in each.along) or seed


def test_intervals_are_over_seeds():
    """Half of the seeds predict the gap, the others its negative; one cell more or less per seed is no replicate."""
    found = only(of(lambda g, seed, *_: g if seed % 2 else -g, seeds=4))
    expected = mean_interval([-1, 1, -1, 1])
    assert (found.tau.mean, found.tau.low, found.tau.high, found.tau.n) == (expected.mean, expected.low, expected.high, 4)


def test_without_ties_tau_is_kendalls():
    runs = noisy(3, {"a": list(range(12))}, seeds=1)
    runs[["sharpness", "generalization_gap"]] = np.random.default_rng(3).random((12, 2))
    assert only(runs).tau.mean == pytest.approx(stats.kendalltau(runs["sharpness"], runs["generalization_gap"]).statistic)


def test_gaps_that_differ_by_rounding_are_tied():
    """0.3 - 0.2 and 0.2 - 0.1 are one gap."""
    found = only(grid(AXES, lambda seed, lr, width: {"generalization_gap": (0.3 - 0.2, 0.2 - 0.1, 0.1)[lr], "sharpness": float(lr + 3 * width)}))
    assert found.tau.mean == 0


def test_runs_that_have_not_converged_are_dropped_and_counted():
    runs = of(lambda g, *_: g)
    late = runs["axis.lr"] == "0.4"
    runs.loc[late, ["train_loss", "sharpness"]] = [0.5, -9.0]
    runs.loc[0, "status"] = "diverged"
    runs.loc[1, "sharpness"] = np.nan
    first, second = predictions(runs, METRICS)
    assert (first.converged, first.runs, first.dropped, first.cells, first.tau.mean) == (True, 16, 9, 6, 1)
    assert (second.converged, second.runs, second.dropped, second.cells) == (False, 25, 0, 9)
    assert second.tau.mean < 1


def test_where_none_has_converged_there_are_no_numbers():
    first, second = predictions(of(lambda g, *_: g, train_loss=1.0), METRICS)
    assert (first.runs, first.dropped, first.cells, first.tau, first.granulated, first.error, first.along, first.worst) == (
        0,
        27,
        0,
        None,
        None,
        None,
        (),
        None,
    )
    assert second.tau.mean == 1


def test_a_seed_with_few_cells_gives_no_rank_correlation():
    runs = of(lambda g, *_: g)
    runs.loc[(runs["seed"] == 2) & (runs["axis.lr"] != "0.1"), "status"] = "crashed"
    found = only(runs)
    assert found.tau.n == 2
    assert {along.axis: along.granulated.n for along in found.along} == {"lr": 2, "width": 3}
    assert found.granulated.n == 2


def test_pairs_that_may_be_noise_give_no_sign_error():
    found = only(of(lambda g, *_: g, test_size=200))
    assert found.granulated.mean == 1
    assert {along.axis: along.error is None for along in found.along} == {"lr": True, "width": False}
    assert found.worst.axis == "width"
    assert only(of(lambda g, *_: g, test_size=2)).worst is None


def test_certain_pairs_outvote_uncertain_ones():
    """Three cells on a line: two steps of 2.1 points, of which one is ordered wrongly, and the certain way of 4.2 points right."""
    axes = {"lr": [1, 2, 3], "rest": list(range(4))}
    found = only(grid(axes, lambda seed, lr, rest: {"generalization_gap": 0.021 * lr, "sharpness": (0.0, 2.0, 1.0)[lr]}))
    near, far = ((1 - 2 * np.exp(-10_000 * difference**2 / 2)) ** 2 - 0.5 for difference in (0.021, 0.042))
    (along,) = [each for each in found.along if each.axis == "lr"]
    assert along.error.mean == pytest.approx(near / (2 * near + far))
    assert along.granulated.mean == pytest.approx(1 / 3)


def test_candidates_have_a_family_and_values():
    others = {name: SHARPNESS.__class__(name, "", "lower", "raw", "", family=family) for name, family in (("plain", ""), ("absent", "norm"), ("empty", "norm"))}
    runs = of(lambda g, *_: g).assign(plain=1.0, empty=np.nan, margin=1.0)
    assert [metric.name for metric in predictors(runs, {**METRICS, **others, "margin": MARGIN})] == ["margin", "sharpness"]


@pytest.mark.parametrize(
    "runs", [of(lambda g, *_: g).drop(columns="generalization_gap"), of(lambda g, *_: g)[:9], of(lambda g, *_: g)[:0], of(lambda g, *_: g, status="crashed")]
)
def test_too_little_gives_nothing(runs):
    assert predictions(runs, METRICS) == []


def test_two_rows_for_one_run_are_refused():
    runs = of(lambda g, *_: g)
    with pytest.raises(UsageError, match="two rows for one seed"):
        predictions(pd.concat([runs, runs[:1]]), METRICS)


def test_ten_thousand_runs_take_less_than_a_second():
    axes = {"a": list(range(5)), "b": list(range(5)), "c": list(range(5)), "d": list(range(4)), "e": list(range(4))}
    runs = noisy(0, axes, seeds=5, missing=0.1)
    runs = runs.assign(**{f"measure{number}": np.random.default_rng(number).random(len(runs)) for number in range(5)})
    known = {name: SHARPNESS.__class__(name, "", "lower", "raw", "", family="norm") for name in runs if name.startswith("measure")}
    started = time.process_time()
    found = predictions(runs, known)
    assert time.process_time() - started < 1
    assert len(runs) == 10_000
    assert len(found) == 10
