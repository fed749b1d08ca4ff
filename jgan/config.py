"""The configuration of a run: the composition of the other modules' dataclasses, and its life as JSON and as flags."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import traceback
import typing
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import flax.linen as nn
from absl import flags
from ml_collections import ConfigDict, config_flags

from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig, OptimizerConfig
from jgan.metrics.config import EvaluationConfig
from jgan.ranges import check_range
from jgan.rundir.files import write_json
from jgan.rundir.renames import TYPE, with_new_names
from jgan.types import Game, Stage, UserError, did_you_mean


@dataclasses.dataclass(frozen=True)
class Config:
    """One run. Every leaf is a number, a string, a bool or a tuple of these."""

    game: Game
    data: DataConfig
    stages: tuple[Stage, ...]
    generator_optimizer: OptimizerConfig = AdamConfig()
    discriminator_optimizer: OptimizerConfig = AdamConfig()
    ema: EmaConfig = EmaConfig()
    seed: int = 0
    fsdp: int = 1  # devices that share one copy of the parameters
    log_every: int = 50  # steps
    sample_every: int = 500
    checkpoint_every: int = 1000
    keep_checkpoints: int = 2
    on_nonfinite: Literal["stop", "rollback"] = "stop"  # rollback: go on from the last checkpoint with fresh keys
    max_rollbacks: int = 3
    evaluate_every: int = 0  # steps, and at the first and the last one; 0: never
    evaluation: EvaluationConfig = EvaluationConfig()


# Fields that do not change the numbers of a run: a resumed run may set them anew. The data may move: what they hold is
# compared by its fingerprint.
FREE_FIELDS = ("fsdp", "log_every", "sample_every", "checkpoint_every", "keep_checkpoints", "on_nonfinite")
FREE_FIELDS += ("max_rollbacks", "data.source", "data.workers", "data.device_megabytes")
EVALUATION_FIELDS = ("evaluate_every", *(f"evaluation.{field.name}" for field in dataclasses.fields(EvaluationConfig)))
FREE_FIELDS += EVALUATION_FIELDS


BOOLEANS = ("true", "t", "1", "false", "f", "0")


def check(config: Config) -> None:
    """Raises UserError, naming the field, for a config that cannot run."""
    _check_parts(config)
    for path, value, hint in _leaves(config):
        _check_leaf(path, value, hint)
        for number in value if isinstance(value, tuple) else (value,):
            check_range(path, number)
    config.generator_optimizer.check("generator_optimizer")
    config.discriminator_optimizer.check("discriminator_optimizer")
    config.ema.check("ema")
    if config.evaluate_every:
        config.evaluation.check()
    config.game.check(config.stages)


def _check_parts(config: Config) -> None:
    """The dataclasses are where they belong, so that what follows can rely on their fields."""
    kinds = {"data": DataConfig, "ema": EmaConfig, "evaluation": EvaluationConfig}
    kinds |= dict.fromkeys(("generator_optimizer", "discriminator_optimizer"), OptimizerConfig)
    for name, kind in kinds.items():
        if not isinstance(getattr(config, name), kind):
            raise UserError(f"{name}={getattr(config, name)!r}: expected a {kind.__name__}")
    if not dataclasses.is_dataclass(config.game) or not callable(getattr(config.game, "phases", None)):
        raise UserError(f"game={config.game!r}: expected a game, such as jgan.families.dcgan.dcgan()")
    stages: Any = config.stages
    if not isinstance(stages, tuple) or not stages or not all(isinstance(stage, Stage) for stage in stages):
        raise UserError(f"stages={stages!r}: expected a tuple of at least one Stage")


def _check_leaf(path: str, value: Any, hint: Any) -> None:
    if typing.get_origin(hint) is Literal and value not in typing.get_args(hint):
        expected = ", ".join(map(repr, typing.get_args(hint)))
        raise UserError(f"{path}={value!r}: expected one of {expected}")
    if isinstance(hint, type) and issubclass(hint, nn.Module) and not isinstance(value, hint):
        raise UserError(f"{path}={value!r}: expected a network")
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, tuple):
            raise UserError(f"{path}={value!r}: expected a tuple, such as (16, 32)")
        for item in value:
            _check_leaf(path, item, typing.get_args(hint)[0])
    numeric = {int: (int,), float: (int, float), bool: (bool,), str: (str,)}
    if hint in numeric and (not isinstance(value, numeric[hint]) or (isinstance(value, bool) and hint is not bool)):
        raise UserError(f"{path}={value!r}: expected {hint.__name__}, got {type(value).__name__}")


# ---------------------------------------------------------------- dataclasses as data


def config_fields(node: Any) -> list[dataclasses.Field]:
    """The fields of a config dataclass; of a Flax module, without the two that Flax adds."""
    hidden = ("parent", "name") if isinstance(node, nn.Module) else ()
    return [field for field in dataclasses.fields(node) if field.name not in hidden]


def _leaves(node: Any, path: str = "", hint: Any = None) -> Iterator[tuple[str, Any, Any]]:
    """(path, value, annotated type) of every leaf below `node`."""
    if dataclasses.is_dataclass(node):
        hints = typing.get_type_hints(type(node))
        for field in config_fields(node):
            inner = f"{path}.{field.name}" if path else field.name
            yield from _leaves(getattr(node, field.name), inner, hints[field.name])
    elif isinstance(node, tuple) and any(dataclasses.is_dataclass(item) for item in node):
        for index, item in enumerate(node):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, node, hint


def flatten(config: Config) -> dict[str, Any]:
    """Path to value of every leaf: {"game.generator.channels": 64, "stages[0].steps": 1000, ...}."""
    return {path: value for path, value, _ in _leaves(config)}


def to_data(node: Any) -> Any:
    """The config as JSON data; a dataclass is an object that names its type."""
    if dataclasses.is_dataclass(node):
        name = f"{type(node).__module__}.{type(node).__qualname__}"
        return {TYPE: name} | {field.name: to_data(getattr(node, field.name)) for field in config_fields(node)}
    if isinstance(node, (tuple, list)):
        return [to_data(item) for item in node]
    return node


def from_data(data: Any) -> Any:
    """The inverse of `to_data`. Only dataclasses of the jgan package are built; nothing else is ever called.

    Raises:
      UserError: the data names another type, or fields that its type does not have.
    """
    if isinstance(data, list):
        return tuple(from_data(item) for item in data)
    if not isinstance(data, dict):
        return data
    cls = _dataclass_named(data.get(TYPE))
    values = {name: from_data(value) for name, value in data.items() if name != TYPE}
    known = {field.name for field in dataclasses.fields(cls)} - {"parent", "name"}
    known |= {"name"} if not issubclass(cls, nn.Module) else set()
    if unknown := sorted(set(values) - known):
        raise UserError(f"config.json: {data[TYPE]} has no field {unknown[0]!r}{did_you_mean(unknown[0], known)}")
    try:
        return cls(**values)
    except TypeError as error:
        raise UserError(f"config.json: {data[TYPE]}: {error}") from None


def _dataclass_named(name: Any) -> type:
    refusal = UserError(f"config.json: type {name!r} is not a config dataclass of jgan, so it is not built")
    if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
        raise refusal
    module_name, _, class_name = name.rpartition(".")
    if not module_name.startswith("jgan.") or importlib.util.find_spec("jgan") is None:
        raise refusal
    try:
        cls = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError):
        raise refusal from None
    if not isinstance(cls, type) or not dataclasses.is_dataclass(cls) or cls.__module__ != module_name:
        raise refusal
    return cls


def save(config: Config, path: Path) -> None:
    """Writes the config as JSON, whole or not at all."""
    write_json(path, to_data(config))


def read_saved(path: Path) -> Any:
    """The data of a config.json, with the names that its types have today.

    Raises:
      UserError: the file is missing, or is not JSON.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; --workdir expects the directory of a run")
    try:
        return with_new_names(json.loads(path.read_text()))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None


