"""What every family's networks promise: float32 outside whatever is inside, and memory saved at no change."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from tables import mark_slow

from jgan.families.acgan import acgan
from jgan.families.biggan import biggan
from jgan.families.biggan_deep import biggan_deep
from jgan.families.cgan import cgan, conditional_dcgan, conditional_mlp
from jgan.families.dcgan import dcgan
from jgan.families.lsgan import lsgan, lsgan_dcgan
from jgan.families.progan import progan
from jgan.families.sagan import sagan
from jgan.families.sngan import sngan, sngan_cnn
from jgan.families.stylegan import stylegan
from jgan.families.stylegan2 import stylegan2
from jgan.families.stylegan3 import stylegan3
from jgan.families.vanilla import vanilla
from jgan.games.adaptive import OVERFITTING, PROBABILITY
from jgan.types import SPECTRAL, Player, Stage, TrainState, UserError, schedule


def at_16_pixels(game, generator_widths, discriminator_widths):
    """A game of networks that take their widths layer by layer."""
    generator = game.generator.clone(resolution=16, widths=generator_widths)
    return dataclasses.replace(
        game, generator=generator, discriminator=game.discriminator.clone(widths=discriminator_widths)
    )


def small_biggan():
    game = biggan(32, 4, 1, 3, attention=())
    generator = game.generator.clone(resolution=16, widths=(16, 8, 8), attention=(8,))
    discriminator = game.discriminator.clone(widths=(8, 8, 8), attention=(8,))
    return dataclasses.replace(game, generator=generator, discriminator=discriminator, latent_dim=12)


def small_biggan_deep():
    game = biggan_deep(32, 4, 1, 3, attention=())
    generator = game.generator.clone(resolution=16, widths=(16, 16, 8), attention=(8,))
    discriminator = game.discriminator.clone(widths=(8, 8, 16), attention=(8,))
    return dataclasses.replace(game, generator=generator, discriminator=discriminator, latent_dim=12)


GAMES = {
    "vanilla": vanilla(16, 1),
    "cgan": cgan(16, 1, 3),
    "conditional_mlp": conditional_mlp(16, 1, 3),
    "dcgan": dcgan(16, 4, 1),
    "conditional_dcgan": conditional_dcgan(16, 4, 1, 3),
    "lsgan": lsgan(16, 4, 1),
    "acgan": acgan(16, 1, 3, (12, 8, 4), (4, 6, 8)),
    "sngan": at_16_pixels(sngan(32, 1, 3), (4, 4), (2, 2, 2)),
    "sagan": sagan(16, 8, 1, 3, attention=(8,)),
    "biggan": small_biggan(),
    "biggan_deep": small_biggan_deep(),
    "sngan_cnn": at_16_pixels(sngan_cnn(32, 1, 1, 3), (4, 2), (2, 4)),
}
LARGE = "sagan", "biggan", "biggan_deep"  # those of which a test takes longest
BATCH = {"images": jnp.linspace(-1, 1, 4 * 256).reshape(4, 16, 16, 1), "labels": jnp.array([0, 1, 2, 0])}
(STAGE,) = schedule((Stage(steps=1, batch_size=4, resolution=16),))


ADAPTIVE = GAMES | {
    "progan": progan(16, 4, 2),
    "stylegan": stylegan(16, 64, 4, mapping_layers=1),
    "stylegan2": stylegan2(16, 64, 4, 2, 3, 1),
    "stylegan3": stylegan3(16, base=64, most=4, image_channels=4, layers=6),
}


@pytest.mark.parametrize("name", mark_slow(ADAPTIVE, set(ADAPTIVE) - {"vanilla", "cgan", "progan"}))
def test_augmentation_adapts_in_every_family(name):
    """Also of two channels, and of four."""
    settings = {"augment": ("ada_cutout",), "ada_target": 0.6, "adversarial": "non_saturating"}
    game = dataclasses.replace(ADAPTIVE[name], **settings)
    game.check((STAGE,))
    batch = {**BATCH, "images": jnp.zeros((4, 16, 16, game.generator.image_channels))}

    def moved(rngs):
        players = (Player(tree.pop("params"), tree, None) for tree in map(dict, game.init(rngs[0], batch, STAGE)))
        state = TrainState(jnp.int32(4), *players, game.init_extras(batch), ())
        _, (metrics, state) = game.phases(STAGE)[0].loss(state.discriminator.params, state, batch, rngs)
        return metrics, state.extras

    metrics, extras = jax.eval_shape(moved, jax.random.split(jax.random.key(0), 4))
    assert {PROBABILITY, OVERFITTING} <= {name.removeprefix("discriminator/") for name in metrics} & set(extras)


def with_networks(game, **fields):
    generator, discriminator = game.generator.clone(**fields), game.discriminator.clone(**fields)
    return dataclasses.replace(game, generator=generator, discriminator=discriminator)


@functools.cache
@functools.partial(jax.jit, static_argnums=0)  # one program where eager networks would compile hundreds
def init_networks(game):
    """Variables of the game's generator and discriminator."""
    return game.init(jax.random.key(0), BATCH, STAGE)


def judge_images(game, variables, images):
    """Logits of the discriminator."""
    labels, rngs = BATCH["labels"] if game.num_classes else None, {"dropout": jax.random.key(2)}
    logits, _ = game.discriminator.apply(variables, images, labels, train=True, rngs=rngs, mutable=["batch_stats"])
    return logits


