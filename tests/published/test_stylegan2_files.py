"""StyleGAN2's files: official ones and rosinality's become a run, and come back from it to the last bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import load_golden
from PIL import Image

from jgan import evaluate, export_weights, import_weights, main, sample
from jgan.families.stylegan2 import Discriminator, Generator
from jgan.interop import rosinality
from jgan.interop.weights import read_weights
from jgan.published.readable import find_network
from jgan.types import UserError

SCRIPT, NUMBERS = load_golden("stylegan2")


def drawn(case):
    """The official state dicts of G and D."""
    return tuple(SCRIPT.draw(shapes) for shapes in NUMBERS[case]["shapes"])


def named(prefix, tensors):
    return {f"{prefix}.{name}": array for name, array in tensors.items()}


@pytest.mark.parametrize("case", SCRIPT.CASES)
def test_a_file_says_what_its_networks_are_like(case):
    widths, channels, classes, layers, architecture, _ = SCRIPT.CASES[case]
    generator, discriminator = drawn(case)
    file = named("G", generator) | named("G_ema", generator) | named("D", discriminator)
    found = find_network(file, Generator(widths), "file")
    assert (found.prefix, len(found.tensors)) == ("G_ema.", len(generator))
    fields = found.format.fields(found.tensors)
    assert fields == {
        "widths": widths,
        "image_channels": channels,
        "num_classes": classes,
        "style_units": SCRIPT.STYLE,
        "mapping_layers": layers,
        "first_shape": (4, 4),
        "data.channels": channels,
        "stages.resolution": 4 << (len(widths) - 1),
        "game.latent_dim": SCRIPT.LATENT,
        "game.num_classes": classes,
        "game.discriminator.num_classes": classes,
        "game.discriminator.widths": widths,
    }
    found = find_network(file, Discriminator(widths), "file", discriminator=True)
    fields = found.format.fields(found.tensors)
    kind = {"orig": "plain", "resnet": "residual"}[architecture]
    assert (fields["widths"], fields["num_classes"], fields["architecture"]) == (widths, classes, kind)


# rosinality's names of a generator of 16 x 16, by those of the official one.
STYLED = {"conv1": "b4.conv1", "convs.0": "b8.conv0", "convs.1": "b8.conv1", "convs.2": "b16.conv0"}
STYLED |= {"convs.3": "b16.conv1"}
COLOURS = {"to_rgb1": "b4.torgb", "to_rgbs.0": "b8.torgb", "to_rgbs.1": "b16.torgb"}
NOISES = ("b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1")


def as_rosinality(official, layers):
    """The same weights as its `g_ema` has them."""
    made = {"input.input": official["synthesis.b4.const"][None]}
    for index in range(layers):
        made |= {f"style.{index + 1}.{end}": official[f"mapping.fc{index}.{end}"] for end in ("weight", "bias")}
    for ours, theirs in (STYLED | COLOURS).items():
        layer = f"synthesis.{theirs}"
        made[f"{ours}.conv.weight"] = official[f"{layer}.weight"][None]
        for end in ("weight", "bias"):
            made[f"{ours}.conv.modulation.{end}"] = official[f"{layer}.affine.{end}"]
        if ours in STYLED:
            made[f"{ours}.noise.weight"] = official[f"{layer}.noise_strength"].reshape(1)
            made[f"{ours}.activate.bias"] = official[f"{layer}.bias"]
        else:
            made[f"{ours}.bias"] = official[f"{layer}.bias"].reshape(1, -1, 1, 1)
    for index, layer in enumerate(NOISES):
        made[f"noises.noise_{index}"] = official[f"synthesis.{layer}.noise_const"][None, None]
    blurs = {"convs.0.conv.blur.kernel", "convs.2.conv.blur.kernel", "to_rgbs.0.upsample.kernel"}
    return made | dict.fromkeys(blurs | {"to_rgbs.1.upsample.kernel"}, np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16)


@pytest.fixture(scope="module")
def unconditional():
    """A generator of 16 x 16, its shapes and its official weights, the noise constant of N(0, 1)."""
    generator = Generator((8, 6, 4), 3, 0, SCRIPT.STYLE, 2)
    key = jax.random.key(0)
    latents = jnp.zeros((1, SCRIPT.LATENT))
    shapes = jax.eval_shape(lambda: generator.init({"params": key, "dropout": key}, latents, train=True))
    return generator, shapes, SCRIPT.draw(rosinality.stylegan2.tensors(shapes))


@pytest.mark.parametrize("where", ["beside", "nowhere"])
def test_rosinalitys_names_are_the_same_network(unconditional, where):
    generator, shapes, official = unconditional
    average = {"latent_avg": official["mapping.w_avg"]} if where == "beside" else {}
    file = named("g_ema", as_rosinality(official, 2)) | average | {"d.other": np.zeros(2)}
    found = find_network(file, generator, "file")
    assert dict(found.left_out) == {"d": 1}
    assert found.format.fields(found.tensors)["widths"] == (8, 6, 4)
    variables = found.format.read(found.tensors, shapes, "file")
    written = rosinality.stylegan2.write(variables)
    assert written.keys() == official.keys()
    for name, array in official.items():
        if where == "beside" or name != "mapping.w_avg":
            np.testing.assert_array_equal(written[name], array, err_msg=name, strict=True)
    if where == "nowhere":  # the mean of 10,000 styles is within five of its standard errors of that of 20,000 others
        latents = jax.random.normal(jax.random.key(1), (20_000, SCRIPT.LATENT))
        styles = generator.apply(variables, latents, train=False, method="styles")[:, 0]
        error = 5 * styles.std(0) * np.sqrt(1 / 10_000 + 1 / 20_000)
        assert (np.abs(written["mapping.w_avg"] - styles.mean(0)) < error).all()


@pytest.mark.slow
def test_images_twice_as_wide_are_imported_sampled_and_written_but_not_trained(tmp_path, capsys):
    wide = Generator((8, 6), 3, 0, SCRIPT.STYLE, 2, first_shape=(4, 8))
    key = jax.random.key(0)
    latents = jnp.zeros((1, SCRIPT.LATENT))
    shapes = jax.eval_shape(lambda: wide.init({"params": key, "dropout": key}, latents, train=True))
    official = SCRIPT.draw(rosinality.stylegan2.tensors(shapes))
    assert official["synthesis.b4.const"].shape == (8, 4, 8)
    np.savez(tmp_path / "file.npz", **official)
    run = f"--workdir={tmp_path}/run"
    assert import_weights.main(["--config=stylegan2", "--match", f"--generator={tmp_path}/file.npz", run]) == 0
    assert sample.main([run, "--num=2", f"--out={tmp_path}/made"]) == 0
    image = tmp_path / "made" / "00000.png"
    with Image.open(image) as opened:
        assert opened.size == (16, 8)
    assert export_weights.main([run, "--format=stylegan2", "--files=npz", f"--out={tmp_path}/out"]) == 0
    written = read_weights(tmp_path / "out" / "G_ema.npz")
    for tensor, array in official.items():
        np.testing.assert_array_equal(written[tensor], array, err_msg=tensor)
    with pytest.raises(UserError, match=r"game\.generator: makes images of 16 x 8 pixels, and the data are read as sq"):
        main.main([f"--from={tmp_path}/run", f"--workdir={tmp_path}/new", "--config.data.source=mnist5k"])
    with pytest.raises(UserError, match="its images are 16 x 8 pixels, and real ones are read as squares"):
        evaluate.main([run, "--reference=mnist5k", "--metrics=fd", "--features=efficientnet_lite0"])
    capsys.readouterr()


@pytest.mark.slow
@pytest.mark.parametrize("files", ["safetensors", "npz"])
def test_a_file_becomes_a_run_and_comes_back(tmp_path, files, capsys):
    generator, discriminator = drawn("plain_labels")
    np.savez(tmp_path / "file.npz", **named("G_ema", generator), **named("D", discriminator))
    flags = [f"--generator={tmp_path}/file.npz", f"--discriminator={tmp_path}/file.npz", f"--workdir={tmp_path}/run"]
    assert import_weights.main(["--config=stylegan2", "--match", *flags]) == 0
    exported = [f"--workdir={tmp_path}/run", "--format=stylegan2", f"--files={files}", f"--out={tmp_path}/out"]
    assert export_weights.main(exported) == 0
    for name, wanted in (("G_ema", generator), ("G", generator), ("D", discriminator)):
        written = read_weights(tmp_path / "out" / f"{name}.{files}")
        assert written.keys() == wanted.keys()
        for tensor, array in wanted.items():
            np.testing.assert_array_equal(written[tensor], array, err_msg=tensor, strict=True)
    with pytest.raises(UserError, match=rf"holds G_ema\.{files} already; choose another"):
        export_weights.main(exported)
    if files == "npz":
        drawing = [f"--workdir={tmp_path}/run", "--num=5", "--truncation=0.7", "--truncation_cutoff=3"]
        assert sample.main(drawing) == 0
        with pytest.raises(UserError, match=r"--truncation_cutoff=9: .* expected 1 to 8"):
            sample.main([*drawing[:-1], "--truncation_cutoff=9", "--overwrite"])
    capsys.readouterr()