def load(workdir: Path) -> Config:
    """The config of a run directory.

    Raises:
      UserError: there is none, or it is not one of ours.
    """
    path = workdir / "config.json"
    config = from_data(read_saved(path))
    if not isinstance(config, Config):
        raise UserError(f"{path}: expected a {Config.__module__}.Config at the top")
    check(config)
    return config


def differences(saved: Any, config: Config, done: int, free: Collection[str] = FREE_FIELDS) -> list[str]:
    """Where a config differs from the saved data of the run: "path: was, now".

    The fields in `free` may differ, and so may the last stage's steps while they do not fall short of the `done` steps.
    """
    last_steps = f"stages[{len(config.stages) - 1}].steps"
    reaches = sum(stage.steps for stage in config.stages) >= done
    found = data_differences(_with_defaults(saved), to_data(config))
    if reaches and flatten_data(saved).get(last_steps) is not None:
        found.pop(last_steps, None)
    return [f"{path}: {change}" for path, change in found.items() if path not in free]


def _with_defaults(saved: Any) -> Any:
    """The data with the fields that have been added since, at their defaults: these leave a run as it was."""
    try:
        return to_data(from_data(saved))
    except UserError:  # a field or a type is gone, and that is a difference
        return saved


def data_differences(before: Any, after: Any) -> dict[str, str]:
    """Path to "was x, now y" of every leaf that two pieces of JSON data do not share."""
    was, now = flatten_data(before), flatten_data(after)
    return {
        path: f"was {was.get(path)!r}, now {now.get(path)!r}"
        for path in sorted(was.keys() | now.keys())
        if was.get(path) != now.get(path)
    }


