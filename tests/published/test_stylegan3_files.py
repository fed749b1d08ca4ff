"""StyleGAN3's files: official ones become a run, and come back from it to the last bit."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import GOLDEN, load_golden

from jgan import export_weights, import_weights
from jgan.families import stylegan2, stylegan3
from jgan.interop import stylegan3 as official
from jgan.interop.weights import read_weights
from jgan.published.readable import find_network
from jgan.types import UserError

SCRIPT, NUMBERS = load_golden("stylegan3")
PUBLISHED = json.loads((GOLDEN / "stylegan3_names.json").read_text())["names"]


def empty(shapes):
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}


def fields_of(tensors):
    found = find_network({f"G_ema.{name}": array for name, array in tensors.items()}, stylegan3.Generator(8), "file")
    return found.format.fields(found.tensors)


@pytest.mark.parametrize("case", SCRIPT.CASES)
def test_a_file_says_what_its_generator_is_like(case):
    resolution, layers, _, most, rotations, channels, classes = SCRIPT.CASES[case]
    fields = fields_of(empty(NUMBERS[case]["shapes"]))
    base, wide = fields.pop("base"), fields.pop("game.discriminator.widths")
    assert wide[0] == most // (2 if rotations else 1)
    bands = stylegan3.bands_of(resolution, layers, base, most, channels)
    names = {f"synthesis.L{index}_{band.size}_{band.channels}.weight" for index, band in enumerate(bands)}
    assert names <= NUMBERS[case]["shapes"].keys()
    assert fields == {
        "resolution": resolution,
        "image_channels": channels,
        "num_classes": classes,
        "most": most,
        "rotations": rotations,
        "layers": layers,
        "style_units": SCRIPT.STYLE,
        "mapping_layers": 2,
        "data.channels": channels,
        "stages.resolution": resolution,
        "game.latent_dim": SCRIPT.LATENT,
        "game.num_classes": classes,
        "game.discriminator.num_classes": classes,
    }


@pytest.mark.parametrize("kind", "tr")
def test_the_published_ones_need_no_flags(kind):
    fields = fields_of(empty(PUBLISHED[kind]))
    generator = stylegan3.stylegan3(1024, rotations=kind == "r").generator
    assert fields["game.discriminator.widths"] == stylegan2.widths_of(1024, 32768)
    own = {name: value for name, value in fields.items() if "." not in name}
    assert own == {name: getattr(generator, name) for name in own}


def test_the_other_stylegans_file_is_named():
    with pytest.raises(UserError, match="this is a generator of StyleGAN3: read it with --config stylegan3_t"):
        find_network(empty(PUBLISHED["t"]), stylegan2.Generator((8, 8)), "file")


@pytest.mark.slow
def test_a_file_becomes_a_run_and_comes_back(tmp_path, capsys):
    _, layers, base, most, rotations, channels, classes = SCRIPT.CASES["t"]
    network = stylegan3.Generator(32, channels, classes, base, most, rotations, layers, SCRIPT.STYLE)
    latents = jnp.zeros((1, SCRIPT.LATENT))
    shapes = jax.eval_shape(lambda: network.init({"params": jax.random.key(0)}, latents, train=True))
    filters = official.write(jax.tree.map(lambda leaf: np.zeros(leaf.shape), shapes))
    generator = filters | SCRIPT.draw(NUMBERS["t"]["shapes"])
    file = {f"G_ema.{name}": array for name, array in generator.items()}
    np.savez(tmp_path / "file.npz", **file)
    command = ["--config=stylegan3_t", "--match", f"--generator={tmp_path}/file.npz", f"--workdir={tmp_path}/run"]
    assert import_weights.main(command) == 0
    assert export_weights.main([f"--workdir={tmp_path}/run", "--format=stylegan3", f"--out={tmp_path}/out"]) == 0
    for name in ("G_ema", "G"):
        written = read_weights(tmp_path / "out" / f"{name}.safetensors")
        assert written.keys() == generator.keys()
        for tensor, array in generator.items():
            np.testing.assert_array_equal(written[tensor], array, err_msg=tensor, strict=True)
    assert {"b4.fc.weight", "b32.fromrgb.weight"} <= read_weights(tmp_path / "out" / "D.safetensors").keys()
    capsys.readouterr()
