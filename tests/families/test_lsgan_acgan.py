"""LSGAN and ACGAN: sizes of the papers' networks, what the discriminators sow, who sees labels, what is refused."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgan.families import acgan, lsgan
from jgan.types import UserError

DROPOUT = {"dropout": jax.random.key(1)}


def layer_shapes(module, *inputs):
    """Shape of every block's output, by name."""
    init = functools.partial(module.init, train=True)
    rngs = {"params": jax.random.key(0), **DROPOUT}

    def run(rngs, *inputs):
        variables = init(rngs, *inputs)
        _, changed = module.apply(
            variables,
            *inputs,
            train=True,
            rngs=DROPOUT,
            mutable=["batch_stats", "intermediates"],
            capture_intermediates=is_layer,
        )
        return changed["intermediates"]

    captured = jax.eval_shape(run, rngs, *inputs)
    return {name: layer["__call__"][0].shape[1:] for name, layer in captured.items() if isinstance(layer, dict)}


def is_layer(module, method):
    return len(module.path) == 1 and method == "__call__" and not isinstance(module, nn.Dropout)


def test_lsgan_has_the_grids_of_the_authors_code():
    assert layer_shapes(lsgan.Generator(), jnp.zeros((2, 1024))) == {
        "project": (7 * 7 * 256,),
        "norm": (7, 7, 256),
        "block_14": (14, 14, 256),
        "refine_14": (14, 14, 256),
        "block_28": (28, 28, 256),
        "refine_28": (28, 28, 256),
        "block_56": (56, 56, 128),
        "block_112": (112, 112, 64),
        "to_image": (112, 112, 3),
    }
    assert layer_shapes(lsgan.Discriminator(), jnp.zeros((2, 112, 112, 3))) == {
        "block_56": (56, 56, 64),
        "block_28": (28, 28, 128),
        "block_14": (14, 14, 256),
        "block_7": (7, 7, 512),
        "to_logit": (1,),
    }


@pytest.mark.parametrize(
    ("resolution", "widths", "grids"),
    [(32, (384, 192, 96), (4, 8, 16)), (128, (768, 384, 256, 192), (8, 16, 32, 64))],  # CIFAR-10, ImageNet
)
def test_acgan_has_the_grids_of_the_appendix(resolution, widths, grids):
    generator = acgan.Generator(resolution, widths=widths)
    blocks = {f"block_{side}": (side, side, width) for side, width in zip(grids[1:], widths[1:], strict=True)}
    assert layer_shapes(generator, jnp.zeros((2, 100)), jnp.zeros((2,), int)) == {
        "project": (grids[0] ** 2 * widths[0],),
        **blocks,
        "to_image": (resolution, resolution, 3),
    }
    half, quarter, eighth = resolution // 2, resolution // 4, resolution // 8
    assert layer_shapes(acgan.Discriminator(), jnp.zeros((2, resolution, resolution, 3))) == {
        "block_0": (half, half, 16),
        "block_1": (half, half, 32),
        "block_2": (quarter, quarter, 64),
        "block_3": (quarter, quarter, 128),
        "block_4": (eighth, eighth, 256),
        "block_5": (eighth, eighth, 512),
        "to_classes": (10,),
        "to_logit": (1,),
    }


NETWORKS = {
    "lsgan": (lsgan.Discriminator(16, 2, dtype="bfloat16"), {"features": (4, 16)}),
    "acgan": (acgan.Discriminator(3, widths=(2, 4), dtype="bfloat16"), {"features": (4, 256), "class_logits": (4, 3)}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_discriminators_sow_in_float32_what_they_promise(name):
    module, expected = NETWORKS[name]
    images = jnp.zeros((4, 16, 16, 1))

    def run(rng):
        variables = module.init({"params": rng, **DROPOUT}, images, train=True)
        mutable = ["batch_stats", "intermediates"]
        return variables, module.apply(variables, images, train=True, rngs=DROPOUT, mutable=mutable)[1]

    variables, changed = jax.eval_shape(run, jax.random.key(0))
    assert set(variables) == {"params", "batch_stats"}  # nothing sown becomes state
    sown = {name: value[0] for name, value in changed["intermediates"].items()}
    assert {name: value.shape for name, value in sown.items()} == expected
    assert {value.dtype for value in sown.values()} == {np.dtype("float32")}


def test_acgan_shows_labels_to_the_generator_alone():
    generator, discriminator = acgan.Generator(8, 1, 3, widths=(4, 2)), acgan.Discriminator(3, widths=(2, 4))
    latents, labels = jnp.ones((3, 5)), jnp.arange(3)

    @jax.jit
    def run(rng):
        images, _ = generator.init_with_output(rng, latents, labels, train=False)
        variables = discriminator.init({"params": rng}, images, train=False)
        return images, [
            discriminator.apply(variables, images, given, train=False) for given in (None, labels, labels[::-1])
        ]

    images, (without, right, wrong) = run(jax.random.key(0))
    assert (images[0] != images[1]).any()
    np.testing.assert_array_equal(without, right)
    np.testing.assert_array_equal(right, wrong)


def test_bad_settings_name_the_field():
    def build(module, *inputs):
        jax.eval_shape(lambda rng: module.init(rng, *inputs, train=False), jax.random.key(0))

    latents, labels, images = jnp.zeros((2, 5)), jnp.zeros((2,), int), jnp.zeros((2, 32, 32, 1))
    with pytest.raises(UserError, match=r"game.generator.resolution=28: expected a multiple of 16"):
        build(lsgan.Generator(28), latents)
    with pytest.raises(UserError, match=r"game.discriminator.resolution=48: its images are 32 x 32"):
        build(lsgan.Discriminator(48), images)
    with pytest.raises(UserError, match=r"game.generator.resolution=28: expected a multiple of 8"):
        build(acgan.Generator(28), latents, labels)
    with pytest.raises(
        UserError, match=r"game.discriminator.label_input='projection': expected 'auxiliary_classifier'"
    ):
        build(acgan.Discriminator(label_input="projection"), images)