def flatten_data(data: Any, path: str = "") -> dict[str, Any]:
    """As `flatten`, of a config's JSON data: the types of its dataclasses are leaves too, and nothing is checked."""
    if isinstance(data, dict):
        parts = [flatten_data(value, f"{path}.{name}" if path else name) for name, value in data.items()]
    elif isinstance(data, list) and any(isinstance(item, dict) for item in data):
        parts = [flatten_data(value, f"{path}[{index}]") for index, value in enumerate(data)]
    else:
        return {path: data}
    return {key: value for part in parts for key, value in part.items()}


# ---------------------------------------------------------------- config files and overrides


def read_config(path: str, overrides: Sequence[str]) -> Config:
    """Runs the file's `get_config()` and applies overrides such as "--config.game.generator.channels=32".

    Raises:
      UserError: no such file, no `get_config`, an unknown field, or a value of the wrong type.
    """
    config = _run_get_config(Path(path))
    return override(config, overrides)


def _run_get_config(path: Path) -> Config:
    if not path.is_file() or path.suffix != ".py":
        names = [str(candidate) for candidate in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise UserError(f"--config={path}: no such config file{did_you_mean(str(path), names)}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None, "a .py file always has a spec"
    assert spec.loader is not None, "and a loader"
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        if not hasattr(module, "get_config"):
            raise UserError(f"--config={path}: expected a function get_config() that returns a Config")
        config = module.get_config()
    except UserError:
        raise
    except Exception as error:  # the file is the user's: whatever it raises is an error in it
        raise UserError(f"--config={path}: {_place(error, path)}{type(error).__name__}: {error}") from None
    if not isinstance(config, Config):
        raise UserError(f"--config={path}: get_config() returned {type(config).__name__}, expected jgan.config.Config")
    return config


def _place(error: Exception, path: Path) -> str:
    """Names the line of the file that the error comes from, if it has one."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    if isinstance(error, SyntaxError):
        lines.append(error.lineno)
    return f"line {lines[-1]}: " if lines else ""


def check_is_data(config: Config) -> None:
    """Raises UserError where a saved config could not be opened again, as with a class of the config file's own."""
    try:
        again = from_data(json.loads(json.dumps(to_data(config))))
    except (UserError, TypeError, ValueError) as error:
        raise UserError(f"the config cannot be saved as data: {error}") from None
    if again != config:
        changed = [path for path, value in flatten(config).items() if flatten(again).get(path) != value]
        raise UserError(f"the config cannot be saved as data: {', '.join(changed) or 'it'} would come back different")


def override(config: Config, overrides: Sequence[str]) -> Config:
    """The config with flags such as "--config.stages[0].steps=10" applied."""
    names = flatten(config)
    given = [flag for flag in overrides if flag.startswith("-")]
    for flag in given:
        _check_flag(flag, names)
    flag_names = [flag.partition("=")[0] for flag in given]
    if twice := [name for name in flag_names if flag_names.count(name) > 1]:
        raise UserError(f"{twice[0]}: given twice; give it once")
    mirror = _mutable(config)
    values = flags.FlagValues()
    argv = ["jgan", *overrides]
    try:
        config_flags.DEFINE_config_dict("config", mirror, flag_values=values, sys_argv=argv)
        rest = values(argv)[1:]
    except (flags.Error, KeyError, ValueError, TypeError) as error:
        raise UserError(" ".join(str(error).split())) from None
    if rest:
        raise UserError(f"{rest[0]!r}: expected a flag such as --config.seed=1")
    return _immutable(config, mirror)


def _check_flag(flag: str, names: dict[str, Any]) -> None:
    name = flag.lstrip("-").split("=", 1)[0]
    path = name.removeprefix("config.")
    candidates = {path, path.removeprefix("no")} if name.startswith("noconfig.") else {path}
    if name.startswith("noconfig."):
        candidates = {name.removeprefix("noconfig.")}
    if not name.startswith(("config.", "noconfig.")):
        raise UserError(f"{flag}: unknown option{did_you_mean(flag, ['--config', '--workdir', '--dry_run'])}")
    if not candidates & names.keys():
        raise UserError(f"--{name}: no such field{did_you_mean(path, names)}")
    if "=" in flag:
        _check_text(f"--{name}", flag.split("=", 1)[1], names[(candidates & names.keys()).pop()])


def _check_text(name: str, text: str, present: Any) -> None:
    """Raises UserError where a flag's text is not of the type that the field holds."""
    if isinstance(present, bool):
        if text.lower() not in BOOLEANS:
            raise UserError(f"{name}={text}: expected true or false")
    elif isinstance(present, (int, float)):
        kind, what = (int, "a whole number") if isinstance(present, int) else (float, "a number")
        try:
            kind(text)
        except ValueError:
            raise UserError(f"{name}={text}: expected {what}") from None


def _mutable(node: Any) -> Any:
    """A ConfigDict (of lists for tuples of dataclasses) in which `config_flags` can set values."""
    if dataclasses.is_dataclass(node):
        fields = {field.name: _mutable(getattr(node, field.name)) for field in config_fields(node)}
        return ConfigDict(fields, convert_dict=False)
    if isinstance(node, tuple) and any(dataclasses.is_dataclass(item) for item in node):
        return [_mutable(item) for item in node]
    return node


def _immutable(node: Any, mirror: Any) -> Any:
    """The dataclass `node` with the values of its mirror."""
    if isinstance(mirror, ConfigDict):
        values = {field.name: (getattr(node, field.name), mirror[field.name]) for field in config_fields(node)}
        new = {name: _immutable(*pair) for name, pair in values.items()}
        return node.clone(**new) if isinstance(node, nn.Module) else dataclasses.replace(node, **new)
    if isinstance(mirror, list):
        return tuple(_immutable(*pair) for pair in zip(node, mirror, strict=True))
    return mirror
