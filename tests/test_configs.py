"""Every config, swept without training: it checks, it lives as JSON, its networks have the published sizes."""

import dataclasses
import json
import math
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from parameter_counts import COUNTS
from tables import assert_rows, mark_slow, row_of

from jgan import config as configs
from jgan.autoconfig.wishes import FAMILIES
from jgan.configuration.cards import read_card
from jgan.engine.sharding import make_sharding
from jgan.families.biggan_deep import biggan_deep
from jgan.families.dcgan import dcgan
from jgan.families.vanilla import vanilla
from jgan.setup import lay_out
from jgan.training.dry_run import plan_data
from jgan.types import Stage, UserError, schedule

ROOT = Path(__file__).parent.parent


SOURCES = [path.read_text() for path in (ROOT / "jgan" / "families").glob("*.py")]
PRESETS = {name for text in SOURCES for name in re.findall(r"^def ([a-z]\w*)\(", text, re.MULTILINE)}
NAMES = sorted(path.stem for path in (ROOT / "configs").glob("*.py"))


def read(name):
    return configs.read_config(str(ROOT / "configs" / f"{name}.py"), [])


def size(params):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def count_parameters(game, resolution, image_channels):
    (stage,) = schedule((Stage(steps=1, batch_size=2, resolution=resolution),))
    images = jnp.zeros((2, resolution, resolution, image_channels))
    batch = {"images": images, "labels": jnp.zeros((2,), jnp.int32), "captions": jnp.ones((2, 3), jnp.int32)}
    shapes = jax.eval_shape(lambda rng: game.init(rng, batch, stage), jax.random.key(0))
    return tuple(size(player["params"]) for player in shapes)


@pytest.mark.parametrize("name", mark_slow(NAMES, ("biggan_deep", "stylegan", "stylegan3_t")))
def test_config(name):
    config = read(name)
    configs.check(config)
    assert configs.from_data(json.loads(json.dumps(configs.to_data(config)))) == config
    # ProGAN's published counts are those of its last stage without what fades out.
    last = dataclasses.replace(config, stages=(dataclasses.replace(config.stages[-1], fade_images=0),))
    setup = lay_out(last, plan_data(last), make_sharding(count=1))
    counts = size(setup.target.generator.params), size(setup.target.discriminator.params)
    assert counts == row_of(COUNTS, name, "COUNTS of tests/parameter_counts.py")
    card = read_card(ROOT / "configs" / f"{name}.py")
    assert (card.task, card.source) == (task_of(config.game), config.data.source)
    assert card.size == f"{config.stages[-1].resolution} x {config.stages[-1].resolution}"
    assert card.parameters == " + ".join(map(rounded, counts))
    assert card.family in PRESETS
    assert re.fullmatch(r"[\d.]+ [TPE]FLOP", card.cost), "python benchmarks/quality/config_costs.py NAME writes it"
    assert re.fullmatch(r"[A-Z][^,]+ \d{4}, https://.+", card.paper)
    assert re.fullmatch(r"|[\d,]+ steps in \d+ processor minutes", card.measured)


def task_of(game):
    """What `jgan configs` lists the game under."""
    command = game.how_to_sample()
    if command.startswith("sample --caption"):
        return "images by caption"
    if command.startswith("sample"):
        return "images by class" if game.num_classes else "images"
    return {"translate": "image-to-image", "upscale": "super-resolution"}[command.split()[0]]


def rounded(count):
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} k"


def test_families_have_one_name():
    """Those that `jgan train --family` takes are those that `jgan configs` lists."""
    assert set(FAMILIES) <= {read_card(ROOT / "configs" / f"{name}.py").family for name in NAMES}


def test_every_config_is_counted():
    assert_rows(COUNTS, NAMES, "COUNTS of tests/parameter_counts.py")


def test_published_parameter_counts():
    # Karras et al. 2018, Table 2: 23.1 million in either network
    assert [round(count / 1e5) for count in COUNTS["progan"]] == [231, 231]
    # The PyTorch DCGAN example (pytorch/examples, dcgan/main.py, nz=100, ngf=ndf=64, nc=3).
    assert count_parameters(dcgan(resolution=64, channels=64), 64, 3) == (3_576_704, 2_765_568)
    assert count_parameters(vanilla(), 28, 1) == (1_486_352, 1_460_225)
    # 55.9 and 56.2 million in pytorch-pretrained-biggan's README, of which 125 channels are unused, as in biggan_deep
    for resolution, published in ((256, 55_880_833), (512, 56_163_905)):
        counted, _ = count_parameters(biggan_deep(resolution), resolution, 3)
        assert counted == published - 125 * 1153


