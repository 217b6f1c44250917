"""Bits of dropout masks as arrays: the engine's, drawn through its public functions, and those of bad generators.

The bad generators are controls: mistakes that a counter-based dropout can have, each of which a named test must find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bench.train.dropout import CounterDropout, keep_masks, mix, step_keys

AXES = ("seed", "site", "step", "sample", "unit")
CHUNK = 1 << 19
"""Bits drawn at once; a few megabytes of 32-bit words stay in the cache."""


@dataclass(frozen=True)
class Grid:
    """Which bits: of seeds 0, 1, …, sites, steps 0, 1, …, samples and units; and the drop rate."""

    seeds: int = 1
    sites: int = 1
    steps: int = 1
    samples: int = 1
    units: int = 1
    rate: float = 0.5

    @property
    def shape(self):
        return self.seeds, self.sites, self.steps, self.samples, self.units


Generator = Callable[[Grid], np.ndarray]
"""Grid -> what is kept, booleans of the grid's shape (seeds, sites, steps, samples, units)."""


def site(number):
    """(path, call): each module is called twice within a step."""
    return f"layers.{number // 2}.dropout", number % 2


def engine(grid, keys_of=step_keys):
    """The engine's bits; or, as a control, those it would have with other subkeys."""
    modules = [
        CounterDropout(grid.rate, seed, site(number)[0], "per_sample").key(site(number)[1]) for seed in range(grid.seeds) for number in range(grid.sites)
    ]
    keys = [keys_of(key, step) for key in modules for step in range(grid.steps)]
    size = grid.samples * grid.units
    at_once = max(1, CHUNK // size)
    kept = np.empty((len(keys), grid.samples, grid.units), dtype=bool)
    for start in range(0, len(keys), at_once):
        some = keys[start : start + at_once]
        kept[start : start + at_once] = keep_masks((grid.samples, grid.units), some, [grid.rate] * len(some)).numpy()
    return kept.reshape(grid.shape)


class Place(NamedTuple):
    """The numbers of a bit's seed, site, step and element (sample and unit) as 64-bit arrays that broadcast."""

    seed: np.ndarray
    site: np.ndarray
    step: np.ndarray
    element: np.ndarray

    @property
    def key(self):
        """A well-mixed key of seed, site and step."""
        return mix(mix(mix(self.seed + 1) + self.site) + self.step)


def drawn(word):
    """The generator that keeps the bits at which ``word(place)``, taken modulo 2^32, reaches the threshold."""

    def generator(grid):
        sizes = (grid.seeds, grid.sites, grid.steps, grid.samples * grid.units)
        kept = np.empty(sizes, dtype=bool)
        axis = int(np.argmax(sizes))
        for part in np.array_split(np.arange(sizes[axis]), -(-kept.size // CHUNK)):
            ranges = [part if each == axis else np.arange(size) for each, size in enumerate(sizes)]
            words = word(Place(*np.ix_(*(numbers.astype(np.uint64) for numbers in ranges)))) & 0xFFFFFFFF
            kept[tuple(slice(part[0], part[-1] + 1) if each == axis else slice(None) for each in range(4))] = words >= round(grid.rate * 2**32)
        return kept.reshape(grid.shape)

    return generator


def deaf_to(axis):
    """The engine, had it forgotten an axis: all its places share their bits."""

    def generator(grid):
        return np.broadcast_to(engine(replace(grid, **{axis: 1})), grid.shape)

    return generator


def shifted(word):
    """One round of shifts in place of `mix`."""
    word = word ^ (word << 13) & 0xFFFFFFFF
    word = word ^ word >> 17
    return word ^ (word << 5) & 0xFFFFFFFF


@drawn
def linear_congruential(place):
    """A multiple of a linear counter: seed + i·A + t·B."""
    counter = place.seed + place.site * 0x27D4EB2F + place.element * 0x9E3779B9 + place.step * 0x85EBCA6B
    return counter * 1664525 + 1013904223


@drawn
def aliased(place):
    """Well mixed, but the counter is a plain sum, so that the next step is this one moved by a unit."""
    return mix(mix(place.seed + place.site + place.step + place.element) + 0x9E3779B9)


@drawn
def xorshift(place):
    """One round of shifts, linear over GF(2), between good keys and the bit."""
    return shifted(place.element ^ place.key)


@drawn
def keyed_once(place):
    """The key XOR the counter, mixed once: step t has at i what step 0 has at i ^ t."""
    return mix(place.element ^ place.step ^ (place.site << 8) ^ (place.seed << 16))


@drawn
def mixed_once(place):
    """Good keys, one round of mixing."""
    return mix(place.element ^ place.key)


@drawn
def separable(place):
    """Two hashes joined by XOR and no mixing of both: any two bits are independent, the corners of a rectangle are not."""
    return place.key ^ mix(place.element + 1)


@drawn
def short_counter(place):
    """The number of the element cut to 16 bits."""
    return mix(mix((place.element & 0xFFFF) ^ place.key) + 0x9E3779B9)


def byte_rate(grid):
    """The rate rounded to a 256th, as when bits are drawn from bytes."""
    return engine(replace(grid, rate=round(grid.rate * 256) / 256))


def plain_keys(key, step):
    """Subkeys without mixing: key XOR step, and the rest of the key."""
    return (key ^ step) & 0xFFFFFFFF, key >> 32


def linear_keys(key, step):
    """Subkeys that move by constants with the step."""
    return (key + step * 0x9E3779B9) & 0xFFFFFFFF, ((key >> 32) + step * 0x85EBCA6B) & 0xFFFFFFFF


def short_keys(key, step):
    """The engine's subkeys, of 16 bits of the key."""
    return step_keys(key & 0xFFFF, step)
