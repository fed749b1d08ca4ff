"""The configuration of a run: the composition of the other modules' dataclasses, its checks, and how it is read."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import traceback
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from jgan.configuration import catalog
from jgan.configuration.data import data_differences, flatten, flatten_data, from_data, leaves, to_data
from jgan.configuration.flags import override
from jgan.configuration.hints import check_types
from jgan.configuration.ranges import check_range, check_totals
from jgan.data.config import DataConfig, check_config
from jgan.data.registry import absolute
from jgan.engine.optim import AdamConfig, EmaConfig, OptimizerConfig
from jgan.errors import shown
from jgan.metrics.config import EvaluationConfig
from jgan.rundir.atomic_files import as_json, write_json
from jgan.rundir.paths import given_path, nearest_path
from jgan.rundir.renames import with_new_names
from jgan.types import Game, Stage, UserError
from jgan.untrusted.json_data import read_json


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


def check(config: Config) -> None:
    """Raises UserError, naming the field, for a config that cannot run."""
    _check_parts(config)
    check_types(config)
    _check_ranges(config)
    check_totals(config.stages)
    config.generator_optimizer.check("generator_optimizer")
    config.discriminator_optimizer.check("discriminator_optimizer")
    config.ema.check("ema")
    if config.evaluate_every:
        config.evaluation.check()
    check_config(config.data)
    for index, stage in enumerate(config.stages):
        config.data.task.check_resolution(stage.resolution, f"stages[{index}].resolution")
    _check_game(config)


def _check_ranges(config: Config) -> None:
    for path, value, _ in leaves(config):
        for number in value if isinstance(value, tuple) else (value,):
            check_range(path, number)


def _check_game(config: Config) -> None:
    """As `Game.check`; whatever else a network raises that was given numbers or parts it cannot use is told too."""
    try:
        config.game.check(config.stages)
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"game: cannot be built as it is set ({type(error).__name__}: {reason})") from error


def _check_parts(config: Config) -> None:
    """The dataclasses are where they belong, so that what follows can rely on their fields."""
    kinds = {"data": DataConfig, "ema": EmaConfig, "evaluation": EvaluationConfig}
    kinds |= dict.fromkeys(("generator_optimizer", "discriminator_optimizer"), OptimizerConfig)
    for name, kind in kinds.items():
        if not isinstance(getattr(config, name), kind):
            raise UserError(f"{name}={shown(getattr(config, name))}: expected a {kind.__name__}")
    if not dataclasses.is_dataclass(config.game) or not callable(getattr(config.game, "phases", None)):
        raise UserError(f"game={shown(config.game)}: expected a game, such as jgan.families.dcgan.dcgan()")
    stages: Any = config.stages
    if not isinstance(stages, tuple) or not stages or not all(isinstance(stage, Stage) for stage in stages):
        raise UserError(f"stages={shown(stages)}: expected a tuple of at least one Stage")


def save(config: Config, path: Path) -> None:
    """Writes the config as JSON, whole or not at all."""
    write_json(path, to_saved(config))


def to_saved(config: Config) -> Any:
    """The config as JSON whose paths mean the same in any working directory."""
    return _with_whole_paths(to_data(config))


def _whole_path(path: str, base: Path | None = None) -> str:
    return str((base or Path.cwd()) / given_path(path))


# The fields that name files, and what makes their paths whole.
PATHS: dict[str, Callable[..., str]] = {
    "data.source": absolute,
    "evaluation.held_out": absolute,
    "evaluation.weights": _whole_path,
    "game.content_weights": _whole_path,
}


def _with_whole_paths(data: Any) -> Any:
    parts = {name: dict(part) if isinstance(part, dict) else part for name, part in data.items()}
    for field, make_whole in PATHS.items():
        place, _, name = field.partition(".")
        part = parts.get(place)
        if isinstance(part, dict) and isinstance(part.get(name), str) and part[name]:
            part[name] = make_whole(part[name])
    return parts


def from_folder(config: Config, folder: Path) -> Config:
    """The config with its relative paths as a file of the folder, a whole path, means them: from there on."""
    for field, make_whole in PATHS.items():
        place, _, name = field.partition(".")
        part: Any = getattr(config, place)
        value = getattr(part, name, "")
        if isinstance(value, str) and value:
            changed = dataclasses.replace(part, **{name: make_whole(value, folder)})
            config = dataclasses.replace(config, **{place: changed})
    return config


def read_saved(path: Path) -> Any:
    """The data of a config.json, with the names that its types have today.

    Raises:
      UserError: the file is missing, or is not JSON.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the directory of a run{nearest_path(path)}")
    return with_new_names(read_json(path, "expected the config of a run"))


def load(workdir: Path) -> Config:
    """The config of a run directory.

    Raises:
      UserError: there is none, or it is not one of ours.
    """
    path = workdir / "config.json"
    data = read_saved(path)
    try:
        config = from_data(data)
        if not isinstance(config, Config):
            raise UserError(f"expected a {Config.__module__}.Config at the top")
        check(config)
    except UserError as error:
        raise UserError(f"{path}: {str(error).removeprefix('config.json: ')}") from error
    return config


def differences(saved: Any, config: Config, done: int, free: Collection[str] = FREE_FIELDS) -> list[str]:
    """Where a config differs from the saved data of the run: "path: was, now".

    The fields in `free` may differ, and so may the last stage's steps while they do not fall short of the `done` steps.
    """
    last_steps = f"stages[{len(config.stages) - 1}].steps"
    reaches = sum(stage.steps for stage in config.stages) >= done
    found = data_differences(_with_whole_paths(_with_defaults(saved)), to_saved(config))
    if reaches and flatten_data(saved).get(last_steps) is not None:
        found.pop(last_steps, None)
    return [f"{path}: {change}" for path, change in found.items() if path not in free]


def _with_defaults(saved: Any) -> Any:
    """The data with the fields that have been added since, at their defaults: these leave a run as it was."""
    try:
        return to_data(from_data(saved))
    except UserError:  # a field or a type is gone, and that is a difference
        return saved


def read_config(text: str, overrides: Sequence[str]) -> Config:
    """Runs `get_config()` of a config file, "dcgan" (one of the package) or "mine/dcgan.py", and applies overrides.

    An override is a flag such as "--config.game.generator.channels=32". A relative path in a file of the user's means
    one from the folder of the file; one in a flag, or in a config of the package, one from the working directory.

    Raises:
      UserError: no such file, no `get_config`, an unknown field, or a value of the wrong type.
    """
    path = catalog.find(text)
    config = _run_get_config(path)
    is_ours = path.resolve().parent == catalog.DIRECTORY.resolve()
    return override(config if is_ours else from_folder(config, path.parent.resolve()), overrides)


def _run_get_config(path: Path) -> Config:
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
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == os.fspath(path.absolute())
    ]
    if isinstance(error, SyntaxError):
        lines.append(error.lineno)
    return f"line {lines[-1]}: " if lines else ""


def check_is_data(config: Config) -> None:
    """Raises UserError where a saved config could not be opened again, as with a class of the config file's own."""
    try:
        again = from_data(json.loads(as_json(to_data(config))))
    except (UserError, TypeError, ValueError) as error:
        raise UserError(f"the config cannot be saved as data: {error}") from None
    if again != config:
        _check_ranges(config)  # NaN never comes back equal
        changed = [path for path, value in flatten(config).items() if flatten(again).get(path) != value]
        raise UserError(f"the config cannot be saved as data: {', '.join(changed) or 'it'} would come back different")
