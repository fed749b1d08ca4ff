"""Files of weights become a run directory: an ordinary run at step 0."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax

from jgan import config as configs
from jgan.config import Config
from jgan.data.classes import NEW
from jgan.data.planned import planned_dataset
from jgan.engine.sharding import make_sharding
from jgan.families import cyclegan
from jgan.inference.sampling import latent_game
from jgan.interop.recognition import Fields, Found
from jgan.interop.weights import read_weights
from jgan.published import matching
from jgan.published.matching import DISCRIMINATOR, GENERATOR
from jgan.published.readable import check_readable, find_network
from jgan.rundir.atomic_files import sha256
from jgan.rundir.checkpoints import CHECKPOINTS, Checkpoints, newest_step
from jgan.rundir.environment import write_environment
from jgan.rundir.lock import locked
from jgan.rundir.monitor import MetricWindow
from jgan.setup import BatchShapes, initial_state, microbatches, run_seldom, shapes_to_data, state_target
from jgan.types import Array, PyTree, ScheduledStage, TrainState, UserError, schedule

DIRECTIONS = ("a_to_b", "b_to_a")
BEFORE_CHECKPOINT = {"config.json", "environment.json", CHECKPOINTS}  # what an import writes, in this order


@dataclasses.dataclass(frozen=True)
class File:
    """A file of weights, the flag that it came with and, of two translators, which one's it is."""

    path: Path
    flag: str = "--generator"
    direction: str = ""
    part: str = ""  # what the names of its network begin with, where the file has several

    @property
    def source(self) -> str:
        """How errors name it."""
        return f"{self.flag}={self.path}"

    @property
    def player(self) -> str:
        """The path of its network in the config."""
        if self.flag == "--discriminator":
            return DISCRIMINATOR
        return f"{GENERATOR}.{self.direction}" if self.direction else GENERATOR


@dataclasses.dataclass(frozen=True)
class Network:
    """A file with the network that was found in it, and its fields by their paths in the config."""

    file: File
    found: Found
    fields: Fields


def check_network(config: Config, files: Sequence[File]) -> None:
    """Raises UserError where the config's networks are none that files of these flags read into."""
    for file in files:
        game: Any = config.game
        node = game
        for name in file.player.split(".")[1:]:
            node = getattr(node, name, None)
        check_readable(node, file.flag == "--discriminator")


def open_networks(config: Config, files: Sequence[File]) -> list[Network]:
    """What the files hold for the config's networks; nothing is built yet.

    Raises:
      UserError: a file cannot be read, or holds no such network.
    """
    networks = []
    for file in files:
        network = matching.get(config, file.player)
        is_discriminator = file.flag == "--discriminator"
        found = find_network(read_weights(file.path), network, file.source, file.part, discriminator=is_discriminator)
        with _usual_shapes(found, file.source):
            read = found.format.fields(found.tensors)
            _check_sizes(read)
            fields = matching.as_paths({**read, **found.format.always}, file.player)
        networks.append(Network(file, found, fields))
    return networks


def as_published(config: Config, networks: Sequence[Network], *, match: bool) -> Config:
    """The config for these networks: with `match` with their numbers, and always with what no flag needs to say.

    Raises:
      UserError: without `match`, numbers that differ: the message has the flags that fit the file.
    """
    for network in networks:
        format_, file = network.found.format, network.file
        always = matching.as_paths(format_.always, file.player)
        for path, value in always.items():
            config = matching.put(config, path, value)
        found = matching.differences(config, network.fields, file.player)
        if found and not match:
            raise UserError(
                f"{file.source}: {format_.title} with other numbers than this config's; add --match to take the "
                f"file's, or {matching.flags(found)}"
            )
        config = matching.matched(config, found, file.source)
    followed = [network.fields for network in networks if network.file.flag != "--discriminator"]
    given = any(network.file.flag == "--discriminator" for network in networks)
    for fields in followed:
        kept = {path: value for path, value in fields.items() if not (given and path.startswith(DISCRIMINATOR))}
        config = matching.follow(config, kept)
    return config


