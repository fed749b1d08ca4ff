"""The device mesh and who holds what on it. The only file that names mesh axes."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jgan.types import PyTree, Stage, UserError

DATA, FSDP = "data", "fsdp"
SMALLEST_SHARDED = 2**12  # elements; splitting a bias saves nothing and costs a gather


@dataclasses.dataclass(frozen=True)
class Sharding:
    """How one run lays its arrays over the devices of all processes."""

    mesh: Mesh

    @property
    def replicated(self) -> NamedSharding:
        """A whole copy on every device."""
        return NamedSharding(self.mesh, PartitionSpec())

    @property
    def batch(self) -> NamedSharding:
        """The first axis split over all devices."""
        return NamedSharding(self.mesh, PartitionSpec((DATA, FSDP)))

    def put_batch(self, batch: PyTree) -> PyTree:
        """Arrays that every process holds whole, split along their first axis, a multiple of the devices."""
        return jax.tree.map(
            lambda array: jax.make_array_from_callback(array.shape, self.batch, lambda place: array[place]), batch
        )

    def constrain_batch(self, batch: PyTree) -> PyTree:
        """Inside jit: every leaf split along its first axis."""
        return jax.lax.with_sharding_constraint(batch, self.batch)

    def constrain_microbatches(self, batches: PyTree) -> PyTree:
        """Inside jit: leaves [microbatches, n, ...] split along their second axis."""
        sharding = NamedSharding(self.mesh, PartitionSpec(None, (DATA, FSDP)))
        return jax.lax.with_sharding_constraint(batches, sharding)

    def gather(self, weights: PyTree) -> PyTree:
        """Inside jit: weights whole on every device, for the moment of their use.

        Without it the compiler spreads the features along the channels, as the weights are, and no longer along the
        batch.
        """
        return weights if self.mesh.shape[FSDP] == 1 else jax.lax.with_sharding_constraint(weights, self.replicated)

    def scatter(self, gradients: PyTree) -> PyTree:
        """Inside jit: laid out as the state's parameters."""
        if self.mesh.shape[FSDP] == 1:
            return gradients
        return jax.lax.with_sharding_constraint(gradients, self.of_state(gradients))

    def of_state(self, shapes: PyTree) -> PyTree:
        """A sharding per leaf: parameters and optimizer states split over `fsdp` where an axis divides."""
        return jax.tree.map(lambda leaf: NamedSharding(self.mesh, self._spec(leaf)), shapes)

    def _spec(self, leaf: jax.ShapeDtypeStruct) -> PartitionSpec:
        parts = self.mesh.shape[FSDP]
        axes = [axis for axis, size in enumerate(leaf.shape) if size % parts == 0]
        if parts == 1 or not axes or np.prod(leaf.shape) < SMALLEST_SHARDED:
            return PartitionSpec()
        largest = max(axes, key=lambda axis: leaf.shape[axis])
        return PartitionSpec(*(FSDP if axis == largest else None for axis in range(len(leaf.shape))))


def make_sharding(fsdp: int = 1, count: int | None = None) -> Sharding:
    """All devices of all processes, or the first `count` of them, as a (data, fsdp) mesh.

    Raises:
      UserError: the number of devices is not a multiple of `fsdp`.
    """
    devices = np.asarray(jax.devices()[:count])
    if fsdp < 1 or devices.size % fsdp:
        raise UserError(f"fsdp={fsdp}: expected a divisor of the {devices.size} devices present")
    return Sharding(Mesh(devices.reshape(-1, fsdp), (DATA, FSDP)))


def check_batches(stages: tuple[Stage, ...], sharding: Sharding) -> None:
    """Raises UserError for a stage whose microbatches do not split evenly over the devices."""
    devices = sharding.mesh.size
    for index, stage in enumerate(stages):
        if stage.batch_size % (stage.accumulate * devices):
            raise UserError(
                f"stages[{index}].batch_size={stage.batch_size}: expected a multiple of accumulate x devices = "
                f"{stage.accumulate} x {devices}"
            )
