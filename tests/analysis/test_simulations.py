"""The short, seeded form of `make simulate`: what the statistics promise holds, and the page prints what is simulated."""

from __future__ import annotations

import functools
import math
import re

import numpy as np
import pytest
from scipy import stats

from bench.analysis import multiplicity, trends
from bench.analysis.equivalence import equivalent
from bench.analysis.statistics import mean_interval, paired
from benchmarks import simulations
from benchmarks.simulations import ALPHA, EXACT, PAGE, REPETITIONS, SIMULATED, Figures

SHORT = {"coverage": 20_000, "power": 8_000, "equivalence": 20_000, "trends": 8_000, "failures": 8_000}
SHORTEST = 2_500
NAMES = [function.__name__.replace("_", "-") for function in SIMULATED]
SYMMETRIC = ("Laplace", "t with 3 degrees of freedom", "normal, an SD of its own for each seed")


@functools.cache
def simulated(name: str) -> Figures:
    function = SIMULATED[NAMES.index(name)]
    return function(SHORT.get(name, SHORTEST))


@functools.cache
def printed(name: str) -> dict[str, tuple[float, ...]]:
    """The numbers of a table of the page."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"<!-- simulate: {name} -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    assert found is not None
    lines = [line.strip("| ").split(" | ") for line in found[1].splitlines()[2:]]
    return {label: tuple(map(float, numbers)) for label, *numbers in lines}


def error(share: float, repetitions: int) -> float:
    """The Monte-Carlo standard error of a share."""
    return math.sqrt(share * (1 - share) / repetitions)


def allowed(repetitions: int, looks: int = 1) -> float:
    """5% and two standard errors; as rare as that for the largest of several shares that are looked at."""
    return ALPHA + float(stats.norm.isf(stats.norm.sf(2) / looks)) * error(ALPHA, repetitions)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_prints_what_is_simulated(name):
    table, page = simulated(name), printed(name)
    assert list(table.rows) == list(page)
    looks = sum(map(len, page.values()))
    far = stats.norm.isf(stats.norm.sf(3) / looks)
    for label, numbers in table.rows.items():
        for ours, theirs in zip(numbers, page[label], strict=True):
            middle = (ours * table.repetitions + theirs * REPETITIONS + 1) / (table.repetitions + REPETITIONS + 2)
            spread = math.hypot(error(middle, table.repetitions), error(middle, REPETITIONS))
            assert abs(ours - theirs) <= far * spread + 0.0005, label


@pytest.mark.parametrize("make", EXACT)
def test_the_page_prints_what_is_exact(make):
    table = make()
    assert printed(table.name) == {label: tuple(float(simulations.shown(number)) for number in numbers) for label, numbers in table.rows.items()}


@pytest.mark.parametrize("label", ["normal", "normal, SDs of the arms 1 and 3"])
def test_the_interval_covers_normal_differences(label):
    assert simulated("coverage").rows[label] == pytest.approx((0.95,) * 3, abs=0.01)
    assert printed("coverage")[label] == pytest.approx((0.95,) * 3, abs=0.01)


@pytest.mark.parametrize("label", SYMMETRIC)
def test_the_interval_covers_under_symmetric_heavy_tails(label):
    table = simulated("coverage")
    assert min(table.rows[label]) >= 0.95 - 2 * error(0.95, table.repetitions)
    assert min(printed("coverage")[label]) >= 0.95 - 2 * error(0.95, REPETITIONS)


OFFERED = ("one cell", "Holm over 12", "average over 20", "average over 50", "gate over 20")
NAIVE = ("20 × n", "50 × n")


def column(rows: dict[str, tuple[float, ...]], name: str) -> dict[str, float]:
    place = simulations.FALSE_POSITIVES.index(name)
    return {label: numbers[place] for label, numbers in rows.items()}


@pytest.mark.parametrize("name", OFFERED)
def test_false_positives_are_at_most_one_in_twenty(name):
    table = simulated("false-positives")
    shares = list(column(table.rows, name).values())
    assert max(shares) <= allowed(table.repetitions, len(shares))
    assert np.mean(shares) <= allowed(table.repetitions * len(shares))
    assert max(column(printed("false-positives"), name).values()) <= allowed(REPETITIONS)


@pytest.mark.parametrize("name", NAIVE)
def test_cells_times_seeds_fail_the_same_test(name):
    table = simulated("false-positives")
    dependent = {label: share for label, share in column(table.rows, name).items() if not label.endswith("ρ = 0")}
    assert len(dependent) == 18
    assert min(dependent.values()) > allowed(table.repetitions, len(table.rows)) + 0.1


@pytest.mark.parametrize("name", ["trends", "secondary", "failures"])
def test_the_other_tests_hold_their_level(name):
    table = simulated(name)
    shares = [share for numbers in table.rows.values() for share in numbers]
    assert max(shares) <= allowed(table.repetitions, len(shares))


def test_what_is_just_not_the_same_is_called_so_in_one_of_twenty():
    rows = simulated("equivalence").rows
    assert max(rows["within 1 SD, truly 1"] + rows["within 2 SD, truly 2"]) <= allowed(SHORT["equivalence"], 6)
    assert rows["within 2 SD, truly 0"][1] > 0.9


def test_a_suite_wide_change_is_found_on_average_where_no_cell_shows_it():
    some_cell, on_average = simulated("suite-wide").rows["1 SD in every cell, ρ = 0"][::3]
    assert some_cell < 0.25
    assert on_average > 0.99


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_tests_that_are_repeated_are_those_of_bench(n):
    random = np.random.default_rng(n)
    tables = random.normal(0.3, 1, (50, 12, n))
    p = simulations.t_test(tables)
    for index, cells in enumerate(tables):
        base = np.zeros(n)
        assert p[index] == pytest.approx([paired(base, cell, "raw").p for cell in cells])
        assert simulations.holm(p)[index] == pytest.approx(multiplicity.holm(list(p[index])))
        average = paired(np.zeros((n, 12)), cells.T, "raw")
        assert simulations.t_test(cells.mean(axis=0)[None])[0] == pytest.approx(average.p)
    constant = np.array([[2.0] * n, [0.0] * n])
    assert simulations.t_test(constant) == pytest.approx([paired(np.zeros(n), row, "raw").p for row in constant])


def test_trends_and_equivalence_that_are_repeated_are_those_of_bench():
    values, x = np.random.default_rng(0).normal(0, 1, (40, 4, 5)), np.arange(5.0)
    assert simulations.page_p(values) == pytest.approx([trends.page(table, x) for table in values])
    assert simulations.t_test(simulations.kendall_taus(values)) == pytest.approx([trends.kendall(table, x).p for table in values])
    assert simulations.t_test(values @ (x - x.mean())) == pytest.approx([trends.slope(table, x).p for table in values])
    same = simulations.called_the_same(values[:, 0], 1.0)
    assert list(same) == [equivalent(mean_interval(row), 1.0) for row in values[:, 0]]
    assert 0 < same.mean() < 1
