"""Which arrays of one tree fit into another."""

import jax.numpy as jnp
import numpy as np

from jgan.engine.matching import match


def test_arrays_are_matched_by_path_and_shape():
    source = {
        "conv": {"kernel": jnp.ones((3, 3)), "bias": jnp.full(3, 2.0)},
        "embed": jnp.ones((10, 4)),
        "gone": jnp.ones(2),
        "count": jnp.int32(7),
    }
    target = {
        "conv": {"kernel": jnp.zeros((3, 3), jnp.bfloat16), "bias": jnp.zeros(4)},
        "embed": jnp.zeros((20, 4)),
        "count": jnp.float32(0),  # a count is no weight
        "more": jnp.zeros(5),
    }
    made, matching = match(source, target, "net/")
    assert matching.taken == {"net/conv/kernel": (3, 3)}
    assert matching.left == {"net/conv/bias": (3,), "net/count": (), "net/embed": (10, 4), "net/gone": (2,)}
    assert matching.new == {"net/conv/bias": (4,), "net/count": (), "net/embed": (20, 4), "net/more": (5,)}
    assert made["conv"]["kernel"].dtype == jnp.bfloat16
    np.testing.assert_array_equal(made["conv"]["kernel"].astype(np.float32), np.ones((3, 3)))
    np.testing.assert_array_equal(made["embed"], target["embed"])
