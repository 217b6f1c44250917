"""What the statistics hold at few seeds, by simulation: `make simulate` prints the tables and writes them into docs/statistics.md.

Everything is drawn from one seed per table. The tests of `bench.analysis` are repeated here over whole arrays, as
20,000 repetitions of a call are slow; tests/analysis/test_simulations.py holds them to be the same.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import special, stats

from bench.analysis.equivalence import EQUIVALENCE_LEVEL
from bench.analysis.power import seeds_needed
from bench.analysis.shares import fewest_for_share, mcnemar
from bench.analysis.signs import sign_flip
from bench.analysis.statistics import LEVEL, paired
from bench.analysis.trends import page

REPETITIONS = 20_000
PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
ALPHA = 1 - LEVEL
SEEDS = (3, 5, 10)
CORRELATIONS = (0.0, 0.1, 0.3, 0.6)
CHUNK = 2_000

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
DIFFERENCES: dict[str, Draw] = {
    "normal": lambda random, shape: random.normal(0, 1, shape) - random.normal(0, 1, shape),
    "normal, SDs of the arms 1 and 3": lambda random, shape: random.normal(0, 3, shape) - random.normal(0, 1, shape),
    "Laplace": lambda random, shape: random.laplace(0, 1, shape),
    "t with 3 degrees of freedom": lambda random, shape: random.standard_t(3, shape),
    "normal, an SD of its own for each seed": lambda random, shape: random.normal(0, 1, shape) * np.exp(random.normal(0, 0.5, shape)),
    "uniform": lambda random, shape: random.uniform(-1, 1, shape),
    "skewed (gamma, skew 1)": lambda random, shape: random.gamma(4, 1, shape) - 4,
    "exponential (skew 2)": lambda random, shape: random.exponential(1, shape) - 1,
    "lognormal (skew 6)": lambda random, shape: random.lognormal(0, 1, shape) - math.exp(0.5),
    "a tenth of one arm 10 SD lower, averaged in": lambda random, shape: random.normal(0, 1, shape) + 1 - 10 * (random.uniform(0, 1, shape) < 0.1),
}
ARMS: dict[str, Draw] = {
    "normal": lambda random, shape: random.normal(0, 1, shape),
    "exponential": lambda random, shape: random.exponential(1, shape),
}


@dataclass(frozen=True)
class Figures:
    """A table of probabilities, or of counts.

    Attributes:
        name: its marker in the page.
        columns: the heading of the labels, then one per number.
        rows: label -> its numbers.
        repetitions: how often each was simulated; 0 where it is exact.
    """

    name: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[float, ...]]
    repetitions: int

    def markdown(self) -> str:
        lines = [self.columns, ("---",) * len(self.columns), *((label, *map(shown, row)) for label, row in self.rows.items())]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:.3f}"


def t_test(differences: np.ndarray) -> np.ndarray:
    """Two-sided p of each t test over the last axis, as `bench.analysis.statistics.paired` gives it without a resolution."""
    n = differences.shape[-1]
    mean, sd = differences.mean(axis=-1), differences.std(axis=-1, ddof=1)
    constant = np.ptp(differences, axis=-1) <= 1e-12 * np.abs(differences).max(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(n - 1, -np.abs(mean) / sd * math.sqrt(n))
    return np.where(constant, np.where(mean == 0, 1.0, 2.0 ** (1 - n)), p)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p over the last axis, as `bench.analysis.multiplicity.holm`."""
    order = np.argsort(p, axis=-1)
    steps = np.take_along_axis(p, order, axis=-1) * (p.shape[-1] - np.arange(p.shape[-1]))
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(1, np.maximum.accumulate(steps, axis=-1)), axis=-1)
    return adjusted


def naive(differences: np.ndarray) -> np.ndarray:
    """The control: a t test that takes cells × seeds for replicates. No part of bench does so."""
    return t_test(differences.reshape(len(differences), -1))


def cells_of_shared_seeds(random: np.random.Generator, draw: Draw, shape: tuple[int, int, int], correlation: float) -> np.ndarray:
    """Differences of two arms alike in law, shape (repetitions, cells, seeds); cells correlate through what their seeds share."""
    repetitions, cells, n = shape

    def arm() -> np.ndarray:
        return math.sqrt(correlation) * draw(random, (repetitions, 1, n)) + math.sqrt(1 - correlation) * draw(random, (repetitions, cells, n))

    return arm() - arm()


