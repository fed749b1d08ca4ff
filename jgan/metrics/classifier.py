"""A small convolutional classifier, trained in a minute or two, by which metrics read digits and other small images.

Convolutions of stride 2 with batch norm down to 4 x 4, then one layer to the classes; Adam with a cosine decay, images
shifted by a few pixels at random. It tells classes apart; its features are of no use.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict

from jgan.engine import processes
from jgan.engine.optim import AdamConfig, make_optimizer
from jgan.engine.sharding import make_sharding
from jgan.interop.weights import Weights, read_weights
from jgan.layers.conv import Conv
from jgan.layers.norm import BatchNorm
from jgan.metrics.checks import check_images
from jgan.rundir.atomic_files import as_json, replacing_shared
from jgan.terminal import bars
from jgan.types import Array, Images, Labels, PyTree, UserError
from jgan.untrusted.fields import check_fields, list_of, number, one_of, text, whole
from jgan.untrusted.json_data import parse_json
from jgan.untrusted.normal_names import normal

SMALLEST, LARGEST = 8, 64  # pixels of a side that the network can see; other images are resized
EPOCHS, FEWEST_IMAGES = 4, 60_000  # trained for so many passes, and small sets until so many images were seen
BATCH_SIZE = 128
LEARNING_RATE = 2e-3
SHIFT = 14  # a side divided by it: pixels that training images move at most
READY_EVERY = 16  # steps between waits for the device, or they would queue up with their batches
PREDICT_SIZE = 256  # images at once
LAST = "Dense_0"  # the layer of the classes
SHOWN = 5  # classes in a message
# What `save_classifier` writes beside the weights, and of that what earlier versions did not.
ABOUT = {
    "num_classes": whole(1, 2**20),
    "resolution": whole(SMALLEST, LARGEST),
    "channels": one_of(1, 3),
    "trained_on": text(),
    "tested_on": text(),
    "class_names": list_of(text(), 2**20),
    "accuracy": number(0, 1),
}
MAY_LACK = {"trained_on", "tested_on", "class_names"}


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained network and what is known of it."""

    variables: PyTree  # of `Network`: {"params", "batch_stats"}
    num_classes: int
    resolution: int  # of the square that images are resized to, whatever their aspect ratio
    channels: int  # 1: images are read as gray, 3: as RGB
    trained_on: str = ""
    tested_on: str = ""  # images that it was not trained on
    class_names: tuple[str, ...] = ()  # (): files of earlier versions do not say
    accuracy: float = math.nan  # share of those that it reads as their label; NaN: not measured


class Network(nn.Module):
    """Images [n, r, r, c] in [-1, 1] to the logits [n, num_classes] of classes."""

    num_classes: int

    @nn.compact
    def __call__(self, images: Images, *, train: bool) -> Array:
        """With `train`, batch norm takes the statistics of the batch."""
        x, width = images, 32
        while x.shape[1] > 4:
            x = Conv(width, (4, 4), (2, 2), use_bias=False)(x)
            x = nn.relu(BatchNorm()(x, train))
            width = min(2 * width, 128)
        return nn.Dense(self.num_classes, name=LAST)(x.reshape(x.shape[0], -1))


def input_format(images: np.ndarray) -> tuple[int, int]:
    """Resolution and channels at which a classifier should see such images, uint8 [n, h, w, 1 or 3]: the longer side
    between `SMALLEST` and `LARGEST`; 1 channel where all of them are gray, also as RGB.
    """
    is_gray = images.shape[-1] == 1 or bool((images[..., :1] == images[..., 1:]).all())
    return min(max(*images.shape[1:3], SMALLEST), LARGEST), 1 if is_gray else 3


