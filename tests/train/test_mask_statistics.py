"""Masks of the engine's dropout pass tests of randomness, and those of bad generators fail them.

Each test gives p-values; Bonferroni's bound over all of the file holds the chance of a false alarm at LEVEL. Seeds are fixed, so that
what passes once passes always.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from bench.train.dropout import CounterDropout, keep_masks, mix, step_keys
from tests.train import bit_tests, bits
from tests.train.bits import AXES, Grid, engine

LEVEL = 1e-6
BLOCK = Grid(seeds=8, sites=8, steps=64, samples=16, units=160)
LONG = {
    "unit": Grid(units=5 * 2**21),
    "step": Grid(steps=2**15, units=320),
    "seed": Grid(seeds=2**13, units=1280),
}
RATES = (0.01, 0.1, 0.3, 0.5, 0.9)
RARE = 0.1
KEY = 0x1234_5678_9ABC_DEF0
STEP = 12_345

CONTROLS = {
    "an LCG over a linear counter": (bits.linear_congruential, ("spectrum, step", "serial, step")),
    "a counter that is a plain sum": (bits.aliased, ("spectrum, block", "blocks at 0.5")),
    "one round of xorshift": (bits.xorshift, ("ranks, seed", "walsh, seed", "birthdays, seed")),
    "key XOR counter": (bits.keyed_once, ("spectrum, step", "walsh, step")),
    "key XOR counter in the engine": (partial(engine, keys_of=bits.plain_keys), ("walsh, step",)),
    "good keys, mixed once": (bits.mixed_once, ("walsh, unit",)),
    "hash of key XOR hash of element": (bits.separable, ("ranks, seed", "birthdays, seed", "spectrum, seed")),
    "a counter of 16 bits": (bits.short_counter, ("walsh, unit", "serial, unit")),
    "a rate of 8 bits": (bits.byte_rate, ("rate at 0.1",)),
    "deaf to the seed": (bits.deaf_to("seeds"), ("blocks at 0.5",)),
    "deaf to the site": (bits.deaf_to("sites"), ("rectangles at 0.5",)),
    "deaf to the step": (bits.deaf_to("steps"), ("gaps, step", "complexities, step")),
    "deaf to the sample": (bits.deaf_to("samples"), ("weights at 0.5",)),
}
"""Bad generators, and the trials that each must fail."""

KEY_CONTROLS = {
    "one round of xorshift": ((bits.shifted, step_keys), ("avalanche of mix",)),
    "key XOR step": ((mix, bits.plain_keys), ("avalanche of step_keys",)),
    "key plus a multiple of the step": ((mix, bits.linear_keys), ("avalanche of step_keys",)),
    "16 bits of the key": ((mix, bits.short_keys), ("avalanche of step_keys", "avalanche of masks", "collisions of step_keys")),
}
"""Bad mixing or subkeys, and the trials that each must fail."""


def along(axis, kept):
    """The bits as one stream in which neighbours along an axis follow each other."""
    return np.moveaxis(kept, AXES.index(axis), -1).ravel()


def cube(axis, kept):
    """2^21 bits in which the bits of an index are those of places along the axis, then those of 2^8 units; or all of units."""
    lines = kept.reshape(-1, 2**21 if axis == "unit" else kept.shape[-1])
    return lines[0] if axis == "unit" else lines[: 2**13, : 2**8].ravel()


def trials_of_the_block():
    """Name -> (the bits that it takes, bits -> p-values)."""
    found = {}
    for rate in RATES:
        tests = (bit_tests.rate, bit_tests.weights, bit_tests.blocks, bit_tests.rectangles) if rate in {RARE, 0.5} else (bit_tests.rate,)
        for test in tests:
            found[f"{test.__name__} at {rate}"] = replace(BLOCK, rate=rate), partial(test, drop=rate)
    found["spectrum, block"] = BLOCK, bit_tests.spectrum
    return found


def trials_along(axis):
    """Name -> (the bits that it takes, bits -> p-values), of long series."""
    grid = LONG[axis]
    streams = {test.__name__: test for test in (bit_tests.ranks, bit_tests.birthdays, bit_tests.complexities)}
    streams |= {test.__name__: partial(test, drop=0.5) for test in (bit_tests.serial, bit_tests.gaps)}
    found = {f"{name}, {axis}": (grid, lambda kept, test=test: test(along(axis, kept))) for name, test in streams.items()}
    found[f"spectrum, {axis}"] = grid, bit_tests.spectrum
    found[f"walsh, {axis}"] = grid, lambda kept: bit_tests.walsh(cube(axis, kept))
    found[f"gaps, {axis} at {RARE}"] = replace(grid, rate=RARE), lambda kept: bit_tests.gaps(along(axis, kept), RARE)
    return found


TRIALS = trials_of_the_block() | trials_along("unit") | trials_along("step") | trials_along("seed")


def avalanche_of_mix(mixing, keys, draws=1 << 15):
    """`mix`, with each bit of a word flipped."""
    words = torch.from_numpy(np.random.default_rng(1).integers(0, 2**32, draws))
    flipped = [bit_tests.flips(mixing(words).numpy(), mixing(words ^ (1 << bit)).numpy())[:32] for bit in range(32)]
    return bit_tests.avalanche(np.array(flipped), draws)


def avalanche_of_step_keys(mixing, keys, draws=1 << 13):
    """Both subkeys, with each bit of key and step flipped, at steps of any size."""
    places = places_of_any_size(2, draws)
    before = joined(*keys(*places)).numpy()
    flipped = []
    for which, width in ((0, 63), (1, 40)):
        for bit in range(width):
            moved = [place ^ (1 << bit) if number == which else place for number, place in enumerate(places)]
            flipped.append(bit_tests.flips(before, joined(*keys(*moved)).numpy()))
    return bit_tests.avalanche(np.array(flipped), draws)


def avalanche_of_masks(mixing, keys, draws=1 << 14):
    """Masks, with each bit of key and step flipped."""
    flipped = [keys(KEY ^ (1 << bit), STEP) for bit in range(63)] + [keys(KEY, STEP ^ (1 << bit)) for bit in range(32)]
    masks = keep_masks((draws,), [keys(KEY, STEP), *flipped], [0.5] * (1 + len(flipped))).numpy()
    return bit_tests.avalanche(np.count_nonzero(masks[1:] != masks[0], axis=1), draws)


def collisions_of_step_keys(mixing, keys):
    """A million subkeys, of a thousand neighbouring seeds at a thousand steps: each half, both, and what two masks of 2^12 bits share."""
    modules = [CounterDropout(0.5, seed, "layers.0.dropout", "per_sample").key(0) for seed in range(1000)]
    first, second = keys(torch.tensor(modules).repeat_interleave(1000), torch.arange(1000).repeat(1000))
    numbers = ((first, 2**32), (second, 2**32), (joined(first, second), 2**64), (joined(first >> 12, second), 2**52))
    return [bit_tests.collisions(each.numpy(), values) for each, values in numbers]


def places_of_any_size(seed, count):
    """Keys, and steps of 0 to 63 bits."""
    drawn = np.random.default_rng(seed).integers(0, 2**63, (2, count))
    return torch.from_numpy(drawn[0]), torch.from_numpy(drawn[1] >> (drawn[1] & 63))


def joined(first, second):
    """Two subkeys as one 64-bit word."""
    return first << 32 | second


KEY_TRIALS = {
    test.__name__.replace("_", " ").replace("step keys", "step_keys"): test
    for test in (avalanche_of_mix, avalanche_of_step_keys, avalanche_of_masks, collisions_of_step_keys)
}


def passes(p_values):
    """Bonferroni's bound, over the p-values of a trial and over the trials of the file."""
    return min(p_values) * len(p_values) * (len(TRIALS) + len(KEY_TRIALS)) >= LEVEL


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@functools.lru_cache(maxsize=1)  # trials of the same bits follow each other
def bits_of_the_engine(grid):
    return engine(grid)


