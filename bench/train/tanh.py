"""A hyperbolic tangent that a compiler can fuse with what stands around it: a quotient of polynomials."""

from __future__ import annotations

from torch import Tensor

_LARGEST = 7.90531110763549805
_ODD = (
    -2.76076847742355e-16,
    2.00018790482477e-13,
    -8.60467152213735e-11,
    5.12229709037114e-08,
    1.48572235717979e-05,
    6.37261928875436e-04,
    4.89352455891786e-03,
)
_EVEN = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)


def rational_tanh(values: Tensor) -> Tensor:
    """The quotient tanh x = x P(x^2) / Q(x^2) with P of degree 6 and Q of degree 3, in float32; the relative error is at most 4e-7.

    Unlike ``2 sigmoid(2 x) - 1``, whose relative error is 7% at x = 1e-6, it is as exact near zero as elsewhere, where
    experiments with small initial weights live. Beyond 7.9 the result is constant, 1 within one rounding.

    Args:
        values: float32 tensor of any shape.

    Source: the 13/6 approximation known from Eigen's ``ptanh``.
    """
    x = values.clamp(-_LARGEST, _LARGEST)
    square = x * x
    return x * _horner(_ODD, square) / _horner(_EVEN, square)


def _horner(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    total = coefficients[0] * x + coefficients[1]
    for coefficient in coefficients[2:]:
        total = total * x + coefficient
    return total
