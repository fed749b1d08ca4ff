"""Run directories made by hand: what a report reads, without training."""

import json

import jax
import jax.numpy as jnp
import numpy as np

from jgan import config as configs
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.data.planned import planned_dataset
from jgan.engine.sharding import make_sharding
from jgan.families.vanilla import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.rundir.checkpoints import Checkpoints
from jgan.rundir.pictures import save_png
from jgan.setup import lay_out, shapes_to_data
from jgan.types import Stage


def make_config(steps=40, **changes):
    """The tiny GAN of tests/runs.py."""
    game = LatentGAN(Generator(8, 1, (16,)), Discriminator((16,)), latent_dim=4)
    stages = (Stage(steps=steps, batch_size=8, resolution=8),)
    return Config(**({"game": game, "data": DataConfig(channels=1), "stages": stages} | changes))


def make_run(directory, config=None, step=40, scores=(), losses=(1.0, 0.5), settings=None):
    """A run that got to `step` of its config and logged every 10 steps; `scores` are (step, {name: value}).

    All scores are measured with the `settings`; lines of None do not say.
    """
    config = config or make_config()
    (directory / "checkpoints" / str(step)).mkdir(parents=True)
    (directory / "samples").mkdir()
    configs.save(config, directory / "config.json")
    save_png(directory / "samples" / f"samples_{step:08d}.png", np.full((20, 30, 3), 128, np.uint8))
    write_lines(
        directory / "metrics.jsonl",
        [
            {"step": 10 * i, "images_seen": 80 * i, "generator/loss": loss, "generator/grad_norm": 2.0}
            for i, loss in enumerate(losses, start=1)
        ],
    )
    times = [{"step": 10 * i, "time/images_per_second": 20.0 * i, "time/seconds": 4.0 * i} for i in (1, 2, 3)]
    write_lines(directory / "timings.jsonl", times)
    event = {"step": 0, "time": "2026-01-02T03:04:05+00:00", "event": f"starting at step 0 of {config.stages[0].steps}"}
    write_lines(directory / "events.jsonl", [event])
    environment = {"jgan": "0.1.0", "git_commit": "abc123", "device_kind": "cpu", "packages": {"jax": "0.10"}}
    (directory / "environment.json").write_text(json.dumps([environment]))
    if scores:
        said = {} if settings is None else {"settings": settings}
        lines = [{"step": step, "images_seen": 8 * step, **values, **said} for step, values in scores]
        write_lines(directory / "evaluations.jsonl", lines)
    return directory


def save_run(directory, config, *, random=False):
    """A run at step 0 whose weights are all zero, or random ones, which takes no compilation."""
    game = config.game
    caption = None if game.generates_from != "latents" else game.example_caption()
    data = planned_dataset(config.data, getattr(game, "num_classes", 0) or None, 0, caption)
    setup = lay_out(config, data, make_sharding())
    noise = np.random.default_rng(0)

    def fill(path, leaf):
        name = jax.tree_util.keystr(path)
        values = scale_of(name, leaf.shape) * noise.normal(size=leaf.shape) if random else np.zeros(())
        values = np.abs(values) if "'var'" in name else values
        return jnp.broadcast_to(jnp.asarray(values, leaf.dtype), leaf.shape)

    state = jax.tree_util.tree_map_with_path(fill, setup.target.replace(frozen=()))
    state = state.replace(step=jnp.int32(0))
    directory.mkdir()
    configs.save(config, directory / "config.json")
    record = {"window": {"start": 0, "values": {}}, "rollbacks": 0, "data": "planned"}
    checkpoints = Checkpoints(directory)
    checkpoints.save(state, 0, {**record, "batches": shapes_to_data(setup.batches)})
    checkpoints.close()


def scale_of(path, shape):
    """The scale of random weights that keeps what a layer makes near 1, roughly."""
    if "mapping" in path and "kernel" in path:
        return 100.0  # equalised, with a slow learning rate
    return 1.0 if "synthesis" in path or len(shape) < 2 else np.prod(shape[:-1]) ** -0.5


def write_lines(path, lines):
    """A .jsonl file."""
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