@functools.partial(jax.jit, static_argnums=0)
def run_networks(game, variables):
    """Images and logits of the game's networks on the batch above."""
    labels = BATCH["labels"] if game.num_classes else None
    latents = jax.random.normal(jax.random.key(1), (4, game.latent_dim))
    images, _ = game.generator.apply(variables[0], latents, labels, train=True, mutable=["batch_stats"])
    return images, judge_images(game, variables[1], BATCH["images"])


@pytest.mark.parametrize("name", mark_slow(GAMES, LARGE))
def test_bfloat16_inside_float32_outside(name):
    game_16 = with_networks(GAMES[name], dtype="bfloat16")
    shapes = jax.eval_shape(lambda: game_16.init(jax.random.key(0), BATCH, STAGE))
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {np.dtype("float32")}
    variables = init_networks(GAMES[name])
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, shapes)
    images, logits = run_networks(GAMES[name], variables)
    images_16, logits_16 = run_networks(game_16, variables)
    assert {image.dtype for image in (images_16, logits_16)} == {np.dtype("float32")}
    # bfloat16 keeps 8 bits: 2^-8 a rounding, some tens of them in a row
    np.testing.assert_allclose(images_16, images, atol=0.1)
    assert not np.array_equal(images_16, images)
    np.testing.assert_allclose(logits_16, logits, atol=0.1 * max(1.0, float(jnp.abs(logits).max())))


REMAT = "dcgan", "conditional_dcgan", "lsgan", "acgan", "sngan", "biggan", "biggan_deep"


@pytest.mark.parametrize("name", mark_slow(REMAT, ("biggan_deep",)))
def test_remat_changes_memory_not_gradients(name):
    rest = dict(init_networks(GAMES[name])[1])
    params = rest.pop("params")

    def gradients(game):
        return jax.grad(
            lambda params: jnp.square(judge_images(game, {"params": params, **rest}, BATCH["images"])).sum()
        )

    plain, remat = (gradients(game) for game in (GAMES[name], with_networks(GAMES[name], remat=True)))
    assert "remat" in str(jax.make_jaxpr(remat)(params))
    assert "remat" not in str(jax.make_jaxpr(plain)(params))
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)  # noqa: E731
    jax.tree.map(close, jax.jit(plain)(params), jax.jit(remat)(params))


@pytest.mark.parametrize("name", [*GAMES, "lsgan_dcgan"])
def test_every_discriminator_can_have_spectral_norm(name):
    """On every kernel and embedding, in place of any other norm."""
    game = GAMES[name] if name in GAMES else lsgan_dcgan(16, 4, 1)
    field = {"spectral_norm": True} if hasattr(game.discriminator, "spectral_norm") else {"norm": "spectral"}
    discriminator = game.discriminator.clone(**field)
    labels = BATCH["labels"] if game.num_classes else None
    variables = jax.eval_shape(lambda: discriminator.init(jax.random.key(0), BATCH["images"], labels, train=False))
    normalized = {path[:-1] for path in flatten_dict(variables["params"]) if path[-1] in ("kernel", "embedding")}
    assert {path[:-1] for path in flatten_dict(variables[SPECTRAL])} == normalized
    assert "batch_stats" not in variables


@pytest.mark.parametrize("name", ["sngan", *mark_slow(LARGE, LARGE)])
def test_initial_kernels_are_as_asked_in_every_layer(name):
    generator, discriminator = init_networks(with_networks(GAMES[name], weight_init="normal"))
    for params in (generator["params"], discriminator["params"]):
        kernels = {path: leaf for path, leaf in flatten_dict(params).items() if path[-1] in ("kernel", "embedding")}
        assert len(kernels) >= 5
        for path, kernel in kernels.items():
            # The deviation of n draws of N(0, 0.02) is below 0.02 (1 + 5 / sqrt(2 n)): five standard errors.
            assert np.sqrt(np.square(kernel).mean()) < 0.02 * (1 + 5 / np.sqrt(2 * kernel.size)), path


@pytest.mark.parametrize("label_input", ["concatenate", "embedding", "projection"])
def test_labels_reach_both_networks(label_input):
    game = GAMES["conditional_dcgan"]
    discriminator = game.discriminator.clone(label_input=label_input)
    generator = game.generator.clone(label_input="embedding" if label_input == "embedding" else "concatenate")
    game = dataclasses.replace(game, generator=generator, discriminator=discriminator)
    variables = init_networks(game)
    images, logits = run_networks(game, variables)
    logits_other = discriminator.apply(variables[1], BATCH["images"], jnp.array([1, 2, 0, 1]), train=False)
    assert (logits_other != logits).all()
    assert images.shape == BATCH["images"].shape


def test_unknown_label_input_and_missing_labels_are_refused():
    game = GAMES["conditional_dcgan"]
    with pytest.raises(UserError, match=r"game\.generator\.label_input='x': expected one of concatenate"):
        game.generator.clone(label_input="x").init(jax.random.key(0), jnp.zeros((1, 4)), jnp.zeros(1, int), train=True)
    with pytest.raises(UserError, match="need labels"):
        game.generator.init(jax.random.key(0), jnp.zeros((1, 4)), train=True)


@pytest.mark.parametrize(
    "game", [biggan(32), biggan(64), biggan_deep(32), biggan_deep(64), sagan(8), sagan(16), sagan(32)]
)
def test_presets_of_low_resolutions_can_be_built(game):
    side = game.generator.resolution
    game.check((Stage(steps=1, batch_size=4, resolution=side),))