@pytest.mark.parametrize("name", TRIALS)
def test_masks_pass(name):
    grid, test = TRIALS[name]
    assert passes(test(bits_of_the_engine(grid)))


@pytest.mark.parametrize("name", KEY_TRIALS)
def test_mixing_and_subkeys_pass(name):
    assert passes(KEY_TRIALS[name](mix, step_keys))


@pytest.mark.parametrize("control", CONTROLS)
def test_a_bad_generator_fails(control):
    generator, names = CONTROLS[control]
    drawn = functools.cache(generator)
    assert [name for name in names if passes(TRIALS[name][1](drawn(TRIALS[name][0])))] == []


@pytest.mark.parametrize("control", KEY_CONTROLS)
def test_bad_mixing_and_bad_subkeys_fail(control):
    functions, names = KEY_CONTROLS[control]
    assert [name for name in names if passes(KEY_TRIALS[name](*functions))] == []


def test_each_kind_of_trial_is_failed_by_some_control():
    assert {kind(name) for _, names in CONTROLS.values() for name in names} == {kind(name) for name in TRIALS}
    assert {name for _, names in KEY_CONTROLS.values() for name in names} == KEY_TRIALS.keys()


def kind(name):
    return name.replace(",", " ").split()[0]


def test_bits_are_those_of_the_module():
    grid = Grid(seeds=2, sites=4, steps=3, samples=5, units=7, rate=0.3)
    kept = engine(grid)
    for seed, path, step in itertools.product(range(2), range(2), range(3)):
        module = CounterDropout(grid.rate, seed, bits.site(2 * path)[0], "per_sample")
        module.set_step(step)
        for call in range(2):
            multiplier = module.train()(torch.ones(5, 7)).numpy()
            assert np.array_equal(multiplier != 0, kept[seed, 2 * path + call, step])


def test_subkeys_of_tensors_are_those_of_integers():
    """The trials of subkeys draw them so."""
    keys, steps = places_of_any_size(3, 300)
    expected = [step_keys(key, step) for key, step in zip(keys.tolist(), steps.tolist(), strict=True)]
    assert list(zip(*(subkeys.tolist() for subkeys in step_keys(keys, steps)), strict=True)) == expected


def test_the_threshold_is_exact():
    """An element with hash w is kept at rate w / 2^32 and dropped at (w + 1) / 2^32."""
    keys = [step_keys(KEY, step) for step in range(500)]
    for element in (0, 1, 1000):
        hashes = [(mix((mix(element ^ first) + second) & 0xFFFFFFFF) + 2**31) % 2**32 for first, second in keys]
        assert max(hashes) < 2**32 - 1
        assert keep_masks((1001,), keys, [word / 2**32 for word in hashes])[:, element].all()
        assert not keep_masks((1001,), keys, [(word + 1) / 2**32 for word in hashes])[:, element].any()
