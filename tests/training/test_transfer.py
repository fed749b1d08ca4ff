"""What a run takes of one with another resolution, other classes or other channels, in every family; its settings."""

import dataclasses
import functools
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import use_devices
from run_directories import make_config

import jgan
from jgan import config as configs
from jgan.data.config import DataConfig
from jgan.engine.matching import by_path, compare, named
from jgan.engine.optim import EmaConfig
from jgan.families.biggan import biggan
from jgan.families.cgan import conditional_dcgan
from jgan.families.dcgan import dcgan
from jgan.families.progan import progan
from jgan.families.stylegan import stylegan
from jgan.families.stylegan2 import stylegan2
from jgan.families.stylegan3 import stylegan3
from jgan.inference.weights import Weights, restore_state
from jgan.training import loop
from jgan.training.start_from import StartFrom, write_start
from jgan.training.start_settings import with_resumed_settings
from jgan.types import COPIED, Stage, schedule

small_stylegan = functools.partial(stylegan2, base=128, most=8, mapping_layers=2, minibatch_group=2)
small_stylegan3 = functools.partial(stylegan3, base=128, most=8, layers=6)

# Two games, the sides of their images, and what of the second one's weights is new: of its generator, discriminator.
TRANSFERS = {
    "stylegan2 of twice the size": (
        (small_stylegan(16), 16),
        (small_stylegan(32), 32),
        {"synthesis/block_32", "constants/synthesis/block_32"},
        {"block_32", "from_image"},
    ),
    "stylegan2 of other classes": (
        (small_stylegan(16, num_classes=3), 16),
        (small_stylegan(16, num_classes=5), 16),
        {"mapping/embed/kernel"},
        {"mapping/embed/kernel"},
    ),
    "stylegan3 with opacity": (
        (small_stylegan3(16), 16),
        (small_stylegan3(16, image_channels=4), 16),
        {"synthesis/layer_6_16/kernel", "synthesis/layer_6_16/bias"},
        {"from_image/kernel"},
    ),
    "dcgan of twice the size and half the width": (
        (dcgan(16, 8, 1), 16),
        (dcgan(32, 4, 1), 32),
        {"block_16", "to_image"},
        {"block_16", "block_8"},
    ),
    "dcgan in colour": ((dcgan(16, 4, 1), 16), (dcgan(16, 4, 3), 16), {"to_image"}, {"block_8"}),
    "biggan of other classes": (
        (biggan(32, 4, 1, 3, attention=()), 32),
        (biggan(32, 4, 1, 5, attention=()), 32),
        {"class_vectors"},
        {"projection"},
    ),
    "stylegan of twice the size and with classes": (
        (stylegan(8, 64, 8, mapping_layers=1), 8),
        (stylegan(16, 64, 8, mapping_layers=1, num_classes=3), 16),
        {
            *("synthesis/block_16", "synthesis/to_image_16", "constants/synthesis/block_16"),
            *("mapping/embed", "mapping/dense_0/kernel"),
        },
        {"block_16", "from_image_16", "to_logit"},
    ),
    "progan of twice the size": (
        (progan(8, 8), 8),
        (progan(16, 8), 16),
        {"block_16", "to_image_16"},
        {"block_16", "from_image_16"},
    ),
}


def weights_of(game, side):
    """Shapes of both networks' parameters, constants and averages."""
    (stage,) = schedule((Stage(steps=1, batch_size=4, resolution=side),))
    batch = {"images": jnp.zeros((4, side, side, game.generator.image_channels)), "labels": jnp.zeros(4, jnp.int32)}
    found = jax.eval_shape(lambda: game.init(jax.random.key(0), batch, stage))
    return [
        {**variables["params"], **{name: variables[name] for name in COPIED if name in variables}}
        for variables in found
    ]


@pytest.mark.parametrize("name", TRANSFERS)
def test_what_is_new_of_another_size_or_of_other_classes(name):
    source, target, *expected = TRANSFERS[name]
    for theirs, ours, new in zip(weights_of(*source), weights_of(*target), expected, strict=True):
        matching = compare(theirs, ours)
        found = set(named(matching.new, [*matching.new, *matching.taken]))
        assert found == new