def train_classifier(
    images: np.ndarray, labels: np.ndarray, num_classes: int, *, resolution: int, channels: int, seed: int
) -> Classifier:
    """A classifier of images uint8 [n, h, w, 1 or 3] by labels int [n] in [0, num_classes), with a progress bar.

    Trains over all devices, for `EPOCHS` passes or `FEWEST_IMAGES` images, whichever is more. The same arguments on the
    same devices give the same bits.

    Raises:
      UserError: images or labels are not that, or `resolution` or `channels` not what a classifier can have.
    """
    check_images("images", images)
    check_labels(labels, len(images), num_classes)
    check_format(resolution, channels)
    images = fit(images, resolution, channels)
    sharding = make_sharding()
    batch_size = -(-BATCH_SIZE // sharding.mesh.size) * sharding.mesh.size
    steps = -(-max(FEWEST_IMAGES, EPOCHS * len(images)) // batch_size)
    adam = AdamConfig(learning_rate=LEARNING_RATE, b1=0.9, decay="cosine", decay_images=steps * batch_size)
    rng = jax.random.key(seed)
    state = jax.device_put(_initial_state(rng, num_classes, images.shape[1:], adam), sharding.replicated)
    rows = _shuffled_rows(len(images), batch_size, np.random.default_rng(seed))
    with bars.bar(total=steps, desc=f"classifier on {len(images)} images", unit="step", delay=bars.DELAY) as bar:
        for step in range(steps):
            chosen = next(rows)
            batch = sharding.put_batch((images[chosen], labels[chosen].astype(np.int32)))
            state, loss = _train_step(Network(num_classes), adam, state, *batch, rng, np.int32(step))
            if step % READY_EVERY == 0:
                bar.set_postfix(loss=f"{float(loss):.3f}", refresh=False)
            bar.update()
    params, batch_stats, _ = jax.device_get(state)
    return Classifier({"params": params, "batch_stats": batch_stats}, num_classes, resolution, channels)


def check_format(resolution: int, channels: int, field: str = "resolution") -> None:
    """Raises UserError unless a classifier can see such images; `field` is what the resolution is called."""
    if not SMALLEST <= resolution <= LARGEST:
        raise UserError(f"{field}={resolution}: expected {SMALLEST} to {LARGEST} pixels")
    if channels not in (1, 3):
        raise UserError(f"channels={channels}: expected 1 or 3")


def check_labels(labels: np.ndarray, count: int, num_classes: int) -> None:
    """Raises UserError unless labels are `count` integers in [0, num_classes), at least one."""
    if labels.shape != (count,) or count == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"labels: {labels.dtype} {list(labels.shape)}; expected an integer for each of {count} images")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise UserError(f"labels: {labels.min()} to {labels.max()}; expected 0 to {num_classes - 1}")


def predict(classifier: Classifier, images: np.ndarray) -> np.ndarray:
    """Logits float32 [n, num_classes] of images uint8 [n, h, w, 1 or 3], over all devices.

    They are first brought to the classifier's size and channels, see `fit`.

    Raises:
      UserError: images are not that.
    """
    check_images("images", images)
    sharding = make_sharding()
    size = -(-PREDICT_SIZE // sharding.mesh.size) * sharding.mesh.size
    variables = jax.device_put(classifier.variables, sharding.replicated)
    logits = []
    for first in range(0, len(images), size):
        batch = fit(images[first : first + size], classifier.resolution, classifier.channels)
        whole = np.pad(batch, ((0, size - len(batch)), (0, 0), (0, 0), (0, 0)))  # or it would be compiled anew
        found = _logits(Network(classifier.num_classes), variables, sharding.put_batch(whole))
        logits.append(processes.fetch(found)[: len(batch)])
    return np.concatenate(logits)


def share_right(classifier: Classifier, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of images uint8 [n, h, w, 1 or 3], 0 to 1, whose likeliest class is their label [n]."""
    return float((predict(classifier, images).argmax(axis=1) == labels).mean())


def fit(images: np.ndarray, resolution: int, channels: int) -> np.ndarray:
    """Images uint8 [n, h, w, 1 or 3] as a classifier sees them, uint8 [n, resolution, resolution, channels].

    Colours become ITU-R 601 luma where it sees one channel; the resize is Lanczos, antialiased, and keeps no aspect.

    Raises:
      UserError: other channels.
    """
    parts = range(0, len(images), PREDICT_SIZE)  # to bound memory
    return np.concatenate([_fit_part(images[first : first + PREDICT_SIZE], resolution, channels) for first in parts])


def with_classes(classifier: Classifier, names: tuple[str, ...]) -> Classifier:
    """The classifier with the class `names[i]` as number i; as it is where it does not know what they are called.

    Raises:
      UserError: it knows other classes.
    """
    ours, wanted = tuple(map(normal, classifier.class_names)), tuple(map(normal, names))
    if not ours or ours == wanted:
        return classifier
    if len(ours) != len(names):
        raise UserError(
            f"--classifier: it knows {len(ours)} classes, the reference has {len(names)}; give one trained on such "
            "images, or leave it out and one is trained"
        )
    if unknown := sorted(set(wanted) - set(ours)):
        raise UserError(
            f"--classifier: it does not know the class {unknown[0]!r} of the reference; it knows "
            f"{', '.join(map(repr, ours[:SHOWN]))}; give one trained on such images, or leave it out and one is trained"
        )
    order = np.array([ours.index(name) for name in wanted])
    params = dict(classifier.variables["params"])
    params[LAST] = {name: leaf[..., order] for name, leaf in params[LAST].items()}
    variables = {**classifier.variables, "params": params}
    return dataclasses.replace(classifier, variables=variables, class_names=names)


def save_classifier(path: Path, classifier: Classifier) -> None:
    """Writes an .npz of plain arrays: the weights, and `about`, the other fields as JSON in bytes.

    Raises:
      UserError: the file cannot be written.
    """
    about = np.frombuffer(as_json(describe(classifier), indent=None).encode(), np.uint8)
    arrays: dict[str, Any] = {"about": about, **flatten_dict(classifier.variables, sep="/")}
    with replacing_shared(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def describe(classifier: Classifier) -> dict[str, Any]:
    """All but the weights."""
    names = [field.name for field in dataclasses.fields(Classifier) if field.name != "variables"]
    return {name: getattr(classifier, name) for name in names}


def load_classifier(path: Path) -> Classifier:
    """What `save_classifier` wrote; nothing in the file is executed.

    Raises:
      UserError: no such file, damaged, or not a classifier.
    """
    weights = read_weights(path)
    try:
        about: Any = check_fields(parse_json(weights.pop("about").tobytes()), ABOUT, may_lack=MAY_LACK)
        classifier = Classifier({}, **about | {"class_names": _class_names(about)})
        return dataclasses.replace(classifier, variables=_checked_variables(classifier, weights))
    except (KeyError, TypeError, ValueError, RecursionError, UserError) as error:
        raise UserError(f"{path}: not a stored classifier ({error}); make one with jgan classifier") from None


def _class_names(about: dict[str, Any]) -> tuple[str, ...]:
    """The names of the classes. Raises ValueError where they are not one for each."""
    names = about.get("class_names", [])
    if names and not len(set(names)) == len(names) == about["num_classes"]:
        raise ValueError(f"{len(set(names))} names of {about['num_classes']} classes")
    return tuple(names)


def _checked_variables(classifier: Classifier, weights: Weights) -> PyTree:
    """The weights as a tree. Raises ValueError where they are not those of the network."""
    shape = (classifier.resolution, classifier.resolution, classifier.channels)
    initial = functools.partial(_initial_variables, num_classes=classifier.num_classes, shape=shape)
    expected: dict[str, Any] = flatten_dict(jax.eval_shape(initial, jax.random.key(0)), sep="/")
    if expected.keys() != weights.keys():
        raise ValueError(f"unlike in {', '.join(sorted(expected.keys() ^ weights.keys())[:3])}")
    for name, leaf in expected.items():
        if weights[name].shape != leaf.shape or weights[name].dtype != leaf.dtype:
            raise ValueError(f"{name} is {weights[name].dtype} {list(weights[name].shape)}")
    return unflatten_dict(weights, sep="/")


def _initial_variables(rng: Array, *, num_classes: int, shape: tuple[int, ...]) -> PyTree:
    variables = Network(num_classes).init(rng, jnp.zeros((2, *shape)), train=True)
    return {"params": variables["params"], "batch_stats": variables["batch_stats"]}


def _initial_state(rng: Array, num_classes: int, shape: tuple[int, ...], adam: AdamConfig) -> PyTree:
    """Parameters, batch statistics, state of the optimizer."""
    variables = _initial_variables(rng, num_classes=num_classes, shape=shape)
    return variables["params"], variables["batch_stats"], make_optimizer(adam).init(variables["params"])


def _shuffled_rows(count: int, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Row numbers, a batch at a time, of one shuffle after the other."""
    rows = np.zeros(0, np.int64)
    while True:
        while len(rows) < batch_size:
            rows = np.concatenate([rows, rng.permutation(count)])
        yield rows[:batch_size]
        rows = rows[batch_size:]


@functools.partial(jax.jit, static_argnames=("network", "adam"))
def _train_step(
    network: Network, adam: AdamConfig, state: PyTree, images: Array, labels: Labels, rng: Array, step: Array
) -> tuple[PyTree, Array]:
    """One batch of uint8 images: the next state and the loss."""
    params, batch_stats, opt_state = state
    inputs = _to_float(_shifted(images, jax.random.fold_in(rng, step)))

    def cross_entropy(params: PyTree) -> tuple[Array, PyTree]:
        variables = {"params": params, "batch_stats": batch_stats}
        logits, advanced = network.apply(variables, inputs, train=True, mutable=["batch_stats"])
        chosen = jnp.take_along_axis(nn.log_softmax(logits), labels[:, None], axis=1)
        return -chosen.mean(), advanced["batch_stats"]

    (loss, batch_stats), gradients = jax.value_and_grad(cross_entropy, has_aux=True)(params)
    images_seen = (step * len(images)).astype(jnp.float32)
    deltas, opt_state = make_optimizer(adam).update(gradients, opt_state, params, images_seen=images_seen)
    return (jax.tree.map(jnp.add, params, deltas), batch_stats, opt_state), loss


@functools.partial(jax.jit, static_argnames="network")
def _logits(network: Network, variables: PyTree, images: Array) -> Array:
    return network.apply(variables, _to_float(images), train=False)  # pyright: ignore[reportReturnType] (no mutables)


def _shifted(images: Array, rng: Array) -> Array:
    """Each image moved by its own whole number of pixels, its border repeated."""
    most = images.shape[1] // SHIFT
    wide = jnp.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    corners = jax.random.randint(rng, (len(images), 2), 0, 2 * most + 1)
    return jax.vmap(lambda image, at: jax.lax.dynamic_slice(image, (*at, 0), images.shape[1:]))(wide, corners)


def _to_float(images: Array) -> Images:
    """Bytes to [-1, 1]."""
    return images.astype(jnp.float32) / 127.5 - 1.0


def _fit_part(images: np.ndarray, resolution: int, channels: int) -> np.ndarray:
    if images.shape[-1] not in (1, 3):
        raise UserError(f"images of {images.shape[-1]} channels: classifiers read gray and RGB images")
    if images.shape[-1] < channels:
        images = np.repeat(images, channels, axis=-1)
    elif images.shape[-1] > channels:  # as Pillow's convert("L"): exact where the three are equal
        images = ((images @ np.array([19595, 38470, 7471], np.uint32) + 2**15) >> 16).astype(np.uint8)[..., None]
    shape = (len(images), resolution, resolution, channels)
    if images.shape == shape:
        return images
    resized = jax.image.resize(images.astype(np.float32), shape, "lanczos3")
    return np.clip(np.rint(jax.device_get(resized)), 0, 255).astype(np.uint8)
