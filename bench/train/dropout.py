"""The engine's own dropout: masks from a counter, keyed by (seed, place in the model, step, sample, unit).

A mask bit is a hash of its place, not the next number of a stream, so it does not depend on what else is trained, on the
device, or on the order of evaluation. The hash is two rounds of a 32-bit mixing function with full avalanche
(lowbias32, C. Wellons' search of 2018) over the element's number, with a 64-bit key per place and step.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from bench import seeding
from bench.config import Mask
from bench.errors import UsageError

_OTHER_DROPOUT = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_WORD = 0xFFFFFFFF

Words = TypeVar("Words", int, Tensor)


class CounterDropout(nn.Module):
    """Inverted dropout: multiplies by 0 with probability `rate`, else by 1 / (1 - rate); the identity in evaluation mode.

    A place is a module's path and the number of the call within the step, so that one module used twice draws two masks.

    Args:
        rate: the drop rate.
        seed: the run's seed.
        path: the module's path in the model.
        mask: ``per_sample``, or ``shared`` by all samples of a batch.
    """

    def __init__(self, rate: float, seed: int, path: str, mask: Mask) -> None:
        super().__init__()
        self.rate = rate
        self._seed = seed
        self._path = path
        self._mask = mask
        self._step = 0
        self._first = 0
        self._calls = 0
        self.enabled = True

    def set_step(self, step: int, first: int = 0) -> None:
        """Say which step comes next; each step has its own masks.

        Args:
            step: the step.
            first: how many samples of the batch come before those that are given; these have the masks that they would
                have in the whole batch.
        """
        self._step = step
        self._first = first
        self._calls = 0

    def key(self, call: int) -> int:
        """The key of this place at a call within the step, from 0."""
        return seeding.key(self._seed, f"dropout/{self._path}", call)

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop elements of (batch, …)."""
        if not (self.training and self.enabled and self.rate > 0):
            return inputs
        shape, first = (inputs.shape, self._first) if self._mask == "per_sample" else (inputs.shape[1:], 0)
        keys = step_keys(self.key(self._calls), self._step)
        self._calls += 1
        keep = keep_masks(shape, [keys], [self.rate], inputs.device, first * inputs.shape[1:].numel())[0]
        return inputs * keep.to(inputs.dtype).mul_(1 / (1 - self.rate))

    def extra_repr(self) -> str:
        """What ``print(model)`` shows."""
        return f"rate={self.rate}, mask={self._mask}"


def install(model: nn.Module, seed: int, mask: Mask) -> list[CounterDropout]:
    """Replace every ``nn.Dropout`` of a model by the engine's.

    Args:
        model: the model; changed in place.
        seed: the run's seed.
        mask: whether samples share a mask.

    Returns:
        The new modules, in the order of the model.

    Raises:
        UsageError: if the model has another kind of dropout module.
    """
    installed = []
    for path, module in list(model.named_modules(remove_duplicate=False)):
        if isinstance(module, _OTHER_DROPOUT):
            raise UsageError(f"{type(module).__name__} at {path!r}: the engine drops by nn.Dropout alone, whose masks do not depend on other runs")
        parent, _, name = path.rpartition(".")
        owner = model.get_submodule(parent)
        if isinstance(module, nn.Dropout) and getattr(owner, name) is module:
            replacement = CounterDropout(module.p, seed, path, mask)
            setattr(owner, name, replacement)
            installed.append(replacement)
    return installed


def refuse_other_randomness(model: nn.Module, inputs: Tensor) -> None:
    """Let a copy of a model make one pass in training mode, and see that it draws nothing from torch's generator.

    Such numbers, as those of functional dropout, would depend on what else is trained.

    Args:
        model: the model on the CPU, its dropout replaced; not changed.
        inputs: (batch, …), on the CPU.

    Raises:
        UsageError: if the model draws random numbers.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        before = torch.get_rng_state()
        copy.deepcopy(model).train()(inputs)
        after = torch.get_rng_state()
    if not torch.equal(before, after):
        raise UsageError(
            "the model draws random numbers of its own, as torch.nn.functional.dropout does; they would depend on what else is trained",
            hint="Use the module nn.Dropout, which the engine replaces.",
        )


def step_keys(key: Words, step: Words) -> tuple[Words, Words]:
    """Two 32-bit subkeys for a step; each bit of key and step reaches each bit of both.

    Args:
        key: 64-bit keys of places: integers, or int64 tensors of the same bits.
        step: steps from 0, that broadcast against the keys.
    """
    low, high = key & _WORD, (key >> 32) & _WORD
    first = mix(mix(low ^ mix(step)) ^ high ^ (step >> 32))
    second = mix(mix(high ^ first) ^ mix(step + 0x9E3779B9))
    return first, second


def mix(word: Words) -> Words:
    """The mixing function on the lower 32 bits of a word; a bijection of them."""
    word = word & _WORD
    word = word ^ (word >> 16)
    word = (word * 0x7FEB352D) & _WORD
    word = word ^ (word >> 15)
    # In a tensor the product of two 32-bit words overflows; its lower 32 bits are right all the same.
    word = (word * 0x846CA68B) & _WORD
    return word ^ (word >> 16)


def keep_masks(
    shape: torch.Size | tuple[int, ...], keys: Sequence[tuple[int, int]], rates: Sequence[float], device: torch.device | str = "cpu", first: int = 0
) -> Tensor:
    """Which elements stay: element i does iff hash(i) / 2^32 + 1/2 >= rate, with the hash read as a signed 32-bit word.

    Args:
        shape: the shape of a mask.
        keys: what `step_keys` gives, for each mask.
        rates: the drop rate of each mask.
        device: where the masks lie; the bits are the same everywhere.
        first: the number of the first element, modulo 2^32.

    Returns:
        Masks of booleans, (masks, *shape).
    """
    one, two = (torch.tensor([signed(pair[which]) for pair in keys], dtype=torch.int32, device=device) for which in (0, 1))
    return keep(shape, one, two, torch.tensor([threshold(rate) for rate in rates], dtype=torch.int32, device=device), first)


def keep(shape: torch.Size | tuple[int, ...], one: Tensor, two: Tensor, thresholds: Tensor, first: int = 0) -> Tensor:
    """`keep_masks` for subkeys and thresholds that are on their device already.

    Args:
        shape: the shape of a mask.
        one: the first subkey of each mask, (masks,), as signed 32-bit words.
        two: the second, alike.
        thresholds: what `threshold` gives for the rate of each mask, (masks,), int32.
        first: the number of the first element, modulo 2^32.

    Returns:
        Masks of booleans, (masks, *shape).
    """
    count = int(torch.Size(shape).numel())
    places = torch.arange(count, dtype=torch.int32, device=one.device)
    if first:
        places += signed(first & _WORD)
    words = _mix_(_mix_(places ^ one.unsqueeze(1)).add_(two.unsqueeze(1)))
    return (words >= thresholds.unsqueeze(1)).view(len(one), *shape)


def threshold(rate: float) -> int:
    """The smallest signed 32-bit word that is kept at a drop rate."""
    return min(round(rate * 2**32), _WORD) - 2**31


def signed(word: Words) -> Words:
    """32-bit words as signed integers."""
    return (word ^ 2**31) - 2**31


def _mix_(words: Tensor) -> Tensor:
    """`mix` on a tensor of int32, in place; products wrap, and the right shift is masked to be a logical one."""
    words ^= (words >> 16) & 0xFFFF
    words *= 0x7FEB352D
    words ^= (words >> 15) & 0x1FFFF
    words *= signed(0x846CA68B)
    words ^= (words >> 16) & 0xFFFF
    return words
