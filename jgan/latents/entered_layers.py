"""The layers that latents and styles enter, as the matrices that they multiply by, whatever a family calls them.

A layer is found by what it is given, and its matrix by what it makes of unit vectors: so an equalised learning rate,
spectral norm or a transposed convolution are in it, and no name of a parameter is known here.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jgan.games.forward import forward
from jgan.latents.space import LatentSpace
from jgan.layers.conv import Conv, ConvTranspose
from jgan.layers.dense import Dense
from jgan.types import Array, Latents, Player, PyTree, UserError

LINEAR = (Dense, Conv, ConvTranspose, nn.Dense, nn.Conv, nn.ConvTranspose)
Path = tuple[str, ...]


class FirstLayer(NamedTuple):
    """The layer that latents enter first."""

    name: str  # as in "from_latents"
    weight: np.ndarray  # float32 [features, z]: what a step of the latents moves its output by
    used: np.ndarray  # bool [z]: the latents that enter it; BigGAN gives others to later blocks


class StyleLayer(NamedTuple):
    """A layer that turns a style into scales, or scales and shifts."""

    number: int  # of the style that it takes
    name: str
    weight: np.ndarray  # float32 [features, w]


class _ReachedError(Exception):
    """Ends a forward pass at the layer that was looked for: the rest of the network is not even traced."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def first_layer(space: LatentSpace) -> FirstLayer:
    """The first layer of a generator without styles.

    What comes between latents and layer - nothing, a cut, a normalisation - is linear, or has on average over the axes
    of the latents the slope of a linear map: of `x / rms(x)` that is a multiple of the identity, as SeFa takes it.

    Raises:
      UserError: the run has styles, or latents enter no such layer.
    """
    path = _first_path(space)
    zeros, labels = jnp.zeros((1, space.game.latent_dim)), space.game.example_labels(1)
    shape = jax.eval_shape(functools.partial(_input_of, space, path), space.player, zeros, labels).shape
    with jax.default_matmul_precision("highest"):
        weight = _matrix(functools.partial(_output_of, space, path, space.player, zeros, labels), shape)
        slope = _mean_slope(functools.partial(_input_of, space, path), space.player, zeros.shape[1], labels)
    used = np.any(slope != 0.0, axis=0)
    if not used.any():
        raise UserError(f"--workdir: latents leave the first layer {'/'.join(path)} as it is; no direction moves it")
    return FirstLayer("/".join(path), weight @ slope, used)


def first_outputs(space: LatentSpace) -> Callable[[np.ndarray], np.ndarray]:
    """A function from latents [n, z] to what the first layer makes of them, float32 [n, features].

    The layer is linear: a class or a caption that enters beside the latents adds the same to all, so it is the first.

    Raises:
      UserError: as `first_layer`.
    """
    path = _first_path(space)
    compute = jax.jit(functools.partial(_output_of, space, path))

    def outputs(latents: np.ndarray) -> np.ndarray:
        made = compute(space.player, latents, space.game.example_labels(len(latents)))
        return np.asarray(made, np.float32).reshape(len(latents), -1)

    return outputs


def style_layers(space: LatentSpace) -> list[StyleLayer]:
    """The layers that styles enter, in the order of the network. Raises UserError where the run has no styles."""
    layers, features = space.style_shape
    names: list[str] = []

    @jax.jit
    def watch(player: Player, styles: Array) -> list[tuple[Array, Array]]:
        names.clear()
        made: list[tuple[Array, Array]] = []

        def look(call: Callable[..., Any], args: Any, keywords: Any, context: Any) -> Any:
            if not isinstance(context.module, Dense) or args[0].shape != (1, features):
                return call(*args, **keywords)
            outputs = call(jnp.concatenate([args[0], _probes((1, features))]))  # a layer is called once
            names.append("/".join(context.module.path))
            made.append((args[0], outputs[1:]))
            return outputs[:1]

        with nn.intercept_methods(look):
            forward(_plain(space), player, styles, method="synthesize", **_call(space))
        return made

    # Every style is its own number throughout, which tells whose it is that a layer is given.
    numbered = np.broadcast_to(np.arange(1.0, layers + 1)[None, :, None], (1, layers, features)).astype(np.float32)
    with jax.default_matmul_precision("highest"):
        made = jax.device_get(watch(space.player, numbered))
    return [
        StyleLayer(round(float(given[0, 0])) - 1, name, (outputs[:-1] - outputs[-1:]).T)
        for name, (given, outputs) in zip(names, made, strict=True)
        if np.ptp(given) == 0
    ]


