"""Every config as ONNX and as StableHLO: exported or why not, how far from jgan, how large, and how fast.

    python benchmarks/reliability/export_table.py                 (all configs; writes docs/results/export.md)
    python benchmarks/reliability/export_table.py dcgan esrgan    (prints their rows)

Networks are those of the configs at their full size, with random weights in place of trained ones, so that no layer is
zero. Times are of one image on the CPU, the quickest of some calls; jgan's is its own compiled program.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime

from jgan.command import enable_compilation_cache
from jgan.config import Config, read_config
from jgan.configuration import catalog
from jgan.data.vocabulary import Vocabulary
from jgan.engine.sharding import make_sharding
from jgan.export.network import Network, Shapes, open_network
from jgan.export.onnx_file import make_onnx, run_onnx
from jgan.export.parity import check_parity
from jgan.export.stablehlo_file import make_stablehlo, run_stablehlo
from jgan.inference.weights import NEWEST
from jgan.setup import BatchShapes, lay_out
from jgan.training.dry_run import plan_data
from jgan.types import Player, UserError

PAGE = Path(__file__).parents[2] / "docs" / "results" / "export.md"
SECONDS = 1.0  # that calls are repeated for
HEAD = """# Exported: every config

Each generator at full size, with random weights in place of trained ones, as `jgan export` writes it, compared
with jgan (`benchmarks/reliability/export_table.py`). The difference is the largest of any number of an image.
Milliseconds are of one image on {cores} CPU cores: by onnxruntime {onnxruntime}, and by jgan's compiled program. Sides
are free where images are translated or enlarged, if nothing else is said.

| config | ONNX: difference | MB | ms, onnxruntime | ms, jgan | StableHLO: difference |
| --- | --- | --- | --- | --- | --- |
"""


def random_player(config: Config) -> tuple[Player, tuple[BatchShapes, ...]]:
    """The generator with random weights of the usual sizes, and the shapes of a batch of the last stage."""
    setup = lay_out(config, plan_data(config), make_sharding(count=1))
    random, generator = np.random.default_rng(0), setup.target.generator

    def weights(path: Any, leaf: Any) -> Any:
        name = jax.tree_util.keystr(path)
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return np.zeros(leaf.shape, leaf.dtype)
        values = random.standard_normal(leaf.shape).astype(np.float32)
        if "kernel" in name and leaf.ndim > 1:
            return values / np.float32(np.sqrt(np.prod(leaf.shape[:-1])))
        return values * np.float32(0.1) + np.float32("scale" in name)

    def statistics(path: Any, leaf: Any) -> Any:
        """Means of either sign, or every ReLU behind a norm would be 0, and all images one; all else is positive."""
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return np.zeros(leaf.shape, leaf.dtype)
        values = random.standard_normal(leaf.shape).astype(np.float32)
        return 0.1 * values if "mean" in jax.tree_util.keystr(path) else np.abs(values) + np.float32(0.5)

    params = jax.tree_util.tree_map_with_path(weights, generator.params)
    return Player(params, jax.tree_util.tree_map_with_path(statistics, generator.variables), None), setup.batches


def network_of(config: Config, shapes: Shapes) -> Network:
    """What would be exported of a run of the config."""
    player, batches = random_player(config)
    known = {
        "restore_generator": lambda *_: (player, config.stages[0].steps * len(config.stages)),
        "batch_shapes": lambda *_: batches,
        "read_vocabulary": lambda *_: Vocabulary(("a", "thin", "seven"), 4),
    }
    direction = config.game.directions[0] if config.game.directions else None
    with mock.patch.multiple("jgan.export.network", **known):
        return open_network(config, Path("random"), NEWEST, shapes, direction=direction)


def milliseconds(function: Callable[[], Any]) -> float:
    """The quickest call of a second's, after a first one."""
    function()
    times, begun = [], time.perf_counter()
    while time.perf_counter() - begun < SECONDS or not times:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000.0 * min(times)


def row_of(name: str) -> str:
    """The row of a config."""
    config = read_config(name, [])
    fixed = ""
    try:
        network = network_of(config, Shapes())
        model = make_onnx(network)
    except UserError:  # as its dropout stays on, or it takes the statistics of its batch
        side = config.stages[-1].resolution
        fixed, network = f" (one image of {side} x {side})", network_of(config, Shapes(1, (side, side)))
        model = make_onnx(network)
    images = np.asarray(jax.jit(network.function)(*network.examples[-1]))
    assert images.std() > 0.01, f"{name}: random weights give one flat image, which compares nothing"
    difference = check_parity(network, lambda inputs: run_onnx(model, inputs), "onnx")
    data = make_stablehlo(network)
    of_stablehlo = check_parity(network, lambda inputs: run_stablehlo(data, inputs), "stablehlo")
    inputs, program = network.examples[0], jax.jit(network.function)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {field.name: value for field, value in zip(session.get_inputs(), inputs, strict=True)}
    theirs = milliseconds(lambda: session.run(None, feed))
    ours = milliseconds(lambda: np.asarray(program(*inputs)))
    size = len(model.SerializeToString()) / 1e6
    return f"| {name}{fixed} | {difference:.1g} | {size:.1f} | {theirs:.1f} | {ours:.1f} | {of_stablehlo:.1g} |"


def main() -> None:
    """Prints rows; without names it writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="CONFIG")
    names = parser.parse_args().names
    enable_compilation_cache()
    rows = []
    for name in names or catalog.names():
        try:
            rows.append(row_of(name))
        except UserError as error:
            rows.append(f"| {name} | {error} | | | | |")
        print(rows[-1], flush=True)
        jax.clear_caches()
    if not names:
        head = HEAD.format(cores=os.cpu_count(), onnxruntime=onnxruntime.__version__)
        PAGE.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
