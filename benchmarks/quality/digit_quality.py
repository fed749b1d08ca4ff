"""How well a classifier trained on real MNIST reads generated digits, and how varied each class is.

    jgan sample --workdir runs/quickstart --num 1000 --seed 1
    python benchmarks/quality/digit_quality.py --data idx:MNIST_DIRECTORY --samples runs/quickstart/generated

The samples are numbered PNGs, image i of class i mod 10, as `jgan sample` writes them without --labels. The classifier,
a small convolutional network, sees only the training files of MNIST, resized as the GAN's images are; its accuracy on
the 10,000 test digits is printed too. Variety is the mean pairwise pixel distance of a class's generated digits, as a
share of that of as many real test digits of the class, at the same resolution.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image
from tqdm import trange

from jgan.command import enable_compilation_cache
from jgan.data.config import DataConfig
from jgan.data.opening import open_dataset
from jgan.layers.conv import Conv
from jgan.types import Array, PyTree

CLASSES, BATCH, EPOCHS = 10, 128, 2


class Classifier(nn.Module):
    """Images [n, h, w, 1] to logits [n, 10]."""

    @nn.compact
    def __call__(self, images: Array, rng: Array | None = None) -> Array:
        """Dropout where a key is given."""
        x = images
        for width in (32, 64):
            x = nn.relu(Conv(width, (3, 3), padding="SAME")(x))
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = nn.relu(nn.Dense(128)(x.reshape(x.shape[0], -1)))
        x = nn.Dropout(0.5, deterministic=rng is None)(x, rng=rng)
        return nn.Dense(CLASSES)(x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="idx:DIR with the four MNIST files")
    parser.add_argument("--samples", required=True, type=Path, help="directory of numbered PNGs")
    options = parser.parse_args()
    enable_compilation_cache()
    drawn = read_samples(options.samples)
    labels = np.arange(len(drawn)) % CLASSES
    train, test = (read_real(source, drawn.shape[1]) for source in (options.data, f"{options.data}:t10k"))
    model, params = Classifier(), train_classifier(*train)
    print(f"real test digits read right: {accuracy(model, params, *test):.2%}")
    print(f"generated digits read as their label: {accuracy(model, params, drawn, labels):.2%} of {len(drawn)}")
    for label in range(CLASSES):
        mine = drawn[labels == label]
        ratio = mean_distance(mine) / mean_distance(test[0][test[1] == label][: len(mine)])
        right = accuracy(model, params, mine, np.full(len(mine), label))
        print(f"  {label}: read right {right:.1%}, variety {ratio:.3f} of real")


def read_samples(directory: Path) -> np.ndarray:
    """Numbered PNGs as uint8 [n, h, w, 1]."""
    images = []
    for path in sorted(directory.glob("[0-9]*.png")):
        with Image.open(path) as image:
            images.append(np.asarray(image.convert("L"))[..., None])
    return np.stack(images)


def read_real(source: str, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """All images and labels of a source, uint8 [n, r, r, 1] and int32 [n]."""
    dataset = open_dataset(DataConfig(source=source, channels=1), seed=0)
    batch = dataset.example_batch(dataset.count, resolution)
    return batch["images"], batch["labels"]


def train_classifier(images: np.ndarray, labels: np.ndarray) -> PyTree:
    """Parameters after a few epochs of Adam with a cosine decay."""
    model = Classifier()
    steps = EPOCHS * (len(images) // BATCH)
    optimizer = optax.adam(optax.cosine_decay_schedule(1e-3, steps))
    params = model.init(jax.random.key(0), to_float(images[:2]))
    opt_state = optimizer.init(params)

    @jax.jit
    def step(params: PyTree, opt_state: optax.OptState, images: Array, labels: Array, rng: Array) -> tuple:
        def loss(params: PyTree) -> Array:
            logits: Array = model.apply(params, images, rng)  # pyright: ignore[reportAssignmentType] (no mutables)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        deltas, opt_state = optimizer.update(jax.grad(loss)(params), opt_state)
        return optax.apply_updates(params, deltas), opt_state

    order = np.concatenate([np.random.default_rng(epoch).permutation(len(images)) for epoch in range(EPOCHS)])
    for index in trange(steps, unit="step"):
        rows = order[index * BATCH : (index + 1) * BATCH]
        rng = jax.random.fold_in(jax.random.key(1), index)
        params, opt_state = step(params, opt_state, to_float(images[rows]), jnp.asarray(labels[rows]), rng)
    return params


def accuracy(model: Classifier, params: PyTree, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of images whose largest logit is their label's."""
    read = jax.jit(lambda images: jnp.argmax(model.apply(params, images), axis=-1))  # pyright: ignore
    guesses = [np.asarray(read(to_float(images[i : i + 500]))) for i in range(0, len(images), 500)]
    return float(np.mean(np.concatenate(guesses) == labels))


def to_float(images: np.ndarray) -> Array:
    """uint8 to float32 in [-1, 1]."""
    return jnp.asarray(images, jnp.float32) / 127.5 - 1.0


def mean_distance(images: np.ndarray) -> float:
    """Mean Euclidean distance between two different images, pixels in [0, 1]."""
    flat = images.reshape(len(images), -1).astype(np.float64) / 255
    squares = (flat**2).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * flat @ flat.T, 0))
    return float(distances.sum() / (len(flat) * (len(flat) - 1)))


if __name__ == "__main__":
    main()
