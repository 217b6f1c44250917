"""The engine's own dropout: masks from a counter, keyed by (seed, place in the model, step, sample, unit).

A mask bit is a hash of its place, not the next number of a stream, so it does not depend on what else is trained, on the
device, or on the order of evaluation. The hash is two rounds of a 32-bit mixing function with full avalanche
(lowbias32, C. Wellons' search of 2018) over the element's number, with a 64-bit key per place and step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from bench import seeding
from bench.config import Mask
from bench.errors import UsageError

_OTHER_DROPOUT = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_FUNCTIONAL = {
    torch.dropout,
    torch.dropout_,
    torch.alpha_dropout,
    torch.feature_dropout,
    torch.feature_alpha_dropout,
    nn.functional.dropout,
    nn.functional.dropout1d,
    nn.functional.dropout2d,
    nn.functional.dropout3d,
    nn.functional.alpha_dropout,
    nn.functional.feature_alpha_dropout,
}
_WORD = 0xFFFFFFFF


class CounterDropout(nn.Module):
    """Inverted dropout: multiplies by 0 with probability `rate`, else by 1 / (1 - rate); the identity in evaluation mode.

    Args:
        rate: the drop rate.
        key: the 64-bit key of this place: (seed, module path).
        mask: ``per_sample``, or ``shared`` by all samples of a batch.
    """

    def __init__(self, rate: float, key: int, mask: Mask) -> None:
        super().__init__()
        self.rate = rate
        self._key = key
        self._mask = mask
        self._step = 0
        self.enabled = True

    def set_step(self, step: int) -> None:
        """Say which step comes next; each step has its own masks."""
        self._step = step

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop elements of (batch, …)."""
        if not (self.training and self.enabled and self.rate > 0):
            return inputs
        shape = inputs.shape if self._mask == "per_sample" else inputs.shape[1:]
        keep = keep_mask(shape, step_keys(self._key, self._step), self.rate, inputs.device)
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
    for path, module in list(model.named_modules()):
        if isinstance(module, _OTHER_DROPOUT):
            raise UsageError(f"{type(module).__name__} at {path!r}: the engine drops by nn.Dropout alone, whose masks do not depend on other runs")
        if isinstance(module, nn.Dropout):
            parent, _, name = path.rpartition(".")
            replacement = CounterDropout(module.p, seeding.key(seed, f"dropout/{path}"), mask)
            setattr(model.get_submodule(parent), name, replacement)
            installed.append(replacement)
    return installed


class NoFunctionalDropout(TorchFunctionMode):
    """While active, refuses functional dropout inside a model: its masks would depend on what else is trained."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _FUNCTIONAL and not _off(args, kwargs or {}):
            raise UsageError(
                "the model drops by a function, as torch.nn.functional.dropout",
                hint="Use the module nn.Dropout, so that masks depend on the run alone.",
            )
        return func(*args, **(kwargs or {}))


def _off(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call of functional dropout drops nothing: rate 0 or not training."""
    rate = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
    training = kwargs.get("training", kwargs.get("train", args[2] if len(args) > 2 else True))
    return not training or rate == 0


def step_keys(key: int, step: int) -> tuple[int, int]:
    """Two 32-bit subkeys for a step; each bit of key and step reaches each bit of both."""
    low, high = key & _WORD, key >> 32
    first = mix(mix(low ^ mix(step & _WORD)) ^ high ^ (step >> 32))
    second = mix(mix(high ^ first) ^ mix((step + 0x9E3779B9) & _WORD))
    return first, second


def mix(word: int) -> int:
    """The mixing function on one 32-bit word; a bijection."""
    word &= _WORD
    word ^= word >> 16
    word = (word * 0x7FEB352D) & _WORD
    word ^= word >> 15
    word = (word * 0x846CA68B) & _WORD
    return word ^ (word >> 16)


def keep_mask(shape: torch.Size | tuple[int, ...], keys: tuple[int, int], rate: float, device: torch.device | str = "cpu") -> Tensor:
    """Which elements stay: element i does iff hash(i) / 2^32 >= rate, to within 2^-32.

    Args:
        shape: the shape of the mask.
        keys: what `step_keys` gives.
        rate: the drop rate.
        device: where the mask lies; the bits are the same everywhere.

    Returns:
        A mask of booleans.
    """
    count = int(torch.Size(shape).numel())
    words = torch.arange(count, dtype=torch.int32, device=device)
    _mix_(words.bitwise_xor_(_signed(keys[0])))
    _mix_(words.add_(_signed(keys[1])))
    return (words >= round(rate * 2**32) - 2**31).view(shape)


def _mix_(words: Tensor) -> Tensor:
    """`mix` on a tensor of int32, in place; products wrap, and the right shift is masked to be a logical one."""
    words ^= (words >> 16) & 0xFFFF
    words *= 0x7FEB352D
    words ^= (words >> 15) & 0x1FFFF
    words *= _signed(0x846CA68B)
    words ^= (words >> 16) & 0xFFFF
    return words


def _signed(word: int) -> int:
    """A 32-bit word as a signed integer."""
    return word - 2**32 if word >= 2**31 else word
