"""Tests of randomness: arrays of bits -> p-values, each small in about that share of good generators.

The sources are D. Knuth, The Art of Computer Programming 2, section 3.3; P. L'Ecuyer and R. Simard, TestU01, 2007; and for
linear complexity R. Rueppel, Analysis and Design of Stream Ciphers, 1986.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy import fft, linalg, stats

CELLS = 64
"""Cells of equal probability in which the laws of spectra are compared."""
LEAST_EXPECTED = 10.0


def two_sided(lower, upper):
    return np.minimum(1.0, 2 * np.minimum(lower, upper))


def binomial(count, draws, probability=0.5):
    return two_sided(stats.binom.cdf(count, draws, probability), stats.binom.sf(count - 1, draws, probability))


def poisson(count, mean):
    return two_sided(stats.poisson.cdf(count, mean), stats.poisson.sf(count - 1, mean))


def chi_square(observed, probabilities):
    """Two-sided, so that bits that are too even fail too; the cells in which least is expected are one cell."""
    expected = probabilities * observed.sum()
    order = np.argsort(expected, kind="stable")
    merged = 1 + max(np.searchsorted(expected[order], LEAST_EXPECTED), np.searchsorted(np.cumsum(expected[order]), LEAST_EXPECTED))
    if merged >= len(order):
        return 0.0  # too little to be bits of that law
    seen, awaited = (np.append(cells[order[merged:]], cells[order[:merged]].sum()) for cells in (observed, expected))
    statistic = ((seen - awaited) ** 2 / awaited).sum()
    law = stats.chi2(len(seen) - 1)
    return two_sided(law.cdf(statistic), law.sf(statistic))


def greatest_normal(values):
    """That any of standard normal values is as far out as the farthest, at most."""
    return min(1.0, values.size * 2 * float(stats.norm.sf(max(float(values.max()), -float(values.min())))))


def signs(kept):
    """Bits of probability 1/2 -> ±1."""
    return 1 - 2 * kept.astype(np.float32)


def rate(kept, drop):
    """How many are dropped, in all and in each half of each axis."""
    halves = [half for axis in range(kept.ndim) for half in np.array_split(kept, 2, axis=axis) if kept.shape[axis] > 1]
    return [binomial(part.size - np.count_nonzero(part), part.size, drop) for part in (kept, *halves)]


def weights(kept, drop):
    """The number kept in each line along each axis is binomial."""
    found = []
    for axis, length in enumerate(kept.shape):
        counts = np.bincount(np.count_nonzero(kept, axis=axis).ravel(), minlength=length + 1)
        found.append(chi_square(counts, stats.binom.pmf(np.arange(length + 1), length, 1 - drop)))
    return found


def patterns(kept, *runs):
    """The patterns, as numbers, of disjoint blocks; a run (axis, size, lag) takes `size` places of an axis, `lag` apart."""
    codes, width = kept.astype(np.uint16), 1
    for axis, size, lag in runs:
        codes = codes.reshape(*codes.shape[:axis], -1, size, lag, *codes.shape[axis + 1 :])
        taken = np.moveaxis(codes, axis + 1, 0)
        codes = sum(part << (width * place) for place, part in enumerate(taken))
        codes = codes.reshape(*codes.shape[:axis], -1, *codes.shape[axis + 2 :])
        width *= size
    return np.bincount(codes.ravel(), minlength=1 << width), width


def law_of_patterns(width, drop):
    kept = np.bitwise_count(np.arange(1 << width)).astype(float)
    return (1 - drop) ** kept * drop ** (width - kept)


def blocks(kept, drop, lags=(1, 2, 4, 8)):
    """The joint law of eight neighbours along each axis, and of those at a distance."""
    runs = [(axis, 8, lag) for axis, length in enumerate(kept.shape) for lag in lags if length % (8 * lag) == 0]
    return [chi_square(counts, law_of_patterns(width, drop)) for counts, width in (patterns(kept, run) for run in runs)]


def rectangles(kept, drop):
    """The joint law of 2 × 4 neighbours in each plane."""
    planes = itertools.permutations(range(kept.ndim), 2)
    found = (patterns(kept, (one, 2, 1), (other, 4, 1)) for one, other in planes)
    return [chi_square(counts, law_of_patterns(width, drop)) for counts, width in found]


def own_opposites(shape):
    """Indices of the places that are their own opposite: 0, and the half of an even length, along each axis."""
    return np.ix_(*([0, length // 2] if length % 2 == 0 else [0] for length in shape))


def one_of_each_pair(shape):
    """Of the frequencies that `rfftn` gives, those of which none is another's conjugate, nor its own."""
    *leading, last = shape
    numbers = np.arange(math.prod(leading)).reshape(leading)
    opposite = numbers[np.ix_(*(-np.arange(length) % length for length in leading))]
    chosen = np.ones((*leading, last // 2 + 1), dtype=bool)
    for edge in {0, last // 2 if last % 2 == 0 else 0}:
        chosen[..., edge] = numbers < opposite
    return chosen


def spectrum(kept):
    """The power at each frequency is exponential: its greatest (Fisher's test), its spread (Greenwood's), its whole law; and correlations.

    As the bits are ±1 the mean power is known (Parseval), which Greenwood's law takes into account; it makes the chi-square of
    the whole law a little smaller than the law named, which is one-sided. A power at a real frequency is chi-square with 1 degree.
    The transform of the power is the correlation of the bits with themselves moved by each distance along all axes at once.
    """
    shape = tuple(length for length in kept.shape if length > 1)
    power = np.abs(fft.rfftn(signs(kept).reshape(shape)))
    power *= power / np.float32(kept.size)
    correlations = fft.irfftn(power, shape)
    correlations *= math.sqrt(kept.size)
    correlations[own_opposites(shape)] /= math.sqrt(2)  # there each pair of bits counts twice
    correlations.flat[0] = 0
    farthest = greatest_normal(correlations)
    del correlations
    real = power[own_opposites(shape)]
    power = power[one_of_each_pair(shape)]
    spread = np.mean(np.square(power), dtype=np.float64) / np.mean(power, dtype=np.float64) ** 2
    return [
        min(1.0, power.size * math.exp(-float(power.max()))),
        min(1.0, real.size * float(stats.chi2(1).sf(float(real.max())))),
        2 * stats.norm.sf(abs(spread - 2) * math.sqrt(power.size) / 2),
        law_in_cells(np.exp(-power)),
        farthest,
    ]


def law_in_cells(uniform):
    """One-sided chi-square of numbers that should be uniform in (0, 1)."""
    counts, _ = np.histogram(uniform, CELLS, (0, 1))
    return float(stats.chi2(CELLS - 1).sf(((counts - uniform.size / CELLS) ** 2).sum() / (uniform.size / CELLS)))


def walsh(kept):
    """2^21 bits: each coefficient of Walsh and Hadamard is normal, their fourth powers have mean 3, and no i ^ d correlates with i.

    As Parseval fixes the mean square, the mean fourth power has variance 24 / count.
    """
    coefficients = hadamard(signs(kept)) / math.sqrt(kept.size)
    fourth = np.mean(np.square(np.square(coefficients, dtype=np.float64)))
    dyadic = hadamard(np.square(coefficients)) / math.sqrt(2 * kept.size)
    dyadic[0] = 0
    return [greatest_normal(coefficients), 2 * stats.norm.sf(abs(fourth - 3) / math.sqrt(24 / kept.size)), greatest_normal(dyadic)]


def hadamard(values):
    """The transform of Walsh and Hadamard of 2^21 numbers, seven bits of their index at a time."""
    cube, matrix = values.reshape(128, 128, 128), linalg.hadamard(128, dtype=np.float32)
    for _ in range(3):
        cube = np.tensordot(cube, matrix, axes=(0, 0))
    return cube.ravel()


def words(stream, width):
    """Successive bits as unsigned words."""
    return np.packbits(stream[: stream.size // width * width]).view(f"u{width // 8}")


def serial(stream, drop):
    """The law of 16 successive bits."""
    return [chi_square(np.bincount(words(stream, 16), minlength=1 << 16), law_of_patterns(16, drop))]


def gaps(stream, drop):
    """The distance from one dropped element to the next is geometric."""
    lengths = np.diff(np.flatnonzero(~stream))
    longest = max(2, int(math.log(LEAST_EXPECTED / max(lengths.size, 11)) / math.log1p(-drop)))
    law = stats.geom.pmf(np.arange(1, longest), drop)
    counts = np.bincount(np.minimum(lengths, longest), minlength=longest + 1)[1:]
    return [chi_square(counts, np.append(law, 1 - law.sum()))]


def ranks(stream):
    """The rank over GF(2) of 32 × 32 bits."""
    rows = words(stream, 32)
    rows = rows[: rows.size // 32 * 32].reshape(-1, 32).copy()
    free, everyone = np.ones(rows.shape, dtype=bool), np.arange(len(rows))
    for place in range(32):
        column = (rows >> place & 1).astype(bool)
        pivot = np.argmax(column & free, axis=1)
        found = (column & free)[everyone, pivot]
        column[everyone, pivot] = False
        rows ^= np.where(column & found[:, None], rows[everyone, pivot][:, None], 0).astype(np.uint32)
        free[everyone, pivot] &= ~found
    counts = np.bincount(np.count_nonzero(~free, axis=1), minlength=33)
    return [chi_square(counts, np.array([probability_of_rank(rank, 32) for rank in range(33)]))]


def probability_of_rank(rank, size):
    ways = math.prod((1 - 2.0 ** (place - size)) ** 2 / (1 - 2.0 ** (place - rank)) for place in range(rank))
    return 2.0 ** (rank * (2 * size - rank) - size**2) * ways


def birthdays(stream, people=4096):
    """32-bit words as birthdays: how many distances between neighbours, once sorted, occur again."""
    days = words(stream, 32)
    days = np.sort(days[: days.size // people * people].reshape(-1, people), axis=1)
    distances = np.sort(np.diff(days, axis=1), axis=1)
    again = int(np.count_nonzero(np.diff(distances, axis=1) == 0))
    return [poisson(again, len(days) * people**3 / 2**34)]


def complexities(stream, length=10_000, count=3):
    """The length of the shortest linear recurrence over GF(2): n/2, but for a geometric law on both sides."""
    starts = np.linspace(0, stream.size - length, count).astype(int)
    return [probability_of_complexity(linear_complexity(stream[start : start + length]), length) for start in starts]


def linear_complexity(bits):
    """By Berlekamp and Massey; polynomials and the past, latest first, are the bits of integers."""
    connection, previous, past, length, since = 1, 1, 0, 0, 1
    for step, bit in enumerate(bits.tolist()):
        past = past << 1 | bit
        if (connection & past).bit_count() % 2 == 0:
            since += 1
        elif 2 * length <= step:
            connection, previous = connection ^ previous << since, connection
            length, since = step + 1 - length, 1
        else:
            connection ^= previous << since
            since += 1
    return length


def probability_of_complexity(complexity, length):
    """Two-sided: 2^min(2n − 2L, 2L − 1) of 2^n sequences have complexity L."""
    lower = sum(2.0 ** (min(2 * length - 2 * each, 2 * each - 1) - length) for each in range(max(1, length // 2 - 60), complexity + 1))
    upper = sum(2.0 ** (min(2 * length - 2 * each, 2 * each - 1) - length) for each in range(complexity, length // 2 + 60))
    return two_sided(lower, upper)


def avalanche(differences, draws):
    """How often each output bit flipped, of so many draws with one input bit flipped: (input bits, output bits) counts.

    Each is binomial; their deviations together are chi-square.
    """
    deviations = (differences - draws / 2) / math.sqrt(draws / 4)
    law = stats.chi2(differences.size)
    together = np.square(deviations).sum()
    return [*binomial(differences, draws).ravel(), two_sided(law.cdf(together), law.sf(together))]


def flips(before, after):
    """In how many of 64-bit words each bit differs."""
    return np.unpackbits((before ^ after).view(np.uint8).reshape(-1, 8), axis=1, bitorder="little").sum(axis=0, dtype=np.int64)


def collisions(numbers, values):
    """How many of the numbers, of so many equally likely values, came before."""
    pairs = numbers.size * (numbers.size - 1) / 2
    return poisson(np.count_nonzero(np.diff(np.sort(numbers)) == 0), pairs / values)
