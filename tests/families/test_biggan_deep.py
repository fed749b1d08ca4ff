"""BigGAN-deep against the package that its published weights belong to, and those weights as a run."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import use_devices
from flax.traverse_util import flatten_dict, unflatten_dict
from golden_numbers import GOLDEN, load_script
from PIL import Image
from runs import ROOT

from jgan import config as configs
from jgan import import_weights, sample
from jgan.families.biggan_deep import Discriminator, Generator, biggan_deep
from jgan.games.truncation import at_truncation
from jgan.inference.sampling import latent_game
from jgan.inference.weights import Weights, restore_generator
from jgan.interop.biggan_deep import read_generator
from jgan.training.loop import train
from jgan.types import SPECTRAL, UserError

NUMBERS = GOLDEN / "biggan_deep.npz"
CONFIG = """
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.biggan_deep import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.types import Stage


def get_config():
    generator = Generator(64, (64, 32, 16, 8, 4), num_classes=5, class_features=6, attention=(32,))
    discriminator = Discriminator((4, 4), 1, num_classes=5, attention=())
    return Config(
        game=LatentGAN(generator, discriminator, latent_dim=6, num_classes=5),
        data=DataConfig(channels=3),
        stages=(Stage(steps=10, batch_size=8, resolution=64),),
    )