def chunks(repetitions: int) -> Iterator[int]:
    yield from (min(CHUNK, repetitions - start) for start in range(0, repetitions, CHUNK))


def coverage(repetitions: int) -> Figures:
    """How often the 95% t interval holds the true mean."""
    random = np.random.default_rng(1)
    rows = {label: tuple(float(np.mean(t_test(draw(random, (repetitions, n))) >= ALPHA)) for n in SEEDS) for label, draw in DIFFERENCES.items()}
    return Figures("coverage", ("paired difference", *(f"n = {n}" for n in SEEDS)), rows, repetitions)


FALSE_POSITIVES = ("one cell", "Holm over 12", "average over 20", "average over 50", "gate over 20", "20 × n", "50 × n")


def false_positives(repetitions: int) -> Figures:
    """How often something is found where nothing changed in law."""
    random = np.random.default_rng(2)
    rows = {}
    for label, draw in ARMS.items():
        for n in SEEDS:
            for correlation in CORRELATIONS:
                shares = [(size, _found_in(cells_of_shared_seeds(random, draw, (size, 50, n), correlation))) for size in chunks(repetitions)]
                found = np.average([share for _, share in shares], axis=0, weights=[size for size, _ in shares])
                rows[f"{label}, n = {n}, ρ = {correlation:g}"] = tuple(map(float, found))
    return Figures("false-positives", ("arms", *FALSE_POSITIVES), rows, repetitions)


def _found_in(differences: np.ndarray) -> np.ndarray:
    """The share of repetitions in which each of `FALSE_POSITIVES` finds something; of one cell, averaged over the cells."""
    p = t_test(differences)
    worse = (holm(p[:, :20]) < ALPHA) & (differences[:, :20].mean(axis=-1) < 0)
    twenty, fifty = differences[:, :20].mean(axis=1), differences.mean(axis=1)
    average = t_test(twenty)
    gate = worse.any(axis=-1) | ((average < ALPHA) & (twenty.mean(axis=-1) < 0))
    found = (
        (p < ALPHA).mean(axis=-1),
        (holm(p[:, :12]) < ALPHA).any(axis=-1),
        average < ALPHA,
        t_test(fifty) < ALPHA,
        gate,
        naive(differences[:, :20]) < ALPHA,
        naive(differences) < ALPHA,
    )
    return np.mean(found, axis=1)


def power(repetitions: int) -> Figures:
    """How often a true difference is found."""
    random = np.random.default_rng(3)
    rows = {}
    for effect in (0.5, 1.0, 2.0, 3.0, 5.0):
        alone, among = [], []
        for n in SEEDS:
            differences = random.normal(0, 1, (repetitions, 10, n))
            differences[:, 0] += effect
            p = t_test(differences)
            alone.append(float(np.mean(p[:, 0] < ALPHA)))
            among.append(float(np.mean(holm(p)[:, 0] < ALPHA)))
        rows[f"{effect:g} SD"] = (*alone, *among)
    columns = (*(f"n = {n}" for n in SEEDS), *(f"n = {n}, one of 10 cells (Holm)" for n in SEEDS))
    return Figures("power", ("true difference", *columns), rows, repetitions)


def suite_wide(repetitions: int) -> Figures:
    """How often a change that moves 44 cells alike is found, in some cell after Holm and on average."""
    random = np.random.default_rng(4)
    rows = {}
    for effect in (0.5, 1.0, 2.0):
        for correlation in (0.0, 0.3):
            found = []
            for n in SEEDS:
                counts = np.zeros(2)
                for size in chunks(repetitions):
                    differences = cells_of_shared_seeds(random, ARMS["normal"], (size, 44, n), correlation) / math.sqrt(2) + effect
                    counts += [(holm(t_test(differences)) < ALPHA).any(axis=-1).sum(), (t_test(differences.mean(axis=1)) < ALPHA).sum()]
                found.append(counts / repetitions)
            rows[f"{effect:g} SD in every cell, ρ = {correlation:g}"] = tuple(float(share[which]) for which in (0, 1) for share in found)
    columns = (*(f"n = {n}, some cell (Holm)" for n in SEEDS), *(f"n = {n}, average" for n in SEEDS))
    return Figures("suite-wide", ("change", *columns), rows, repetitions)


