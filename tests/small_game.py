"""A tiny fully connected game of latents, one step of it, and its state."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jgan.families.vanilla import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.types import Player, Stage, TrainState, schedule

BATCH = 4
(STAGE,) = schedule((Stage(steps=1, batch_size=BATCH, resolution=8),))
RNGS = jax.random.split(jax.random.key(3), BATCH)
RANDOM = np.random.default_rng(0)
IMAGES = np.tanh(RANDOM.normal(size=(BATCH, 8, 8, 1))).astype(np.float32)


def make_game(*, minibatch="none", dropout=0.0, **settings):
    """Fully connected, 8 x 8."""
    discriminator = Discriminator((6,), dropout=dropout, minibatch=minibatch)
    return LatentGAN(Generator(8, 1, (6,)), discriminator, latent_dim=4, **settings)


def make_state(game, batch):
    """Its networks at the start, and LeCam's averages where it keeps some."""
    variables = jax.jit(lambda: game.init(jax.random.key(0), batch, STAGE))()
    players = (Player(tree.pop("params"), tree, None) for tree in map(dict, variables))
    return TrainState(jnp.int32(0), *players, extras=game.init_extras(batch), frozen=())


class Labeller(nn.Module):
    """Images that are their label and their first latent."""

    num_classes: int = 0

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        level = jnp.zeros(len(latents)) if labels is None else labels
        return jnp.broadcast_to((level + 0.01 * latents[:, 0])[:, None, None, None], (len(latents), 8, 8, 1))


class Witness(nn.Module):
    """A discriminator that shows the images which it sees."""

    num_classes: int = 0

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        self.sow("intermediates", "features", images)
        return images.mean((1, 2, 3))
