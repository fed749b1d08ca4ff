"""Drawing from a generator: standing statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_game import make_game, make_state

from jgan.families.sngan import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.inference.sampling import STANDING, Sampler
from jgan.layers.norm import BATCH_STATS
from jgan.types import Player, Stage, UserError

STAGES = (Stage(steps=1, batch_size=4, resolution=8),)
BATCH, BATCHES, CLASSES = 8, 3, 2  # a multiple of the simulated devices


@pytest.mark.slow
def test_standing_statistics_are_the_means_over_batches():
    """Each batch's moments, seen through what a step of the running average makes of them."""
    generator = Generator(8, (6, 4), num_classes=CLASSES)
    game = LatentGAN(generator, Discriminator((4,), 1, num_classes=CLASSES), latent_dim=3, num_classes=CLASSES)
    labels = np.array([0, 1, 1], np.int32)
    variables = generator.init(jax.random.key(1), jnp.zeros((2, 3)), jnp.zeros((2,), jnp.int32), train=True)
    player = Player(variables["params"], {BATCH_STATS: variables[BATCH_STATS]}, None)
    sampler = Sampler(game, STAGES, batch_size=BATCH)
    standing = sampler.with_standing_statistics(player, 1, labels, BATCHES, seed=5).variables[BATCH_STATS]

    moments = []
    for batch in range(BATCHES):
        places = np.arange(batch * BATCH, (batch + 1) * BATCH)
        keys = jax.vmap(lambda place: jax.random.fold_in(jax.random.key(5), STANDING + place))(places)
        latents = game.sample_latents(keys)
        zeros = {**variables, BATCH_STATS: jax.tree.map(jnp.zeros_like, variables[BATCH_STATS])}
        _, advanced = generator.apply(zeros, latents, labels[places % 3], train=True, mutable=[BATCH_STATS])
        moments.append(jax.tree.map(lambda leaf: leaf / 0.1, advanced[BATCH_STATS]))  # the average moves by a tenth
    expected = jax.tree.map(lambda *leaves: sum(leaves) / BATCHES, *moments)
    # Sums of some hundred numbers, rounded at 6e-8 of the largest.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(b).max()), standing, expected)

    ((images, _),) = sampler(player, 1, np.resize(labels, BATCH), BATCH, seed=5)
    with_standing = player.replace(variables={BATCH_STATS: standing})
    ((others, _),) = sampler(with_standing, 1, np.resize(labels, BATCH), BATCH, seed=5)
    assert np.abs(images.astype(int) - others.astype(int)).max() > 10


def test_standing_statistics_need_batch_norm():
    game = make_game()
    player = make_state(game, {"images": jnp.zeros((4, 8, 8, 1))}).generator
    with pytest.raises(UserError, match="--standing_batches: this run's generator has no batch norm; leave it out"):
        Sampler(game, STAGES, batch_size=4).with_standing_statistics(player, 1, None, 2, seed=0)