def equivalence(repetitions: int) -> Figures:
    """How often a difference is called the same, within an amount: where it is just that large, and where it is none."""
    random = np.random.default_rng(5)
    rows = {}
    for amount in (1.0, 2.0):
        for true in (amount, 0.0):
            shares = []
            for n in SEEDS:
                differences = random.normal(true, 1, (repetitions, n))
                shares.append(float(np.mean(called_the_same(differences, amount))))
            rows[f"within {amount:g} SD, truly {true:g}"] = tuple(shares)
    return Figures("equivalence", ("called the same", *(f"n = {n}" for n in SEEDS)), rows, repetitions)


def called_the_same(differences: np.ndarray, amount: float) -> np.ndarray:
    """Whether the 90% interval over the last axis lies within an amount, as `bench.analysis.equivalence.equivalent`."""
    n = differences.shape[-1]
    half = special.stdtrit(n - 1, (1 + EQUIVALENCE_LEVEL) / 2) * differences.std(axis=-1, ddof=1) / math.sqrt(n)
    return np.asarray(np.abs(differences.mean(axis=-1)) + half <= amount)


def trends(repetitions: int) -> Figures:
    """How often a trend over five points is found where there is none; values of a seed correlate by a half."""
    random = np.random.default_rng(6)
    x = np.arange(5.0)
    rows: dict[str, list[float]] = {"slope per seed, then t": [], "Kendall's τ per seed, then t": [], "Page's L": []}
    for n in SEEDS:
        values = random.normal(0, 1, (repetitions, n, 5)) + random.normal(0, 1, (repetitions, n, 1))
        rows["slope per seed, then t"].append(float(np.mean(t_test(values @ (x - x.mean())) < ALPHA)))
        rows["Kendall's τ per seed, then t"].append(float(np.mean(t_test(kendall_taus(values)) < ALPHA)))
        rows["Page's L"].append(float(np.mean(page_p(values) < ALPHA)))
    return Figures("trends", ("test", *(f"n = {n}" for n in SEEDS)), {label: tuple(row) for label, row in rows.items()}, repetitions)


def kendall_taus(values: np.ndarray) -> np.ndarray:
    """τ of each row of the last axis with its position; there are no ties."""
    first, second = np.triu_indices(values.shape[-1], 1)
    return np.sign(values[..., second] - values[..., first]).mean(axis=-1)


def page_p(values: np.ndarray) -> np.ndarray:
    """p of `bench.analysis.trends.page` of each table; equal L have equal p, so each L is asked once."""
    points = np.arange(values.shape[-1])
    statistic = (values.argsort(axis=-1).argsort(axis=-1).sum(axis=1) * points).sum(axis=-1)
    _, first, place = np.unique(statistic, return_index=True, return_inverse=True)
    return np.array([page(values[index], points) for index in first])[place]


def secondary(repetitions: int) -> Figures:
    """How often the tests beside the t test find something where nothing changed in law."""
    random = np.random.default_rng(7)
    rows: dict[str, list[float]] = {"sign flips": [], "sign flips of 4 arms against a control (max-t)": [], "Wilcoxon": []}
    for n in (6, 10):
        differences = random.laplace(0, 1, (repetitions, n))
        arms = random.normal(0, 1, (repetitions, n, 4)) - random.normal(0, 1, (repetitions, n, 1))
        rows["sign flips"].append(float(np.mean([sign_flip(each)[0] < ALPHA for each in differences])))
        rows["sign flips of 4 arms against a control (max-t)"].append(float(np.mean([min(sign_flip(each)) < ALPHA for each in arms])))
        rows["Wilcoxon"].append(float(np.mean(stats.wilcoxon(differences, axis=1).pvalue < ALPHA)))
    return Figures("secondary", ("test", "n = 6", "n = 10"), {label: tuple(row) for label, row in rows.items()}, repetitions)


def failures(repetitions: int) -> Figures:
    """How often McNemar's exact test finds more failures on one side where both fail alike."""
    random = np.random.default_rng(8)
    counts = (5, 10, 20)
    rows = {}
    for rate in (0.1, 0.3, 0.5):
        shares = []
        for n in counts:
            table = np.array([[mcnemar(one, other) for other in range(n + 1)] for one in range(n + 1)])
            base, head = random.uniform(0, 1, (2, repetitions, n)) < rate
            shares.append(float(np.mean(table[(base & ~head).sum(axis=1), (head & ~base).sum(axis=1)] < ALPHA)))
        rows[f"{rate:.0%} of both sides fail"] = tuple(shares)
    return Figures("failures", ("failures", *(f"n = {n}" for n in counts)), rows, repetitions)