def _plain(space: LatentSpace) -> nn.Module:
    """The generator without rematerialisation, whose layers cannot be looked into, and in full precision."""
    generator: Any = space.game.generator
    fields = {field.name for field in dataclasses.fields(generator)}
    return generator.clone(
        **{name: value for name, value in (("remat", False), ("dtype", "float32")) if name in fields}
    )


def _call(space: LatentSpace) -> dict[str, Any]:
    return {"rng": jax.random.key(0), "train": False, **space.growth}


def _first_path(space: LatentSpace) -> Path:
    """Where the first layer is whose input depends on the latents.

    Outside of compiled code nothing but what depends on them is traced, when they are differentiated. So modules that
    are given no tracer, as the encoder of captions, are not looked into.
    """
    if space.has_styles:
        raise UserError("--workdir: this run's latents become styles before images; take what moves styles, space w")
    depth = 0

    def look(call: Callable[..., Any], args: Any, keywords: Any, context: Any) -> Any:
        nonlocal depth
        entered = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((args, keywords)))
        if entered and not depth and isinstance(context.module, LINEAR):
            raise _ReachedError(context.module.path)
        depth += not entered
        try:
            return call(*args, **keywords)
        finally:
            depth -= not entered

    labels = space.game.example_labels(1)

    def run(latents: Latents) -> Array:
        with nn.intercept_methods(look):
            return forward(_plain(space), space.player, latents, labels, **_call(space))[0]

    point = jnp.ones((1, space.game.latent_dim))
    try:
        jax.jvp(run, (point,), (point,))
    except _ReachedError as reached:
        return reached.value
    raise UserError("--workdir: latents enter no dense layer or convolution of this generator")


def _at(
    space: LatentSpace, path: Path, player: Player, latents: Latents, labels: PyTree, make: Callable[..., Array]
) -> Array:
    """What `make(call, x)` gives, where the layer at `path` is called with x."""

    def look(call: Callable[..., Any], args: Any, keywords: Any, context: Any) -> Any:
        if context.module.path == path:
            raise _ReachedError(make(call, args[0]))
        return call(*args, **keywords)

    try:
        with nn.intercept_methods(look):
            forward(_plain(space), player, latents, labels, **_call(space))
    except _ReachedError as reached:
        return reached.value
    raise AssertionError("the layer was found before")


def _input_of(space: LatentSpace, path: Path, player: Player, latents: Latents, labels: PyTree) -> Array:
    return _at(space, path, player, latents, labels, lambda call, x: x)


def _output_of(
    space: LatentSpace,
    path: Path,
    player: Player,
    latents: Latents,
    labels: PyTree,
    given: Array | None = None,
) -> Array:
    """The layer's output for the latents, or for an input `given` in place of what they make."""
    return _at(space, path, player, latents, labels, lambda call, x: call(x if given is None else given))


def _probes(shape: tuple[int, ...]) -> Array:
    """Every unit vector, and zero, as inputs of a layer that takes [1, ...]: [size + 1, ...]."""
    size = math.prod(shape)
    return jnp.concatenate([jnp.eye(size), jnp.zeros((1, size))]).reshape(size + 1, *shape[1:])


def _matrix(layer: Callable[..., Array], shape: tuple[int, ...]) -> np.ndarray:
    """The matrix [outputs, inputs] of a linear layer with a bias, whose input is [1, ...]."""
    outputs = np.asarray(jax.jit(lambda: layer(given=_probes(shape)))()).reshape(math.prod(shape) + 1, -1)
    return (outputs[:-1] - outputs[-1:]).T


def _mean_slope(inputs: Callable[..., Array], player: Player, size: int, labels: PyTree) -> np.ndarray:
    """The slope [inputs, z] of what enters the layer by the latents: the mean over points on every axis of these."""

    @jax.jit
    def mean(player: Player, labels: PyTree) -> Array:
        def flat(latents: Array) -> Array:
            return inputs(player, latents[None], labels).reshape(-1)

        def add(total: Array, axis: Array) -> tuple[Array, None]:
            return total + jax.jacfwd(flat)(axis), None

        axes = math.sqrt(size) * jnp.eye(size)
        first = jax.jacfwd(flat)(axes[0])
        total, _ = jax.lax.scan(add, first, axes[1:])
        return total / size

    return np.asarray(mean(player, labels))
