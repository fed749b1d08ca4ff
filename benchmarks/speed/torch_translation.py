"""Networks and rounds of training of images to images in PyTorch, as their users have them: eager, Adam, one process.

Pix2Pix and CycleGAN after https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix, SRResNet after the paper.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

Round = Callable[[], None]


class TorchTranslation(NamedTuple):
    """What a round needs to know."""

    make: Callable[[int, int, torch.memory_format], Round]  # (resolution, batch size, layout)
    resolution: int
    betas: tuple[float, float] = (0.5, 0.999)
    critic_steps: int = 1  # images a step are the batch's
    steps: int = 1  # in a round

    def round(self, batch_size: int, channels_last: bool) -> Round:
        """A round of training on random images, in one of PyTorch's memory layouts."""
        torch.manual_seed(0)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        return self.make(self.resolution, batch_size, layout)


# --- Networks ---


class UNetLevel(nn.Module):
    """One level of Pix2Pix's U-Net around the next."""

    def __init__(self, outer: int, inner: int, within: nn.Module | None, inputs: int | None, dropout: bool) -> None:
        super().__init__()
        outermost, innermost = inputs is not None, within is None
        down: list[nn.Module] = [nn.Conv2d(inputs or outer, inner, 4, 2, 1, bias=False)]
        down = down if outermost else [nn.LeakyReLU(0.2, True), *down]
        up: list[nn.Module] = [
            nn.ReLU(True),
            nn.ConvTranspose2d(inner if innermost else 2 * inner, outer, 4, 2, 1, bias=outermost),
        ]
        if not (outermost or innermost):
            down.append(nn.BatchNorm2d(inner))
        up.append(nn.Tanh() if outermost else nn.BatchNorm2d(outer))
        layers = [*down, *([within] if within else []), *up, *([nn.Dropout(0.5)] if dropout else [])]
        self.layers, self.outermost = nn.Sequential(*layers), outermost

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Its outputs beside its inputs, but for the outermost one."""
        return self.layers(x) if self.outermost else torch.cat([x, self.layers(x)], 1)


def unet(downs: int, channels: int = 64) -> nn.Module:
    widths = [channels * min(2**level, 8) for level in range(downs)]
    network = None
    for level in range(downs - 1, 0, -1):
        network = UNetLevel(widths[level - 1], widths[level], network, None, dropout=4 <= level < downs - 1)
    return UNetLevel(3, channels, network, inputs=3, dropout=False)


def patches(inputs: int, channels: int = 64, *, instance: bool = False) -> nn.Sequential:
    norm = nn.InstanceNorm2d if instance else nn.BatchNorm2d
    layers: list[nn.Module] = [nn.Conv2d(inputs, channels, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for before, after, stride in ((1, 2, 2), (2, 4, 2), (4, 8, 1)):
        layers.append(nn.Conv2d(before * channels, after * channels, 4, stride, 1, bias=instance))
        layers += [norm(after * channels), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * channels, 1, 4, 1, 1))


class Residual(nn.Module):
    """x plus what layers make of it."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sum."""
        return x + self.layers(x)