def import_networks(config: Config, networks: Sequence[Network], workdir: Path) -> None:
    """A run directory with the files' networks, at step 0; a discriminator without a file is a new one.

    Raises:
      UserError: a file is not of this config's network, or the directory cannot be written.
    """
    stages = schedule(config.stages)
    batches = _batch_shapes(config, stages)
    target = state_target(config, stages, batches, make_sharding(), frozen=False)
    game: Any = config.game
    taken: dict[str, dict[str, PyTree]] = {}
    for player, network in (("generator", game.generator), ("discriminator", game.discriminator)):
        own = [one for one in networks if one.file.player.split(".")[1] == player]
        if own:
            taken[player] = _weights(network, getattr(target, player), own)

    def without(state: TrainState) -> TrainState:
        cleared = {
            player: getattr(state, player).replace(**dict.fromkeys(weights)) for player, weights in taken.items()
        }
        return state.replace(**cleared)

    def create(rng: Array) -> TrainState:
        return without(initial_state(config, stages, batches, rng))  # XLA drops what made them

    shardings = jax.tree.map(lambda leaf: leaf.sharding, without(target))
    create_state = jax.jit(create, out_shardings=shardings, compiler_options=run_seldom())
    state = create_state(jax.random.key(config.seed))
    whole = {player: getattr(state, player).replace(**weights) for player, weights in taken.items()}
    record = {
        "window": MetricWindow(config.log_every, {}, lambda *_: None).record(),
        "rollbacks": 0,
        "data": "none, its weights are imported",  # train.py compares it with the data's fingerprint
        "batches": shapes_to_data(batches),
        "config": configs.to_saved(config),
        "classes": NEW.to_data(),
        "imported": [{"file": one.file.path.name, "sha256": sha256(one.file.path)} for one in networks],
    }
    with locked(workdir, BEFORE_CHECKPOINT):
        if newest_step(workdir) is not None:
            raise UserError(f"--workdir={workdir}: another import has just made a run there; choose a new directory")
        configs.save(config, workdir / "config.json")
        write_environment(workdir)
        checkpoints = Checkpoints(workdir)
        checkpoints.save(state.replace(**whole), 0, record)
        checkpoints.close()


def _batch_shapes(config: Config, stages: tuple[ScheduledStage, ...]) -> tuple[BatchShapes, ...]:
    """What data would be like at each stage."""
    game = config.game
    batches = microbatches(planned_dataset(config.data, game.num_classes or None, config.seed), stages)
    if game.generates_from == "images":  # one of latents refuses data beside its tables of published statistics
        for batch in batches:
            game.check_data(batch, None, None)
    else:
        latent_game(config, "--config")
    return batches


def _weights(network: nn.Module, player: Any, networks: Sequence[Network]) -> dict[str, PyTree]:
    """The fields of a player, trained and averaged, with what the files hold."""
    shapes = {"params": player.params, **player.variables}
    variables = _read(network, shapes, networks)
    weights = {"params": variables.pop("params"), "variables": variables}
    averaged = {f"{name}_ema": value for name, value in weights.items() if getattr(player, f"{name}_ema") is not None}
    return {**weights, **averaged}


def _read(network: nn.Module, shapes: PyTree, networks: Sequence[Network]) -> PyTree:
    """The variables of a player, each collection of `shapes`; of two translators each from its own file."""
    if not isinstance(network, cyclegan.Translators):
        (one,) = networks
        return _of_file(one, shapes)
    variables: dict[str, dict] = {collection: {} for collection in shapes}
    for one in networks:
        name = one.file.direction
        own = {collection: layers[name] for collection, layers in shapes.items() if name in layers}
        for collection, layers in _of_file(one, own).items():
            variables[collection][name] = layers
    return variables


def _of_file(network: Network, shapes: Mapping[str, PyTree]) -> PyTree:
    with _usual_shapes(network.found, network.file.source):
        return network.found.format.read(network.found.tensors, shapes, network.file.source)


def _check_sizes(fields: Fields) -> None:
    """Raises ValueError where a width, a resolution or the like is not positive; there may be no classes."""
    for name, value in fields.items():
        numbers = value if isinstance(value, tuple) else (value,)
        may_be_zero = name.endswith(("num_classes", "downsamples"))
        if not may_be_zero and any(isinstance(number, int) and number < 1 for number in numbers if number is not False):
            raise ValueError(f"{name}={value}")


@contextlib.contextmanager
def _usual_shapes(found: Found, source: str) -> Iterator[None]:
    """Tensors of right names whose shapes no such network has, which the file's formats take for granted."""
    try:
        yield
    except (KeyError, IndexError, ValueError, TypeError, ZeroDivisionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{source}: {found.format.title} by its names, but not by the shapes of its tensors") from None
