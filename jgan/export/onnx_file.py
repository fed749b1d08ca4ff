"""ONNX, by jax2onnx; the libraries that it takes are imported when they are needed."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from jgan.export.network import Network
from jgan.export.program import traced
from jgan.types import UserError

OPSET = 21  # of onnxruntime 1.18 and later, also in browsers
MOST_BYTES = 2**31 - 1  # of a protocol buffer
RANDOM = {"random_bits", "threefry2x32"}
FLAG = "--format=onnx"


def check_libraries() -> None:
    """Raises UserError where the extra is not installed."""
    missing = [name for name in ("onnx", "onnxruntime", "jax2onnx") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"{FLAG}: needs {missing[0]}; install it by pip install 'jgan[onnx]'")


def make_onnx(network: Network) -> Any:
    """The network as an `onnx.ModelProto`.

    Raises:
      UserError: it has what ONNX, or jax2onnx, has not, or is larger than an ONNX file.
    """
    from jax2onnx import to_onnx

    from jgan.export.onnx_operators import register_operators

    register_operators()
    program = traced(network)
    _check_no_chance(program)
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # it warns of helpers of sizes whose types nobody needs
    try:
        model = to_onnx(
            jaxpr_as_fun(program),
            inputs=[jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in program.in_avals],
            model_name="generator",
            opset=OPSET,
            input_names=[field.name for field in network.inputs],
            output_names=["images"],
        )
    except Exception as error:  # of many kinds, where it lacks an operator or takes a shape for another
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{FLAG}: jax2onnx cannot write this network ({reason}); take --format stablehlo") from error
    if (size := model.ByteSize()) > MOST_BYTES:
        raise UserError(f"{FLAG}: {size:,} bytes, and an ONNX file has {MOST_BYTES:,} at most; take --format stablehlo")
    model.producer_name = "jgan"
    return model


def as_bytes(model: Any, metadata: Mapping[str, str]) -> bytes:
    """The file of a model, with metadata."""
    del model.metadata_props[:]
    for name, value in metadata.items():
        model.metadata_props.add(key=name, value=value)
    return model.SerializeToString()


def run_onnx(model: Any, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """What onnxruntime gives on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        names = [field.name for field in session.get_inputs()]
        (images,) = session.run(None, dict(zip(names, inputs, strict=True)))
    except Exception as error:  # its own kinds, of a model that it does not take
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"{FLAG}: onnxruntime does not run what was made ({reason}); take --format stablehlo"
        ) from error
    return np.asarray(images)


def _check_no_chance(program: ClosedJaxpr) -> None:
    """Raises UserError where random numbers are drawn for images of any size; of one size they are constants."""
    if any(equation.primitive.name in RANDOM for equation in program.eqns):
        raise UserError(
            f"{FLAG}: this run draws random numbers for each pixel (dropout stays on), which ONNX has none of alike; "
            "give --size and --batch_size, so that they become constants, or take --format stablehlo"
        )
