"""Published networks as files: their numbers found, their images and logits those of PyTorch (golden/published.py)."""

import dataclasses
import functools
import shlex
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import use_devices
from golden_numbers import load_golden
from PIL import Image
from standin_runs import assert_equal

from jgan import config as configs
from jgan import import_weights, sample
from jgan.data.config import DataConfig
from jgan.inference.weights import restore_generator
from jgan.published import importing, matching
from jgan.published.importing import File, as_published, open_networks
from jgan.published.readable import find_network
from jgan.training import loop
from jgan.training.start_from import StartFrom
from jgan.types import SPECTRAL, UserError

CONFIGS = {  # the config that a case's file is read with, at numbers that are not the file's
    "dcgan_generator": "dcgan",
    "dcgan_discriminator": "dcgan",
    "biggan_generator": "biggan",
    "biggan_unshared": "sngan",
    "biggan_discriminator": "biggan",
    "mimicry_generator": "sngan",
    "mimicry_conditional": "sngan",
    "mimicry_discriminator": "sngan_stl",
    "mimicry_projection": "sngan",
    "r3gan_generator": "r3gan",
    "r3gan_discriminator": "r3gan",
}
# float32 in both, some ten layers of numbers of order 1, each within a few 1e-7 of the other
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def golden():
    return load_golden("published")


def weights_of(golden, case):
    script, numbers = golden
    return script.draw(case, numbers[case]["shapes"])


def save(folder, weights, name="net.npz"):
    path = folder / name
    np.savez(path, **weights)
    return path


def matched(case, path):
    """(the config with the file's numbers, the network that was found)."""
    config = configs.read_config(CONFIGS[case], [])
    is_discriminator = "discriminator" in case or "projection" in case
    networks = open_networks(config, [File(path, "--discriminator" if is_discriminator else "--generator")])
    config = as_published(config, networks, match=True)
    if not is_discriminator:  # which would have to fit the generator
        configs.check(config)
    return config, networks[0]


@pytest.mark.parametrize("case", CONFIGS)
def test_a_file_draws_and_judges_as_in_pytorch(golden, case, tmp_path):
    """With the file's own numbers, which differ from the config's in every field that a file shows."""
    script, numbers = golden
    config, network = matched(case, save(tmp_path, weights_of(golden, case)))
    module = matching.get(config, network.file.player)
    inputs, labels = script.draw_inputs(case)
    labels = jnp.asarray(labels, jnp.int32)
    is_discriminator = network.file.flag == "--discriminator"
    shapes = jax.eval_shape(functools.partial(module.init, train=False), jax.random.key(0), inputs, labels)
    variables = importing._of_file(network, {name: shapes[name] for name in shapes if name != "intermediates"})

    @jax.jit
    def run(variables, inputs):
        collections = [SPECTRAL, "batch_stats"]
        return module.apply(variables, inputs, labels, train=is_discriminator, mutable=collections)[0]

    made = np.asarray(run(variables, inputs))
    expected = np.array(numbers[case]["outputs"])
    made = made.ravel()[:: script.SHARE] if made.ndim == 4 else made
    np.testing.assert_allclose(made, expected, rtol=0, atol=TOLERANCE * max(1.0, np.abs(expected).max()))


# --- What wraps a network ---


def under(prefix, weights):
    return {f"{prefix}{name}": array for name, array in weights.items()}


def around(generator, discriminator):
    """Wrapped files: what they hold, and what they are said to hold before the names."""
    other = under("optimizer.state.0.", {"exp_avg": np.ones(3), "step": np.ones(())})
    stale = {name: 0.5 * array for name, array in generator.items()}
    plain = {name.removeprefix("main."): array for name, array in generator.items()}
    return {
        "plain": (generator, "main."),
        "list": (plain, ""),
        "state_dict": ({**under("state_dict.", generator), **other}, "state_dict.main."),
        "class": (under("generator.", generator), "generator.main."),
        "both": ({**under("netG.", generator), **under("netD.", discriminator), **other}, "netG.main."),
        "lightning": (
            {**under("state_dict.generator.", generator), **under("state_dict.discriminator.", discriminator)},
            "state_dict.generator.main.",
        ),
        "parallel": (under("module.", generator), "main."),
        "compiled": (under("model_state_dict._orig_mod.module.", generator), "model_state_dict.main."),
        "within": ({f"main.module.{name.removeprefix('main.')}": a for name, a in generator.items()}, "main."),
        "numbered": (under("models.0.", generator), "models.0.main."),
        "average": ({**under("params.", stale), **under("params_ema.", generator)}, "params_ema.main."),
        "ema_model": ({**under("online_model.", stale), **under("ema_model.", generator)}, "ema_model.main."),
        "stylegan": ({**under("G.", stale), **under("D.", discriminator), **under("G_ema.", generator)}, "G_ema.main."),
        "other_name": (under("gen.net.", plain), "gen.net."),
    }


def test_a_network_is_found_in_whatever_wraps_it(golden):
    generator, discriminator = (weights_of(golden, f"dcgan_{player}") for player in ("generator", "discriminator"))
    network = configs.read_config("dcgan", []).game.generator
    expected = {name.removeprefix("main."): array for name, array in generator.items() if "num_batches" not in name}
    for case, (weights, prefix) in around(generator, discriminator).items():
        found = find_network(weights, network, case)
        assert found.prefix == prefix, case
        assert prefix in found.said()
        np.testing.assert_equal(dict(found.tensors), expected)
        inserted = {part for name in weights for part in name.split(".")} & {"module", "_orig_mod"}
        assert set(found.taken_off) == inserted


