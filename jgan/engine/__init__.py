"""One step on any devices: the step, optimizers, sharding, processes, the allocator."""