def translator(blocks: int, channels: int = 64) -> nn.Sequential:
    c = channels
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, c, 7), nn.InstanceNorm2d(c), nn.ReLU(True)]
    for width in (c, 2 * c):
        layers += [nn.Conv2d(width, 2 * width, 3, 2, 1), nn.InstanceNorm2d(2 * width), nn.ReLU(True)]
    for _ in range(blocks):
        half = [nn.ReflectionPad2d(1), nn.Conv2d(4 * c, 4 * c, 3), nn.InstanceNorm2d(4 * c)]
        other = [nn.ReflectionPad2d(1), nn.Conv2d(4 * c, 4 * c, 3), nn.InstanceNorm2d(4 * c)]
        layers.append(Residual(*half, nn.ReLU(True), *other))
    for width in (4 * c, 2 * c):
        layers += [nn.ConvTranspose2d(width, width // 2, 3, 2, 1, 1), nn.InstanceNorm2d(width // 2), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(c, 3, 7), nn.Tanh())


def srresnet(blocks: int = 16, channels: int = 64) -> nn.Sequential:
    c = channels

    def block() -> Residual:
        first = [nn.Conv2d(c, c, 3, 1, 1), nn.BatchNorm2d(c), nn.PReLU()]
        return Residual(*first, nn.Conv2d(c, c, 3, 1, 1), nn.BatchNorm2d(c))

    body = Residual(*(block() for _ in range(blocks)), nn.Conv2d(c, c, 3, 1, 1), nn.BatchNorm2d(c))
    doubling = [nn.Conv2d(c, 4 * c, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU()]
    another = [nn.Conv2d(c, 4 * c, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU()]
    return nn.Sequential(nn.Conv2d(3, c, 9, 1, 4), nn.PReLU(), body, *doubling, *another, nn.Conv2d(c, 3, 9, 1, 4))


# --- Rounds ---


def _prepared(layout: torch.memory_format, *networks: nn.Module) -> torch.optim.Adam:
    """An optimizer of all of them, their kernels in the layout."""
    parameters = list(itertools.chain(*(network.parameters() for network in networks)))
    for parameter in parameters:
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=layout)
    return torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999))


def _images(batch_size: int, resolution: int, layout: torch.memory_format) -> torch.Tensor:
    return (torch.rand(batch_size, 3, resolution, resolution) * 2 - 1).contiguous(memory_format=layout)


def _cross_entropy(logits: torch.Tensor, target: float) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def pix2pix_round(resolution: int, batch_size: int, layout: torch.memory_format) -> Round:
    generator, discriminator = unet(resolution.bit_length() - 1), patches(6)
    optimizers = _prepared(layout, generator), _prepared(layout, discriminator)
    inputs, targets = (_images(batch_size, resolution, layout) for _ in range(2))

    def run() -> None:
        fake = generator(inputs)
        discriminator.requires_grad_(True)
        optimizers[1].zero_grad()
        loss = _cross_entropy(discriminator(torch.cat([inputs, fake.detach()], 1)), 0.0)
        (0.5 * (loss + _cross_entropy(discriminator(torch.cat([inputs, targets], 1)), 1.0))).backward()
        optimizers[1].step()
        discriminator.requires_grad_(False)
        optimizers[0].zero_grad()
        loss = _cross_entropy(discriminator(torch.cat([inputs, fake], 1)), 1.0)
        (loss + 100 * functional.l1_loss(fake, targets)).backward()
        optimizers[0].step()

    return run


def cyclegan_round(resolution: int, batch_size: int, layout: torch.memory_format, blocks: int = 6) -> Round:
    """Without the pools, which cost nothing beside it."""
    to_b, to_a = translator(blocks), translator(blocks)
    critic_a, critic_b = patches(3, instance=True), patches(3, instance=True)
    optimizers = _prepared(layout, to_b, to_a), _prepared(layout, critic_a, critic_b)
    a, b = (_images(batch_size, resolution, layout) for _ in range(2))

    def judged(critic: nn.Module, images: torch.Tensor, target: float) -> torch.Tensor:
        return (critic(images) - target).square().mean()

    def run() -> None:
        fake_b, fake_a = to_b(a), to_a(b)
        for critic in (critic_a, critic_b):
            critic.requires_grad_(True)
        optimizers[1].zero_grad()
        for critic, real, fake in ((critic_a, a, fake_a), (critic_b, b, fake_b)):
            (0.5 * (judged(critic, real, 1.0) + judged(critic, fake.detach(), 0.0))).backward()
        optimizers[1].step()
        for critic in (critic_a, critic_b):
            critic.requires_grad_(False)
        optimizers[0].zero_grad()
        cycle = functional.l1_loss(to_a(fake_b), a) + functional.l1_loss(to_b(fake_a), b)
        identity = functional.l1_loss(to_a(a), a) + functional.l1_loss(to_b(b), b)
        adversarial = judged(critic_b, fake_b, 1.0) + judged(critic_a, fake_a, 1.0)
        (adversarial + 10 * cycle + 5 * identity).backward()
        optimizers[0].step()

    return run


def srresnet_round(resolution: int, batch_size: int, layout: torch.memory_format) -> Round:
    """The mean squared error of four times the resolution."""
    generator = srresnet()
    optimizer = _prepared(layout, generator)
    targets = _images(batch_size, resolution, layout)
    inputs = _images(batch_size, resolution // 4, layout)

    def run() -> None:
        optimizer.zero_grad()
        functional.mse_loss(generator(inputs), targets).backward()
        optimizer.step()

    return run
