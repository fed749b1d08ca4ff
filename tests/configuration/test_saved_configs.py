"""config.json whose values are not what was written: one line that names the file, never a traceback or an abort."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import pytest
from run_directories import make_config

from jgan import config as configs
from jgan.configuration.hints import check_types
from jgan.configuration.ranges import LARGEST
from jgan.engine.memory import check_memory
from jgan.engine.sharding import make_sharding
from jgan.types import Stage, UserError

PARTS = [  # dataclasses of jgan that belong elsewhere
    {"type": "jgan.data.config.DataConfig"},
    {"type": "jgan.types.Stage", "steps": 1, "batch_size": 8, "resolution": 8},
    {"type": "jgan.layers.norm.BatchNorm"},
    {"type": "jgan.types.Phase", "name": "x", "player": "generator", "loss": 3},
]
NEVER = [*PARTS, None, [[1]], {}, {"type": "os.system"}, {"type": "jgan.__main__.main"}, {"type": 3}, {"steps": 1}]
SIZES = [2**63, 2**62, 2**40, 10**19, -1, 0.5, True, "8", [8], [], None]


@pytest.fixture(scope="module")
def written():
    return configs.to_data(make_config())


def places(node, path=()):
    """The path to every value of JSON data, and the value."""
    for name, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*path, name), value
        if isinstance(value, dict | list):
            yield from places(value, (*path, name))


def with_value(data, path, value):
    name, *rest = path
    whole = dict(data) if isinstance(data, dict) else list(data)
    whole[name] = with_value(data[name], rest, value) if rest else value
    return whole


def refusal(directory, text):
    (directory / "config.json").write_text(text)
    with pytest.raises(UserError) as error:
        configs.load(directory)
    assert str(error.value).startswith(f"{directory}/config.json: "), error.value
    assert len(str(error.value)) < 1000, error.value
    return str(error.value)


def test_no_value_may_stand_for_another(written, tmp_path):
    for path, before in places(written):
        kind = before["type"] if isinstance(before, dict) else "none"
        for value in NEVER:
            if not isinstance(value, dict) or value.get("type") != kind:
                message = refusal(tmp_path, json.dumps(with_value(written, path, value)))
                assert "\n" not in message, (path, value)


def test_sizes_are_bounded_before_anything_is_computed(written, tmp_path):
    """XLA ends the process where a size overflows what it counts with."""
    fields = [("game", "generator", name) for name in ("resolution", "image_channels")]
    fields += [("game", "generator", "widths", 0), ("game", "discriminator", "widths", 0), ("game", "latent_dim")]
    fields += [("game", "num_classes"), *(("stages", 0, name) for name in ("batch_size", "resolution", "accumulate"))]
    for path in fields:
        for value in SIZES:
            refusal(tmp_path, json.dumps(with_value(written, path, value)))
    for path in [*fields, ("seed",), ("stages", 0, "steps"), ("log_every",), ("data", "workers"), ("ema", "warmup")]:
        text = json.dumps(with_value(written, path, "DIGITS")).replace('"DIGITS"', "9" * 5000)
        assert "a number of 5000 digits" in refusal(tmp_path, text)
    whole = with_value(with_value(written, ("stages", 0, "batch_size"), 2**16), ("stages", 0, "resolution"), 2**13)
    assert "pixels in a batch" in refusal(tmp_path, json.dumps(whole))
    stages = [written["stages"][0] | {"steps": LARGEST["steps"]}] * 2
    assert "steps in all" in refusal(tmp_path, json.dumps(written | {"stages": stages}))


def test_texts_that_are_no_config(written, tmp_path):
    whole = json.dumps(written)
    for text, reason in {
        "": "not valid JSON",
        whole[:-1]: "not valid JSON",
        "null": "expected a jgan.config.Config",
        "[]": "expected a jgan.config.Config",
        json.dumps(written["data"]): "expected a jgan.config.Config",
        "[" * 100_000: "nest deeper than 64",
        '{"a":' * 70 + "1" + "}" * 70: "nest deeper than 64",
        f'{whole[:-1]}, "seed": 1}}': "the key 'seed' is there twice",
        f'{whole[:-1]}, "sede": 1}}': "has no field 'sede'; did you mean seed",
        whole.replace('"seed": 0', '"seed": NaN'): "NaN is no number of JSON",
        whole.replace('"warmup": 0.05', '"warmup": 1e999'): "not finite",
        whole.replace('"mnist5k"', json.dumps("x" * 20_000)): "10000 characters at most",
        whole.replace('"mnist5k"', r'"a\u0000b"'): "none of them NUL",
    }.items():
        assert text != whole
        assert reason in refusal(tmp_path, text)


def test_networks_that_cannot_be_built_are_one_line(written, tmp_path):
    for network in (
        {"type": "jgan.layers.norm.BatchNorm"},  # takes no latents
        written["game"]["discriminator"],
    ):
        message = refusal(tmp_path, json.dumps(with_value(written, ("game", "generator"), network)))
        assert "game" in message
        assert "\n" not in message


def test_a_state_must_fit_the_memory():
    sharding = make_sharding(count=1).replicated
    state = [jax.ShapeDtypeStruct((2**38, 4), jnp.float32, sharding=sharding)]
    with pytest.raises(UserError, match=r"take 4,398\.0 GB, and .* GB are there"):
        check_memory(state)
    check_memory([jax.ShapeDtypeStruct((8,), jnp.int32, sharding=sharding)])


@dataclasses.dataclass(frozen=True)
class Odd:
    """Annotations that no config of the package has, and users' own may."""

    either: int | str | None = None
    pair: tuple[int, str] = (1, "a")
    stage: Stage | None = None
    any: object = 3


def test_annotations_of_other_kinds():
    for good in (Odd(), Odd(either=3), Odd(either="a"), Odd(stage=Stage(1, 1, 1)), Odd(any=(1,))):
        check_types(good)
    for bad in (Odd(either=1.5), Odd(pair=(1, 2)), Odd(pair=(1,)), Odd(stage=3), Odd(stage=Stage("1", 1, 1))):
        with pytest.raises(UserError):
            check_types(bad)