def test_several_networks_are_asked_for(golden):
    generator = weights_of(golden, "dcgan_generator")
    both = {**under("netG_A.", generator), **under("netG_B.", generator)}
    network = configs.read_config("dcgan", []).game.generator
    with pytest.raises(UserError, match=r"^f: holds several .* 'netG_A\.main\.', 'netG_B\.main\.'; .* --part$"):
        find_network(both, network, "f")
    for part in ("netG_B", "netG_B.", "netG_B.main"):
        assert find_network(both, network, "f", part).prefix == "netG_B.main."
    with pytest.raises(UserError, match=r"^f: expected a generator of .* under 'netG_C'; its tensors are "):
        find_network(both, network, "f", "netG_C")
    with pytest.raises(UserError, match=r"and this is a discriminator of .*: read it with --discriminator, for "):
        find_network(weights_of(golden, "dcgan_discriminator"), network, "f")


# --- Numbers that differ ---


@pytest.mark.parametrize("case", [case for case in CONFIGS if "discriminator" not in case and "projection" not in case])
def test_the_flags_of_the_message_fit_the_file(golden, case, tmp_path):
    path = save(tmp_path, weights_of(golden, case))
    config = configs.read_config(CONFIGS[case], [])
    networks = open_networks(config, [File(path)])
    with pytest.raises(
        UserError, match=r"net\.npz: a generator of .* add --match to take the file's, or '?--config"
    ) as error:
        as_published(config, networks, match=False)
    assert "\n" not in str(error.value)
    given = shlex.split(str(error.value).partition("the file's, or ")[2])
    fitting = configs.read_config(CONFIGS[case], given)
    assert as_published(fitting, networks, match=False) == as_published(config, networks, match=True)


@pytest.mark.slow
def test_both_players_of_one_file_become_a_run(golden, tmp_path, monkeypatch, capsys):
    """A generator and a discriminator saved together: drawn by the command, and both in the checkpoint."""
    use_devices(monkeypatch, 1)
    script, numbers = golden
    generator, discriminator = (weights_of(golden, f"dcgan_{player}") for player in ("generator", "discriminator"))
    path = save(tmp_path, {**under("netG.", generator), **under("netD.module.", discriminator)})
    run = tmp_path / "run"
    flags = [f"--generator={path}", f"--discriminator={path}", "--match", f"--workdir={run}"]
    assert import_weights.main(["--config=dcgan", *flags]) == 0
    said = capsys.readouterr().out
    assert "a generator of PyTorch's DCGAN, 11 tensors under 'netG.main.'" in said
    assert "a discriminator of PyTorch's DCGAN, 7 tensors under 'netD.main.', without 'module' in their names" in said
    config = configs.load(run)
    assert (config.game.latent_dim, config.game.latent_distribution, config.stages[0].resolution) == (5, "normal", 16)
    player, _ = restore_generator(config, run)
    images = config.game.generator.apply(
        {"params": player.params, **player.variables}, script.draw_inputs("dcgan_generator")[0], train=False
    )
    expected = np.array(numbers["dcgan_generator"]["outputs"])
    np.testing.assert_allclose(np.ravel(images)[:: script.SHARE], expected, rtol=0, atol=TOLERANCE)
    assert sample.main([f"--workdir={run}", f"--out={tmp_path}/out", "--num=2", "--batch_size=2"]) == 0
    with Image.open(tmp_path / "out" / "00000.png") as image:
        assert image.size == (16, 16)
    # And the weights are a start: `jgan train --from` takes both.
    monkeypatch.setattr(loop._Loop, "_run_stages", lambda run, state, step: (state, step))
    tuned = loop.train(dataclasses.replace(config, data=DataConfig()), tmp_path / "tuned", StartFrom(run)).state
    assert_equal(tuned.generator.params, player.params)
    kernels = [leaf for leaf in jax.tree.leaves(tuned.discriminator.params) if leaf.ndim == 4]
    theirs = [array.transpose(2, 3, 1, 0) for array in discriminator.values() if array.ndim == 4]
    assert len(kernels) == len(theirs)
    for kernel in theirs:
        assert any(ours.shape == kernel.shape and (ours == kernel).all() for ours in kernels)


def flat(array):
    return array.reshape(-1)


def first(array):
    return array[:1]


def empty(array):
    return array[..., :0]


def test_names_alone_make_no_network(golden, monkeypatch):
    """Tensors of the right names with other axes, or of no numbers: one line, whichever it is, or another network."""
    refused = 0
    for case in [case for case in CONFIGS if "discriminator" not in case and "projection" not in case]:
        weights, config = weights_of(golden, case), configs.read_config(CONFIGS[case], [])
        for name in weights:
            for change in (flat, first, empty):
                changed = weights | ({name: change(weights[name])} if weights[name].ndim else {})
                monkeypatch.setattr(importing, "read_weights", lambda path, changed=changed: changed)
                try:
                    as_published(config, open_networks(config, [File(Path("net.npz"))]), match=True)
                except UserError as error:
                    assert str(error).startswith("--generator=net.npz: ")  # noqa: PT017
                    assert "\n" not in str(error)  # noqa: PT017
                    refused += 1
    assert refused > 30