def one_image() -> Figures:
    """Exactly: the largest share of false positives when each seed moves by −1, 0 or 1 test image of 1000, up as often as down."""
    rows = {}
    for n in range(3, 13):
        outcomes = [(up, down, _found_in_steps(n, up, down)) for up in range(n + 1) for down in range(n + 1 - up)]
        shares = [sum(_chance(n, up, down, moved / 20) * found for up, down, found in outcomes) for moved in range(1, 21)]
        rows[f"n = {n}"] = tuple(map(float, np.max(shares, axis=0)))
    return Figures("one-image", ("seeds", "t alone", "t with the floor of the variance", "as compare tests"), rows, 0)


def _chance(n: int, up: int, down: int, moved: float) -> float:
    """That so many of n seeds move up and down, when each moves with a given probability."""
    return math.comb(n, up) * math.comb(n - up, down) * (moved / 2) ** (up + down) * (1 - moved) ** (n - up - down)


def _found_in_steps(n: int, up: int, down: int) -> np.ndarray:
    """Whether each of the three tests finds a difference."""
    steps = np.repeat([1.0, -1.0, 0.0], [up, down, n - up - down])
    p = (*_t_of(steps), paired(np.full(n, 0.9), 0.9 + steps / 1000, "points", 0.001).p)
    return np.array([value is not None and value < ALPHA for value in p])


def _t_of(steps: np.ndarray) -> tuple[float, float]:
    """p of the plain t test, and of that with the floor of a sixth of a squared step and of 2^(1−n) for equal steps."""
    n, mean, sd = len(steps), steps.mean(), steps.std(ddof=1)
    plain = (1.0 if mean == 0 else 0.0) if sd == 0 else float(t_test(steps[None])[0])
    floored = float(2 * special.stdtr(n - 1, -abs(mean) / max(sd, math.sqrt(1 / 6)) * math.sqrt(n)))
    return plain, max(floored, 2.0 ** (1 - n)) if sd == 0 and mean else floored


def seeds() -> Figures:
    """Exactly: how many seeds give a power of 80%."""
    rows = {f"{effect:g} SD": tuple(seeds_needed(effect, 1.0, ALPHA / tests) or 0 for tests in (1, 10, 40)) for effect in (0.5, 1.0, 1.5, 2.0, 3.0)}
    return Figures("seeds", ("true difference", "one test", "Holm over 10", "Holm over 40"), rows, 0)


def shares() -> Figures:
    """Exactly: how many seeds show a share, where it fails in none, one or two."""
    rows = {f"more than {least:.0%}": tuple(fewest_for_share(least, misses) for misses in range(3)) for least in (0.5, 0.8, 0.9)}
    return Figures("shares", ("of the seeds", "in all of", "in all but one of", "in all but two of"), rows, 0)


SIMULATED: tuple[Callable[[int], Figures], ...] = (coverage, false_positives, power, suite_wide, equivalence, trends, secondary, failures)
EXACT: tuple[Callable[[], Figures], ...] = (one_image, seeds, shares)


def written_in(page: str, table: Figures) -> str:
    """The page with a table between its markers."""
    before, marker, rest = page.partition(f"<!-- simulate: {table.name} -->\n")
    old, end, after = rest.partition("<!-- end -->")
    if not marker or not end or "<!--" in old:
        raise SystemExit(f"{PAGE} has no place for the table {table.name}")
    return f"{before}{marker}{table.markdown()}\n{end}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the tables of docs/statistics.md, and write them there.")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--print-only", action="store_true", help="leave the page as it is")
    options = parser.parse_args()
    start = time.perf_counter()
    tables = [*(simulate(options.repetitions) for simulate in SIMULATED), *(table() for table in EXACT)]
    text = PAGE.read_text(encoding="utf-8")
    for table in tables:
        print(f"{table.name}\n{table.markdown()}\n")
        text = written_in(text, table)
    if not options.print_only:
        PAGE.write_text(text, encoding="utf-8")
    print(f"{options.repetitions} repetitions in {time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
