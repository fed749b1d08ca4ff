"""Operators of ONNX for primitives of JAX that jax2onnx writes for sizes in numbers alone, not in symbols."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax2onnx.plugins._ir_shapes import _stamp_type_and_shape
from jax2onnx.plugins.plugin_system import PrimitiveLeafPlugin, import_all_plugins, register_primitive


def register_operators() -> None:
    """Puts the operators below in the place of jax2onnx's own, which have to be there before."""
    import_all_plugins()
    register_primitive(jaxpr_primitive="pad")(Pad)
    register_primitive(jaxpr_primitive="rem")(Remainder)


class Pad(PrimitiveLeafPlugin):
    """`lax.pad` without interior padding, which `program.py` takes apart; negative numbers crop, as ONNX has it."""

    def lower(self, ctx: Any, eqn: Any) -> None:
        """Adds the operator."""
        lows, highs, _ = zip(*eqn.params["padding_config"], strict=True)
        pads = ctx.builder.add_initializer_from_array(ctx.fresh_name("pads"), np.asarray([*lows, *highs], np.int64))
        data, fill = (ctx.get_value_for_var(variable) for variable in eqn.invars)
        _bind(ctx, eqn, ctx.builder.Pad(data, pads, fill, mode="constant", _outputs=[ctx.fresh_name("padded")]), data)


class Remainder(PrimitiveLeafPlugin):
    """`lax.rem`: the sign is the dividend's, as C's fmod has it."""

    def lower(self, ctx: Any, eqn: Any) -> None:
        """Adds the operator."""
        left, right = (ctx.get_value_for_var(variable) for variable in eqn.invars)
        _bind(ctx, eqn, ctx.builder.Mod(left, right, fmod=1, _outputs=[ctx.fresh_name("remainder")]), left)


def _bind(ctx: Any, eqn: Any, result: Any, like: Any) -> None:
    """The result, of the type of another value, is that of the equation."""
    (variable,) = eqn.outvars
    result.type = like.type
    _stamp_type_and_shape(result, variable.aval.shape)
    ctx.bind_value_for_var(variable, result)
