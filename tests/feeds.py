"""Every batch of a stage, as the jitted step gets it."""

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jgan.data.opening import open_dataset


def batches_of(config, stage, first_step=None, devices=8, seed=3):
    """Each made inside a jitted step that nothing may be sent to by accident."""
    dataset = open_dataset(config, seed)
    mesh = Mesh(np.array(jax.devices()[:devices]), "data")
    rows, replicated = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())
    to_batch = jax.jit(lambda feed, step, rngs: dataset.to_batch(stage, feed, step, rngs))
    batches, first_step = [], stage.start if first_step is None else first_step
    with jax.transfer_guard("disallow"):
        for step, feed in enumerate(dataset.feeds(stage, first_step, rows, replicated), first_step):
            with jax.transfer_guard("allow"):
                rngs = jax.device_put(jax.random.split(jax.random.key(step), stage.examples), rows)
                traced = jax.device_put(np.int32(step), replicated)
            batches.append(jax.device_get(to_batch(feed, traced, rngs)))
    return batches