@pytest.mark.parametrize("resolution", [16, 32, 128, 256])
def test_dcgan_makes_any_power_of_two(resolution):
    game = dcgan(resolution=resolution, channels=4)
    stage = dataclasses.replace(read("dcgan").stages[0], resolution=resolution)
    game.check((stage,))


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--config.game.generator.chanels=3", "--config.game.generator.chanels: no such field; did you mean game."),
        ("--config.game.generator.channels=wide", "--config.game.generator.channels=wide: expected a whole number"),
        ("--config.game.generator.channels=1.5", "--config.game.generator.channels=1.5: expected a whole number"),
        ("--config.stages[1].steps=3", "--config.stages[1].steps: no such field; did you mean stages[0].steps"),
        ("--config.game.adversarial=hindge", "game.adversarial='hindge': expected one of non_saturating, minimax"),
        ("--config.on_nonfinite=ignore", "on_nonfinite='ignore': expected one of 'stop', 'rollback'"),
        ("--config.stages[0].batch_size=0", "stages[0].batch_size=0: expected at least 1"),
        ("--config.stages[0].resolution=48", "stages[0].resolution=48: game.generator makes 64 x 64 images; "),
        ("--config.game.generator.resolution=48", "game.generator.resolution=48: expected a power of two, 16 or more"),
        ("--config.game.label_smoothing=2", "game.label_smoothing=2.0: expected less than 1"),
        ("--config.data.flip=yes", "--config.data.flip=yes: expected true or false"),
        ("--config.seed=1e3", "--config.seed=1e3: expected a whole number"),
        ("--config.generator_optimizer.decay=linear", "generator_optimizer.decay_images=0: expected how many images"),
        ("--config.stages[0].adversarial=false", "stages[0].adversarial: this family has no such stage"),
        ("--configg.seed=1", "--configg.seed=1: unknown option"),
        ("stray", "'stray': expected a flag such as --config.seed=1"),
    ],
)
def test_a_wrong_flag_is_one_line_that_names_it(flag, message):
    with pytest.raises(UserError) as error:
        configs.check(configs.override(read("dcgan"), [flag]))
    assert str(error.value).startswith(message), error.value
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def get_config(:", "line 1: SyntaxError"),
        ("import no_such_module", "line 1: ModuleNotFoundError"),
        ("def get_config():\n    return 1 / 0", "line 2: ZeroDivisionError"),
        ("x = 1", "expected a function get_config()"),
        ("def get_config():\n    return {}", "get_config() returned dict, expected jgan.config.Config"),
    ],
)
def test_a_broken_config_file_is_one_line_with_its_place(text, message, tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "broken.py", "broken.py"):
        with pytest.raises(UserError) as error:
            configs.read_config(str(path), [])
        assert message in str(error.value)
        assert str(error.value).startswith(f"--config={path}: ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"game": "dcgan"}, "game='dcgan': expected a game"),
        ({"stages": ()}, "stages=(): expected a tuple of at least one Stage"),
        ({"data": None}, "data=None: expected a DataConfig"),
        ({"seed": 10**30}, "expected 9223372036854775807 at most"),
        ({"max_rollbacks": -1}, "max_rollbacks=-1: expected at least 0"),
    ],
)
def test_a_config_of_the_wrong_shape_is_refused(change, message):
    with pytest.raises(UserError, match=re.escape(message)):
        configs.check(dataclasses.replace(read("dcgan"), **change))


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("game.generator.channels=0", "game.generator.channels=0: expected at least 1"),
        ("game.generator.dtype=int8", "game.generator.dtype='int8': expected one of float32, bfloat16"),
        ("generator_optimizer.learning_rate=-1", "generator_optimizer.learning_rate=-1.0: expected at least 0"),
        ("generator_optimizer.b1=1", "generator_optimizer.b1=1.0: expected less than 1"),
        ("ema.half_life_images=nan", "ema.half_life_images=nan: expected a finite number"),
        ("game.num_classes=3", "game.num_classes=3: game.generator ignores labels"),
        ("game.discriminator.norm=btach", "game.discriminator.norm='btach': expected one of batch, layer, spectral"),
    ],
)
def test_values_out_of_range_are_refused(flag, message):
    config = configs.override(read("dcgan"), [f"--config.{flag}"])
    with pytest.raises(UserError, match=re.escape(message)):  # noqa: PT012
        configs.check(config)
        count_parameters(config.game, 64, 3)


def test_a_class_of_the_config_file_itself_is_refused_before_training():
    @dataclasses.dataclass(frozen=True)
    class Mine(type(read("dcgan").game)):
        pass

    game = read("dcgan").game
    mine = Mine(**{field.name: getattr(game, field.name) for field in dataclasses.fields(game)})
    with pytest.raises(UserError, match="the config cannot be saved as data"):
        configs.check_is_data(dataclasses.replace(read("dcgan"), game=mine))
    configs.check_is_data(read("dcgan"))
    with pytest.raises(UserError, match=r"^game.r1_gamma=nan: expected a finite number$"):  # it equals not even itself
        configs.check_is_data(dataclasses.replace(read("dcgan"), game=dataclasses.replace(game, r1_gamma=math.nan)))


def test_flags_reach_every_kind_of_field():
    flags = [
        "--config.game.generator.channels=8",
        "--config.stages[0].batch_size=32",
        "--config.generator_optimizer.learning_rate=1",
        "--config.data.source=folder:x",
        "--config.data.flip",
        "--config.seed",
        "7",
    ]
    config = configs.override(read("dcgan"), flags)
    assert config.game.generator.channels == 8
    assert config.stages[0].batch_size == 32
    assert config.generator_optimizer.learning_rate == 1.0
    assert (config.data.source, config.data.flip, config.seed) == ("folder:x", True, 7)
    assert read("dcgan").game.generator.channels == 128


def test_a_run_may_only_change_what_does_not_change_its_numbers():
    config = read("dcgan")
    saved = configs.to_data(config)
    longer = configs.override(config, ["--config.stages[0].steps=200000", "--config.log_every=1", "--config.fsdp=2"])
    assert configs.differences(saved, longer, done=1000) == []
    other = configs.override(config, ["--config.stages[0].steps=5", "--config.seed=1"])
    assert configs.differences(saved, other, done=5) == ["seed: was 0, now 1"]
    assert configs.differences(saved, other, done=6) == ["seed: was 0, now 1", "stages[0].steps: was 100000, now 5"]


def test_a_run_of_a_version_without_a_field_goes_on_at_its_default():
    saved = configs.to_data(read("r3gan"))
    del saved["game"]["drift_weight"], saved["generator_optimizer"]["final_b2"]
    config = read("r3gan")
    changed = config.generator_optimizer.final_b2
    assert configs.differences(saved, config, done=0) == [f"generator_optimizer.final_b2: was 0.0, now {changed}"]
