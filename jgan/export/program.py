"""A function as a program of JAX's primitives, its constants folded: what ONNX is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import export, lax
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal
from jax.interpreters.partial_eval import dce_jaxpr

from jgan.export.network import SIDES, Network
from jgan.layers.conv import xla_alone
from jgan.types import Array

CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "custom_jvp_call": "call_jaxpr"}
CALLS |= {"custom_vjp_call": "call_jaxpr", "remat2": "jaxpr", "checkpoint": "jaxpr"}


def specifications(network: Network) -> list[jax.ShapeDtypeStruct]:
    """The inputs of a network, as JAX traces it on them; free sizes are symbols."""
    used = {symbol for field in network.inputs for side in field.shape for symbol in SIDES if symbol in str(side)}
    scope = export.SymbolicScope([f"{symbol} >= {network.least}" for symbol in sorted(used)])
    shapes = [f"({''.join(f'{side}, ' for side in field.shape)})" for field in network.inputs]
    return [
        jax.ShapeDtypeStruct(export.symbolic_shape(shape, scope=scope), field.dtype)
        for shape, field in zip(shapes, network.inputs, strict=True)
    ]


def traced(network: Network) -> ClosedJaxpr:
    """The program of a network, with XLA's convolutions, without calls of functions and without loops.

    What does not depend on the inputs, as normalised kernels or the mask of a dropout, is computed here and now.
    """
    function, inputs = network.function, specifications(network)
    with xla_alone(True):
        program = jax.make_jaxpr(function)(*inputs)
    needed, _ = dce_jaxpr(program.jaxpr, [True] * len(program.jaxpr.outvars), instantiate=True)

    def flat(*arguments: Array) -> list[Array]:
        for argument in arguments:
            _show_sides(argument, network.multiple)
        return _run(needed, program.consts, arguments)

    return jax.make_jaxpr(flat)(*inputs)


def _show_sides(images: Array, multiple: int) -> None:
    """jax2onnx knows the value of a symbol from arrays that have it as a side; of 32 * h it would not find h."""
    if multiple > 1 and images.ndim == 4:
        lax.slice(images, (0, 0, 0, 0), images.shape, (1, multiple, multiple, 1))


def _run(program: Jaxpr, constants: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    values: dict[Any, Any] = dict(zip((*program.constvars, *program.invars), (*constants, *arguments), strict=True))

    def value(variable: Any) -> Any:
        return variable.val if isinstance(variable, Literal) else values[variable]

    for equation in program.eqns:
        results = _apply(equation, [value(variable) for variable in equation.invars])
        values.update(zip(equation.outvars, results, strict=True))
    return [value(variable) for variable in program.outvars]


def _apply(equation: Any, arguments: list[Any]) -> Sequence[Any]:
    name = equation.primitive.name
    if name in CALLS:
        inner = equation.params[CALLS[name]]
        inner, constants = (inner.jaxpr, inner.consts) if isinstance(inner, ClosedJaxpr) else (inner, ())
        return _run(inner, constants, arguments)
    if name == "scan":
        return _unrolled(equation.params, arguments)
    params = equation.primitive.get_bind_params(equation.params)

    def bind() -> Any:
        return equation.primitive.bind(*arguments, **params)

    if _is_foldable(equation, arguments):
        with jax.ensure_compile_time_eval():
            results = bind()
    else:
        results = bind()
    return results if equation.primitive.multiple_results else [results]


def _unrolled(params: dict[str, Any], arguments: list[Any]) -> list[Any]:
    """A loop over the layers of a stack, or the words of a caption, as that many copies: ONNX's loops are slow."""
    body, constants, carried = params["jaxpr"], params["num_consts"], params["num_carry"]
    fixed, carry = arguments[:constants], arguments[constants : constants + carried]
    rows = arguments[constants + carried :]
    made: list[list[Any]] = []
    places = range(params["length"])
    for place in reversed(places) if params["reverse"] else places:
        own = [_row(row, place) for row in rows]
        results = _run(body.jaxpr, body.consts, [*fixed, *carry, *own])
        carry = results[:carried]
        made.append(results[carried:])
    if params["reverse"]:
        made.reverse()
    return [*carry, *(jnp.stack(column) for column in zip(*made, strict=True))]


def _row(array: Any, place: int) -> Any:
    if isinstance(array, Tracer):
        return lax.index_in_dim(array, place, keepdims=False)
    with jax.ensure_compile_time_eval():
        return lax.index_in_dim(array, place, keepdims=False)


def _is_foldable(equation: Any, arguments: list[Any]) -> bool:
    """Whether a result is known; numbers that are only repeated would but fill the file."""
    if equation.primitive.name == "dim_as_value" or any(isinstance(argument, Tracer) for argument in arguments):
        return False
    results = [variable.aval for variable in equation.outvars]
    if not all(isinstance(side, int) for result in results for side in result.shape):
        return False
    return equation.primitive.name != "broadcast_in_dim" or not jnp.issubdtype(results[0].dtype, jnp.floating)