def of_classes(tmp_path, side, count):
    """A DCGAN of that side on as many folders of three images."""
    for number in range(count):
        folder = tmp_path / f"{count}" / f"class {number}"
        folder.mkdir(parents=True)
        for image in range(3):
            (folder / f"{image}.pgm").write_bytes(b"P5 8 8 255\n" + bytes([20 * number + image]) * 64)
    stages = (Stage(steps=1, batch_size=8, resolution=side),)
    data = DataConfig(f"folder:{tmp_path}/{count}", channels=1)
    game = dataclasses.replace(conditional_dcgan(side, 64 // side, 1, count), r1_gamma=0.0)
    return make_config(game=game, data=data, stages=stages, checkpoint_every=1, keep_checkpoints=4)


@pytest.mark.slow
def test_a_run_of_twice_the_size_and_other_classes_trains_on(monkeypatch, tmp_path):
    use_devices(monkeypatch, 1)
    with monkeypatch.context() as patch:
        patch.setattr(loop._Loop, "_run_stages", lambda run, state, step: (state, step))
        jgan.train(of_classes(tmp_path, 16, 3), tmp_path / "a")
    run = jgan.train(of_classes(tmp_path, 32, 4), tmp_path / "b", start_from=tmp_path / "a")
    assert run.step == 1
    config = configs.load(tmp_path / "b")
    assert config.ema.warmup == 0.0
    source, (first, last) = (
        restore_state(configs.load(tmp_path / "a"), tmp_path / "a")[0],
        [restore_state(config, tmp_path / "b", Weights(step=step))[0] for step in (0, 1)],
    )
    said = json.loads((tmp_path / "b" / "start.json").read_text())
    theirs, ours, trained = (by_path(state) for state in (source, first, last))
    for path in said["taken"]:
        np.testing.assert_array_equal(ours[path], theirs[path])
    assert {path: leaf.shape for path, leaf in ours.items() if path not in said["taken"]} == {
        path: tuple(shape) for path, shape in said["new"].items()
    } | {"step": ()}
    shared = "generator/params/dcgan/block_4/norm/scale"
    assert said["taken"][shared] == said["taken"][shared.replace("params", "params_ema")]
    assert not np.array_equal(trained[shared], ours[shared])
    assert run.config.game.latent_dim + 4 in said["new"]["generator/params/dcgan/block_4/conv/kernel"]
    assert any("opt_state" in path for path in said["new"])
    assert not any("opt_state" in path for path in said["taken"])
    events = (tmp_path / "b" / "events.jsonl").read_text()
    assert re.search(r"generator: 9 of 16 tensors taken; made anew dcgan/block_16 \(3\)", events)
    assert re.search(r"discriminator: 3 of 6 tensors .*, of another shape there block_8, projection", events)


ADA = dataclasses.replace(dcgan(16, 4, 1), augment=("flip",), ada_target=0.6)
ADAPTIVE = make_config(game=ADA, stages=(Stage(steps=2, batch_size=8, resolution=16),), ema=EmaConfig(warmup=0.05))


def test_a_run_from_anothers_weights_has_no_ramps_and_a_faster_ada(tmp_path):
    start = StartFrom(tmp_path)
    config, said = with_resumed_settings(ADAPTIVE, start, None)
    assert (config.ema.warmup, config.game.ada_images) == (0.0, 100_000)
    assert said.endswith(": ema.warmup=0.0 (was 0.05), game.ada_images=100000 (was 500000)")
    # What a flag names stays, and so does a run that counts on, or that has begun otherwise.
    flags = ["--config.ema.warmup=0.05"]
    assert with_resumed_settings(ADAPTIVE, start, None, flags)[1].endswith(": game.ada_images=100000 (was 500000)")
    assert with_resumed_settings(ADAPTIVE, StartFrom(tmp_path, keep_step=True), None) == (ADAPTIVE, "")
    assert with_resumed_settings(ADAPTIVE, None, tmp_path) == (ADAPTIVE, "")
    write_start(tmp_path, start)
    configs.save(ADAPTIVE, tmp_path / "config.json")
    assert with_resumed_settings(ADAPTIVE, None, tmp_path) == (ADAPTIVE, "")
    configs.save(config, tmp_path / "config.json")
    assert with_resumed_settings(ADAPTIVE, None, tmp_path)[0] == config
    blurred = dataclasses.replace(ADA, ada_target=0.0, blur_sigma=10.0, blur_images=200)
    found, _ = with_resumed_settings(dataclasses.replace(ADAPTIVE, game=blurred), start, None)
    assert found.game == dataclasses.replace(blurred, blur_sigma=0.0, blur_images=0)
