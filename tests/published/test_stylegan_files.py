"""StyleGAN's files: its authors' tensors become a run that grows no more, and come back from it to the last bit."""

import numpy as np
import pytest
from golden_numbers import load_golden

from jgan import config as configs
from jgan import export_weights, import_weights, sample
from jgan.families.stylegan import Discriminator, Generator
from jgan.interop.weights import read_weights
from jgan.published.readable import find_network
from jgan.types import UserError

SCRIPT, NUMBERS = load_golden("stylegan")


def drawn(case):
    """The official tensors of G and D."""
    return tuple(SCRIPT.draw(shapes) for shapes in NUMBERS[case]["shapes"])


@pytest.mark.parametrize("case", SCRIPT.CASES)
def test_a_file_says_what_its_networks_are_like(case):
    widths, channels, classes, layers, _ = SCRIPT.CASES[case]
    generator, discriminator = drawn(case)
    found = find_network(generator, Generator(widths), "file")
    fields = found.format.fields(found.tensors)
    assert fields == {
        "widths": widths,
        "image_channels": channels,
        "num_classes": classes,
        "style_units": SCRIPT.STYLE,
        "mapping_layers": layers,
        "data.channels": channels,
        "stages.resolution": 4 << (len(widths) - 1),
        "game.latent_dim": SCRIPT.LATENT,
        "game.num_classes": classes,
        "game.truncation_cutoff": min(8, 2 * len(widths)),
        "game.discriminator.num_classes": classes,
        "game.discriminator.widths": widths,
    }
    found = find_network(discriminator, Discriminator(widths), "file", discriminator=True)
    assert found.format.fields(found.tensors) == {"widths": widths, "num_classes": classes}
    with pytest.raises(UserError, match="this is a discriminator of StyleGAN: read it with --discriminator"):
        find_network(discriminator, Generator(widths), "file")


def test_networks_of_one_file_are_told_apart_by_what_their_names_begin_with():
    (generator, discriminator), (widths, *_) = drawn("labels"), SCRIPT.CASES["labels"]
    networks = {"G/": generator, "Gs/": generator, "D/": discriminator}
    file = {prefix + name: array for prefix, tensors in networks.items() for name, array in tensors.items()}
    with pytest.raises(UserError, match=r"holds several such networks, under 'G/', 'Gs/'; say which with --part"):
        find_network(file, Generator(widths), "file")
    found = find_network(file, Generator(widths), "file", "Gs")
    assert (found.prefix, found.tensors.keys()) == ("Gs/", generator.keys())
    assert dict(found.left_out) == {"G": len(generator), "D": len(discriminator)}
    assert find_network(file, Discriminator(widths), "file", discriminator=True).prefix == "D/"


@pytest.mark.slow
@pytest.mark.parametrize("files", ["safetensors", "npz"])
def test_a_file_becomes_a_run_and_comes_back(tmp_path, files, capsys):
    networks = dict(zip(("Gs", "D"), drawn("labels"), strict=True))
    for name, tensors in networks.items():
        np.savez(tmp_path / f"{name}.npz", **tensors)
    flags = [f"--generator={tmp_path}/Gs.npz", f"--discriminator={tmp_path}/D.npz", f"--workdir={tmp_path}/run"]
    with pytest.raises(UserError, match=r"with other numbers than this config's; add --match"):
        import_weights.main(["--config=stylegan", *flags])
    assert import_weights.main(["--config=stylegan", "--match", *flags]) == 0
    (stage,) = configs.load(tmp_path / "run").stages
    assert (stage.resolution, stage.fade_images) == (16, 0)
    exported = [f"--workdir={tmp_path}/run", "--format=stylegan", f"--files={files}", f"--out={tmp_path}/out"]
    assert export_weights.main(exported) == 0
    for name, wanted in (("G_ema", "Gs"), ("G", "Gs"), ("D", "D")):
        written = read_weights(tmp_path / "out" / f"{name}.{files}")
        assert written.keys() == networks[wanted].keys()
        for tensor, array in networks[wanted].items():
            np.testing.assert_array_equal(written[tensor], array, err_msg=tensor)
    if files == "npz":
        assert sample.main([f"--workdir={tmp_path}/run", "--num=5", "--truncation=0.7", "--truncation_cutoff=3"]) == 0
    capsys.readouterr()
