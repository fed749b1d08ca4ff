"""One round of training in PyTorch, as a good PyTorch user has it, and its losses; the networks: torch_networks.py.

Eager; the discriminator frozen in the generator's move, no graph of a generator that does not learn, one power
iteration a move for both forward passes, and the 1 x 1 convolutions of shortcuts at the lower resolution, as ours.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable
from typing import NamedTuple

try:
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]
    from torch.nn import functional  # pyright: ignore[reportMissingImports]
    from torch.nn.utils import parametrize  # pyright: ignore[reportMissingImports]
    from torch.utils._python_dispatch import TorchDispatchMode  # pyright: ignore[reportMissingImports]
    from torch.utils.flop_counter import flop_registry  # pyright: ignore[reportMissingImports]
except ImportError:
    sys.exit("PyTorch is missing; run: pip install 'jgan[bench]'")


class Regularizer(NamedTuple):
    """A loss of a player that comes once in `every` steps, by an optimizer step of its own."""

    every: int
    of_generator: bool
    loss: Callable[[nn.Module, nn.Module, torch.Tensor], torch.Tensor]  # (generator, discriminator, real images)


class TorchGame(NamedTuple):
    """What a round needs to know."""

    generator: Callable[[], nn.Module]  # of latents [n, latent_dim]
    discriminator: Callable[[], nn.Module]
    latent_dim: int
    discriminator_loss: Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]  # (critic, real, fake)
    generator_loss: Callable[..., torch.Tensor]  # of logits; with `paired`, of those of fake and of real images
    resolution: int
    betas: tuple[float, float]  # of Adam
    critic_steps: int = 1  # in a round, which has one move of the generator
    paired: bool = False  # the generator's loss also looks at real images
    generator_batches: int = 1  # that it draws for its move; with 1 it moves on the images that the critic saw last
    regularizers: tuple[Regularizer, ...] = ()

    @property
    def steps(self) -> int:
        """Moves of the generator in a round: as many as it takes for all regularisers to come."""
        return math.lcm(*(regularizer.every for regularizer in self.regularizers))

    def round(self, batch_size: int, channels_last: bool) -> Callable[[], None]:
        """A round of training on random images, in one of PyTorch's memory layouts."""
        return make_round(self, batch_size, channels_last)


def make_round(game: TorchGame, batch_size: int, channels_last: bool) -> Callable[[], None]:
    """A round of training on random images, in one of PyTorch's memory layouts."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    torch.manual_seed(0)
    generator, discriminator = game.generator(), game.discriminator()
    for parameter in itertools.chain(generator.parameters(), discriminator.parameters()):
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=layout)
    generator_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=game.betas)
    discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=game.betas)
    size = game.resolution
    images = (torch.rand(batch_size, 3, size, size) * 2 - 1).contiguous(memory_format=layout)

    def draw(count: int) -> torch.Tensor:
        return generator(torch.randn(count, game.latent_dim))

    def discriminator_move(fake: torch.Tensor) -> None:
        discriminator_optimizer.zero_grad()
        with parametrize.cached():
            game.discriminator_loss(discriminator, images, fake).backward()
        discriminator_optimizer.step()

    def generator_move(fake: torch.Tensor) -> None:
        generator_optimizer.zero_grad()
        logits = [discriminator(fake).flatten()]
        if game.paired:
            with torch.no_grad():
                logits.append(discriminator(images).flatten())
        game.generator_loss(*logits).backward()
        generator_optimizer.step()

    def regularize(regularizer: Regularizer) -> None:
        optimizer = generator_optimizer if regularizer.of_generator else discriminator_optimizer
        generator.requires_grad_(regularizer.of_generator)
        discriminator.requires_grad_(not regularizer.of_generator)
        optimizer.zero_grad()
        regularizer.loss(generator, discriminator, images).backward()
        optimizer.step()

    def step(index: int) -> None:
        for regularizer in game.regularizers:
            if index % regularizer.every == 0:
                regularize(regularizer)
        generator.requires_grad_(True)
        discriminator.requires_grad_(True)
        for _ in range(game.critic_steps - 1):
            with torch.no_grad():
                fake = draw(batch_size)
            discriminator_move(fake)
        with torch.set_grad_enabled(game.generator_batches == 1):
            fake = draw(batch_size)
        discriminator_move(fake.detach())
        discriminator.requires_grad_(False)
        generator_move(fake if game.generator_batches == 1 else draw(game.generator_batches * batch_size))

    def run() -> None:
        for index in range(game.steps):
            step(index)

    return run


def forward(game: TorchGame, batch_size: int, channels_last: bool) -> Callable[[], None]:
    """Images of random latents, from a generator that does not learn."""
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    generator = game.generator().eval().to(memory_format=layout)
    latents = torch.randn(batch_size, game.latent_dim)

    @torch.no_grad()
    def run() -> None:
        generator(latents)

    return run


class _FlopCounter(TorchDispatchMode):
    """PyTorch's own FlopCounterMode fails on a gradient in the graph of another."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        count = flop_registry.get(func._overloadpacket)
        if count:
            self.total += count(*args, **kwargs, out_val=result)
        return result


def flops(function: Callable[[], object]) -> int:
    """Floating-point operations of PyTorch's convolutions and matrix products in a call, by direct convolution."""
    with _FlopCounter() as counter:
        function()
    return counter.total


# --- Losses ---


def cross_entropy_losses(critic: nn.Module, images: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    real, fake = critic(images).flatten(), critic(fake).flatten()
    loss = functional.binary_cross_entropy_with_logits
    return loss(real, torch.ones_like(real)) + loss(fake, torch.zeros_like(fake))


def non_saturating_loss(logits: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))


def wasserstein_losses(critic: nn.Module, images: torch.Tensor, fake: torch.Tensor, drift: float = 0.0) -> torch.Tensor:
    """With the gradient penalty, weight 10, and ProGAN's drift."""
    share = torch.rand(images.shape[0], 1, 1, 1)
    between = (images + share * (fake - images)).requires_grad_(True)
    (gradients,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = (gradients.flatten(1).norm(dim=1) - 1).square().mean()
    real = critic(images)
    return critic(fake).mean() - real.mean() + 10 * penalty + drift * real.square().mean()


def hinge_losses(critic: nn.Module, images: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return functional.relu(1 - critic(images)).mean() + functional.relu(1 + critic(fake)).mean()


def paired_losses(critic: nn.Module, images: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """R3GAN's, with R1 and R2 at gamma 0.05."""
    images, fake = images.detach().requires_grad_(True), fake.requires_grad_(True)
    real_logits, fake_logits = critic(images), critic(fake)
    slopes = [
        torch.autograd.grad(logits.sum(), inputs, create_graph=True)[0].square().sum((1, 2, 3))
        for logits, inputs in ((real_logits, images), (fake_logits, fake))
    ]
    return (functional.softplus(fake_logits - real_logits) + 0.025 * (slopes[0] + slopes[1])).mean()


def paired_loss(fake_logits: torch.Tensor, real_logits: torch.Tensor) -> torch.Tensor:
    return functional.softplus(real_logits - fake_logits).mean()


def raise_logits(logits: torch.Tensor) -> torch.Tensor:
    return -logits.mean()