"""

GENERATOR = Generator(64, (64, 32, 16, 8, 4), num_classes=5, class_features=6, attention=(32,), spectral_norm=False)


@pytest.fixture(scope="module")
def golden():
    """The script that made the numbers."""
    return load_script("biggan_deep")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "narrow.py"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def published(golden, config, tmp_path_factory):
    """(file of weights, the run directory that they became)."""
    directory = tmp_path_factory.mktemp("published")
    np.savez(directory / "weights.npz", **golden.draw())
    imported = directory / "run"
    import_config(config, directory / "weights.npz", imported)
    return directory / "weights.npz", imported


def import_config(config, weights, workdir):
    arguments = [f"--{name}={value}" for name, value in (("config", config), ("generator", weights))]
    assert import_weights.main([*arguments, f"--workdir={workdir}"]) == 0


@pytest.fixture(scope="module")
def generate(golden):
    """The narrow generator as a function of a player, latents and labels at a truncation."""
    network = jax.jit(functools.partial(GENERATOR.apply, train=False))

    def generate_at(player, truncation, latents, labels):
        player = at_truncation(player, truncation, golden.TABLES)
        return network({"params": player.params, **player.variables}, latents, labels)

    return generate_at


@pytest.mark.slow
def test_published_weights_give_the_images_of_their_package(golden, published, generate):
    """At truncations on a table, between two and where rounding decides; out of the checkpoint of the run."""
    _, workdir = published
    generator, step = restore_generator(configs.load(workdir), workdir)
    assert step == 0
    inputs, expected = golden.draw_inputs(), np.load(NUMBERS)
    for index, truncation in enumerate(golden.TRUNCATIONS):
        images = generate(generator, truncation, inputs["latents"], inputs["labels"].astype(np.int32))
        # float32 in both, some 40 layers, each within a few 1e-7 of the other
        np.testing.assert_allclose(np.ravel(images)[:: golden.SHARE], expected[f"images_{index}"], atol=1e-4)
    np.testing.assert_array_equal(
        generator.variables["batch_stats"]["norm"]["mean"], golden.draw()["generator.bn.running_means"][-1]
    )


@pytest.mark.slow
def test_a_run_of_published_weights_is_drawn_at_a_truncation(golden, published, generate, tmp_path, monkeypatch):
    """Latents are those of N(0, 1) within [-2, 2], times the truncation, as the package draws them."""
    _, workdir = published
    use_devices(monkeypatch, 1)
    sample.main(
        [f"--workdir={workdir}", f"--out={tmp_path}", "--num=2", "--seed=3", "--batch_size=2", "--truncation=0.5"]
    )
    config = configs.load(workdir)
    rngs = jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(3)))(jnp.arange(2))
    latents = config.game.sample_latents(rngs)
    assert 1.0 < jnp.abs(latents).max() <= 2.0
    generator, _ = restore_generator(config, workdir, Weights(raw=True))
    for index, image in enumerate(generate(generator, 0.5, 0.5 * latents, jnp.arange(golden.BATCH))):
        with Image.open(tmp_path / f"{index:05d}.png") as file:
            # two programs: a pixel may round to the level beside
            np.testing.assert_allclose(np.asarray(file), (np.asarray(image) + 1) * 127.5, atol=1.0)
    with pytest.raises(UserError, match=r"--truncation=1.5: this run has batch statistics for truncations up to 1"):
        latent_game(config, "--workdir", 1.5)


@pytest.mark.slow
def test_a_run_of_published_weights_is_not_overwritten_or_trained(config, published, tmp_path):
    weights, workdir = published
    before = sorted(workdir.rglob("*"))
    with pytest.raises(UserError, match=r"--workdir=.*: holds files already; choose a new directory"):
        import_config(config, weights, workdir)
    assert sorted(workdir.rglob("*")) == before
    data = tmp_path / "data.npz"
    np.savez(data, images=np.zeros((8, 64, 64, 3), np.uint8), labels=np.arange(8) % 5)
    with pytest.raises(UserError, match=r"game.truncation_tables=51: they belong to imported weights"):
        train(configs.override(configs.load(workdir), [f"--config.data.source=npz:{data}"]), workdir)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda arrays: arrays.pop("generator.layers.0.conv_1.weight_v") is None,
            r"missing generator\.layers\.0\.conv_1\.weight_v \(144,\); unexpected none",
        ),
        (
            lambda arrays: arrays.update({"step": np.ones(3), "more": np.ones(2)}),
            r"missing none; unexpected step \(3,\) and 1 more",
        ),
        (
            lambda arrays: arrays.update({"generator.bn.running_vars": np.ones((51, 8), np.float32)}),
            r"generator\.bn\.running_vars has shape \(51, 8\); the generator of this config expects \(51, 4\)",
        ),
        (
            lambda arrays: arrays.update({"generator.gen_z.weight_u": np.zeros(1024, np.float32)}),
            r"generator\.gen_z\.weight_orig has numbers that are not finite",
        ),
        (
            lambda arrays: arrays.update({"generator.bn.running_means": np.full((51, 4), 1e300)}),
            r"generator\.bn\.running_means has numbers that are not finite",  # as float32
        ),
        (
            lambda arrays: arrays.update({"generator.bn.running_vars": np.full((51, 4), -1.0)}),
            r"generator\.bn\.running_vars has negative variances; the file is damaged",
        ),
    ],
)
def test_another_or_partial_file_is_one_line_that_names_what_is_wrong(golden, change, message):
    arrays = golden.draw()
    change(arrays)
    shapes = jax.eval_shape(
        lambda: GENERATOR.init(jax.random.key(0), jnp.zeros((1, 6)), jnp.zeros(1, jnp.int32), train=False)
    )
    tables = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((51, *leaf.shape), leaf.dtype), shapes["batch_stats"])
    with pytest.raises(UserError, match=rf"^weights\.bin: .*{message}") as error:
        read_generator(arrays, {**shapes, "truncation_stats": tables}, "weights.bin")
    assert "\n" not in str(error.value)


def test_weights_of_another_family_are_refused(published, tmp_path):
    weights, _ = published
    config = ROOT / "configs" / "dcgan.py"
    with pytest.raises(UserError, match=r"this is a BigGAN-deep generator .*: read it with --config biggan_deep"):
        import_config(config, weights, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_discriminator_matches_pytorch(golden):
    arrays, inputs = golden.draw_discriminator(), golden.draw_inputs()
    network = Discriminator(golden.WIDTHS, golden.DOWNSAMPLES, num_classes=golden.NUM_CLASSES, attention=())
    labels = inputs["labels"].astype(np.int32)
    shapes = jax.eval_shape(lambda: network.init(jax.random.key(0), inputs["images"], labels, train=True))
    variables = {}
    for path in flatten_dict(shapes):
        collection, *layer, leaf = path
        suffix = {"kernel": "weight_orig", "embedding": "weight_orig", "bias": "bias", "u": "weight_u"}[leaf]
        array = arrays[f"{'/'.join(layer)}.{suffix}"]
        if leaf == "kernel":
            array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
        variables[path] = array
        assert collection in ("params", SPECTRAL)
    apply = jax.jit(functools.partial(network.apply, train=True, mutable=[SPECTRAL]))
    logits, _ = apply(unflatten_dict(variables), inputs["images"], labels)
    np.testing.assert_allclose(logits, np.load(NUMBERS)["logits"], rtol=1e-5)  # sums of hundreds of float32 products


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"widths": (16, 18, 8)},
            r"game\.generator\.widths=\(16, 18, 8\): expected multiples of 4, none of which grows",
        ),
        ({"attention": (32,)}, r"game\.generator\.attention: no block leaves 32 x 32"),
    ],
)
def test_a_generator_that_cannot_be_built_says_why(fields, message):
    generator = Generator(**{"resolution": 16, "widths": (16, 8, 8), "num_classes": 0, "attention": (), **fields})
    with pytest.raises(UserError, match=message):
        generator.init(jax.random.key(0), jnp.zeros((1, 8)), train=True)


def test_resolutions_without_networks_are_refused():
    with pytest.raises(UserError, match=r"biggan_deep\(resolution=96\): expected one of 32, 64, 128"):
        biggan_deep(96)
