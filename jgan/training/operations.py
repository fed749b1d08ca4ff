"""The operations of a traced program: those of its matrix products and convolutions, with what loops repeat.

XLA's own count takes the body of a loop once, however often it runs, and so most of a network of stacked blocks for
nothing. What else a network computes, element by element, is a few percent and not counted.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr
from jax.interpreters.partial_eval import dce_jaxpr


def count_flops(program: ClosedJaxpr) -> float:
    """FLOP of a program, a multiplication and an addition being two; of branches those of the largest.

    What its results do not depend on is not counted. Where a function has other formulations on some platforms, the one
    for all others counts, as on accelerators.
    """
    needed, _ = dce_jaxpr(program.jaxpr, [True] * len(program.jaxpr.outvars))
    return _of_program(needed)


def _of_program(program: ClosedJaxpr | Jaxpr) -> float:
    jaxpr = program.jaxpr if isinstance(program, ClosedJaxpr) else program
    return sum(_of_equation(equation) for equation in jaxpr.eqns)


def _of_equation(equation: Any) -> float:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        return _of_product(equation)
    if name == "conv_general_dilated":
        return _of_convolution(equation)
    if name == "cond":
        branches = params["branches"]
        platforms = params.get("branches_platforms")
        if platforms and None in platforms:
            return _of_program(branches[platforms.index(None)])
        return max(map(_of_program, branches))
    inner = sum(_of_program(value) for value in _programs(params))
    return inner * (params["length"] if name == "scan" else 1)


def _programs(params: dict[str, Any]) -> list[Any]:
    values = [item for value in params.values() for item in (value if isinstance(value, tuple | list) else (value,))]
    return [value for value in values if isinstance(value, ClosedJaxpr | Jaxpr)]


def _of_product(equation: Any) -> float:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    return 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(left[axis] for axis in contracted)


def _of_convolution(equation: Any) -> float:
    """As XLA counts it: products with what was filled in at the edges or between pixels are none."""
    params = equation.params
    images, kernel, made = (variable.aval.shape for variable in (*equation.invars, equation.outvars[0]))
    numbers = params["dimension_numbers"]
    windows = zip(
        params["window_strides"], params["padding"], params["lhs_dilation"], params["rhs_dilation"], strict=True
    )
    products = math.prod(
        _products_along(images[of_images], kernel[of_kernel], made[of_made], *window)
        for of_images, of_kernel, of_made, window in zip(
            numbers.lhs_spec[2:], numbers.rhs_spec[2:], numbers.out_spec[2:], windows, strict=True
        )
    )
    return 2.0 * products * made[numbers.out_spec[0]] * made[numbers.out_spec[1]] * kernel[numbers.rhs_spec[1]]


def _products_along(
    size: int, taps: int, made: int, stride: int, padding: tuple[int, int], between: int, apart: int
) -> int:
    """Along one axis: of `made` windows of `taps`, `apart` from each other, over pixels with gaps `between`."""
    places = np.arange(made)[:, None] * stride + np.arange(taps) * apart - padding[0]
    return int(((places >= 0) & (places % between == 0) & (places // between < size)).sum())
