"""Memory of self-attention by batch, and of BigGAN-deep's step at 128 px with and without `remat`, as markdown tables.

    python benchmarks/speed/biggan_memory.py [--batches 4 8 16] [--step-batches 16 32] [--device-gib 16] [--tpu v5e:2x2]

For a TPU set TPU_WORKER_HOSTNAMES=localhost, TPU_ACCELERATOR_TYPE=v5litepod-4 (v2:2x2: v2-8) and JAX_PLATFORMS=cpu.

The own count of the compiler, for a device of this machine or, with `--tpu` and the wheel `libtpu`, for one of a TPU
that need not be there: nothing is allocated or trained. The step is the generator's of configs/biggan_deep.py, through
the discriminator, attention that of its generator (64 x 64 x 256), forward and backward. On CPU, XLA plans what `remat`
computes again ahead of time and little is saved. A program that a TPU's memory does not hold is not compiled: the
compiler says how much it would take.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh

from jgan import config as configs
from jgan.config import Config
from jgan.engine.sharding import DATA, FSDP, Sharding
from jgan.engine.step import make_train_step
from jgan.layers.attention import SelfAttention
from jgan.setup import make_optimizers, run_seldom, state_target
from jgan.types import Array, PyTree, schedule

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "biggan_deep.py"
ATTENTION = (64, 64, 256)


def main() -> None:
    options = parse()
    sharding = on_one_device(options.tpu)
    print("| batch | self-attention, forward and backward | an image |\n| --- | --- | --- |")
    for batch in options.batches:
        size = attention_bytes(batch, sharding)
        print(f"| {batch} | {gib(size)} | {size / batch / 2**20:.1f} MiB |", flush=True)
    limit = options.device_gib * 2**30
    print(f"\n| batch | remat | state | temporaries | together | on {options.device_gib} GiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for batch in options.step_batches:
        for remat in options.remat:
            try:
                state, temporaries = step_bytes(batch, sharding, remat=remat == "yes")
            except jax.errors.JaxRuntimeError as error:
                columns = "", "", "", refusal(error)
            else:
                fits = "fits" if state + temporaries <= limit else "does not fit"
                columns = gib(state), gib(temporaries), gib(state + temporaries), fits
            print(f"| {batch} | {remat} | {' | '.join(columns)} |", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="*", default=[4, 8, 16, 32, 64], help="for attention")
    parser.add_argument("--step-batches", type=int, nargs="*", default=[16, 32], help="on a device")
    parser.add_argument("--remat", choices=("no", "yes"), nargs="*", default=["no", "yes"])
    parser.add_argument("--device-gib", type=int, default=16)
    parser.add_argument("--tpu", metavar="TOPOLOGY", help="compile for one chip of it, such as v5e:2x2")
    return parser.parse_args()


def on_one_device(tpu: str | None) -> Sharding:
    """Whole copies on the first device, of this machine or of a TPU topology."""
    devices = topologies.get_topology_desc(tpu, platform="tpu").devices if tpu else jax.devices()
    return Sharding(Mesh(np.asarray(devices[:1]).reshape(1, 1), (DATA, FSDP)))


def attention_bytes(batch: int, sharding: Sharding) -> int:
    """Of temporaries, in a program of the gradients in the features and in the weights."""
    layer = SelfAttention(spectral_norm=True)
    x = jax.ShapeDtypeStruct((batch, *ATTENTION), jnp.float32, sharding=sharding.replicated)
    variables = jax.eval_shape(lambda: layer.init(jax.random.key(0), jnp.zeros((1, *ATTENTION))))

    def loss(variables: PyTree, x: Array) -> Array:
        features: Any = layer.apply(variables, x)
        return jnp.square(features).sum()

    gradients = jax.jit(jax.grad(loss, (0, 1)), in_shardings=sharding.replicated)
    compiled: Any = gradients.lower(variables, x).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def step_bytes(batch: int, sharding: Sharding, *, remat: bool) -> tuple[int, int]:
    """(what the step takes and gives back, its temporaries) of a step of both players on one device."""
    config = with_remat(configs.read_config(str(CONFIG), []), remat=remat)
    (stage,) = schedule((dataclasses.replace(config.stages[0], batch_size=batch),))
    shape = (batch, stage.resolution, stage.resolution, config.data.channels)
    feed = {
        "images": jax.ShapeDtypeStruct(shape, jnp.float32, sharding=sharding.batch),
        "labels": jax.ShapeDtypeStruct((batch,), jnp.int32, sharding=sharding.batch),
    }
    target = state_target(config, (stage,), (feed,), sharding)
    step: Any = make_train_step(
        config.game,
        stage,
        make_optimizers(config, stage),
        config.ema,
        lambda stage, feed, step, rngs: feed,
        sharding,
        jax.tree.map(lambda leaf: leaf.sharding, target),
    )
    key = jax.eval_shape(lambda: jax.random.key(0))
    rng = jax.ShapeDtypeStruct(key.shape, key.dtype, sharding=sharding.replicated)
    lowered = step.lower(target, feed, rng, ("generator",))
    on_cpu = sharding.mesh.devices.flat[0].platform == "cpu"  # run_seldom's options are for it; memory is the same
    memory = lowered.compile(run_seldom() if on_cpu else None).memory_analysis()
    given_back = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return memory.argument_size_in_bytes + given_back, memory.temp_size_in_bytes


def refusal(error: RuntimeError) -> str:
    """What the compiler says of a program that is too large; any other error goes on."""
    text = " ".join(str(error).split())
    if "RESOURCE_EXHAUSTED" not in text:
        raise error
    used = re.search(r"Used [^ ]+ of [^ ]+ hbm", text)
    return f"does not fit ({used.group() if used else text[:120]})"


def with_remat(config: Config, *, remat: bool) -> Config:
    game: Any = config.game
    networks = {name: getattr(game, name).clone(remat=remat) for name in ("generator", "discriminator")}
    return dataclasses.replace(config, game=dataclasses.replace(game, **networks))


def gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"


if __name__ == "__main__":
    main()
