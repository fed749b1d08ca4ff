"""The networks of the training benchmark in PyTorch."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]
from torch.nn.utils.parametrizations import spectral_norm  # pyright: ignore[reportMissingImports]

# --- DCGAN ---


def dcgan_generator(latent_dim: int = 100, channels: int = 64) -> nn.Sequential:
    """https://github.com/pytorch/examples/blob/main/dcgan/main.py"""
    layers: list[nn.Module] = [nn.Unflatten(1, (latent_dim, 1, 1))]
    widths = (latent_dim, 8 * channels, 4 * channels, 2 * channels, channels)
    for index, (before, after) in enumerate(itertools.pairwise(widths)):
        stride, padding = (2, 1) if index else (1, 0)
        layers.append(nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False))
        layers += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(channels, 3, 4, 2, 1, bias=False), nn.Tanh())


def dcgan_discriminator(layer_norm: bool = False, channels: int = 64) -> nn.Sequential:
    """The same example's, without the sigmoid: the losses take logits. Layer norm in place of batch norm: WGAN-GP's."""
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for before, after in itertools.pairwise((channels, 2 * channels, 4 * channels, 8 * channels)):
        layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
        layers.append(nn.GroupNorm(1, after) if layer_norm else nn.BatchNorm2d(after))
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    return nn.Sequential(*layers, nn.Conv2d(8 * channels, 1, 4, 1, 0, bias=False))


# --- Residual networks, as in jgan.families.sngan ---


Wrap = Callable[[nn.Module], nn.Module]


def bare(layer: nn.Module) -> nn.Module:
    return layer


def labels_in_turn(x: torch.Tensor) -> torch.Tensor:
    """A class of ten for each example: conditional networks choose their own, since only their cost counts."""
    return torch.arange(x.shape[0]) % 10


class ConditionalNorm(nn.Module):
    """Batch norm with a scale and a bias for each class."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.scale, self.bias = nn.Embedding(10, width), nn.Embedding(10, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        labels = labels_in_turn(x)
        return self.norm(x) * self.scale(labels)[:, :, None, None] + self.bias(labels)[:, :, None, None]


class GeneratorBlock(nn.Module):
    """[n, width, h, w] to [n, width, 2 h, 2 w]."""

    def __init__(self, width: int, wrap: Wrap = bare, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = norm(width), norm(width)
        self.conv_1 = wrap(nn.Conv2d(width, width, 3, padding=1))
        self.conv_2 = wrap(nn.Conv2d(width, width, 3, padding=1))
        self.shortcut = wrap(nn.Conv2d(width, width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        residual = self.conv_1(functional.interpolate(functional.relu(self.norm_1(x), inplace=True), scale_factor=2))
        residual = self.conv_2(functional.relu(self.norm_2(residual), inplace=True))
        return residual + functional.interpolate(self.shortcut(x), scale_factor=2)


def residual_generator(
    width: int, latent_dim: int = 128, wrap: Wrap = bare, norm: Callable[[int], nn.Module] = nn.BatchNorm2d
) -> nn.Sequential:
    """Latents to 32 x 32 images."""
    return nn.Sequential(
        wrap(nn.Linear(latent_dim, 16 * width)),
        nn.Unflatten(1, (width, 4, 4)),
        *(GeneratorBlock(width, wrap, norm) for _ in range(3)),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        wrap(nn.Conv2d(width, 3, 3, padding=1)),
        nn.Tanh(),
    )


def biggan_cifar_generator() -> nn.Sequential:
    """Of configs/biggan_cifar.py."""
    return residual_generator(256, wrap=spectral_norm, norm=ConditionalNorm)


class DiscriminatorBlock(nn.Module):
    """[n, before, h, w] to [n, width, h, w], or half of both sizes."""

    def __init__(self, before: int, width: int, wrap: Callable[[nn.Module], nn.Module], downsample: bool) -> None:
        super().__init__()
        self.first, self.downsample = before != width, downsample  # the first sees images
        self.conv_1 = wrap(nn.Conv2d(before, width, 3, padding=1))
        self.conv_2 = wrap(nn.Conv2d(width, width, 3, padding=1))
        self.shortcut = wrap(nn.Conv2d(before, width, 1)) if downsample else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        residual = self.conv_1(x if self.first else functional.relu(x))
        residual = self.conv_2(functional.relu(residual, inplace=True))
        if self.shortcut is None:
            return residual + x
        return functional.avg_pool2d(residual, 2) + self.shortcut(functional.avg_pool2d(x, 2))


class ResidualDiscriminator(nn.Module):
    """32 x 32 images to logits [n]. The sum over pixels, or WGAN-GP's mean, cost the same."""

    def __init__(self, width: int = 128, normalize: bool = True, conditional: bool = False) -> None:
        super().__init__()
        wrap: Wrap = spectral_norm if normalize else bare
        self.blocks = nn.Sequential(
            DiscriminatorBlock(3, width, wrap, True),
            DiscriminatorBlock(width, width, wrap, True),
            DiscriminatorBlock(width, width, wrap, False),
            DiscriminatorBlock(width, width, wrap, False),
        )
        self.to_logit = wrap(nn.Linear(width, 1))
        self.projection = wrap(nn.Embedding(10, width)) if conditional else None

    def forward(self, images: torch.Tensor) -> torch.Tensor:  # noqa: D102
        features = functional.relu(self.blocks(images)).sum((2, 3))
        logits = self.to_logit(features).squeeze(1)
        if self.projection is None:
            return logits
        return logits + (self.projection(labels_in_turn(images)) * features).sum(1)


def wgan_gp_critic() -> ResidualDiscriminator:
    return ResidualDiscriminator(normalize=False)


# --- R3GAN ---


class GroupedBlock(nn.Module):
    """1 x 1, grouped 3 x 3, 1 x 1, leaky ReLU between them."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        hidden = 2 * width
        self.layers = nn.Sequential(
            nn.Conv2d(width, hidden, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(hidden, hidden, 3, padding=1, groups=groups),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(hidden, width, 1, bias=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return x + self.layers(x)


class Resample(nn.Module):
    """By (1, 3, 3, 1) along both axes, as the official code does where its CUDA extension is missing."""

    kernel: torch.Tensor

    def __init__(self, up: bool) -> None:
        super().__init__()
        self.up = up
        edge = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", (edge[:, None] * edge)[None, None] * (4 if up else 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        maps = x.reshape(-1, 1, *x.shape[2:])
        resample = functional.conv_transpose2d if self.up else functional.conv2d
        maps = resample(maps, self.kernel, stride=2, padding=1)
        return maps.reshape(*x.shape[:2], *maps.shape[2:])


class GenerativeBasis(nn.Module):
    """Latents to 4 x 4 features."""

    def __init__(self, latent_dim: int, width: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(1, width, 4, 4))
        self.from_latents = nn.Linear(latent_dim, width, bias=False)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return self.basis * self.from_latents(latents)[:, :, None, None]


def r3gan_generator(width: int, groups: int, stages: int = 4) -> nn.Sequential:
    """https://github.com/brownvc/R3GAN, R3GAN/Networks.py, of one width."""
    layers: list[nn.Module] = [GenerativeBasis(64, width)]
    for stage in range(stages):
        layers += [Resample(up=True)] if stage else []
        layers += [GroupedBlock(width, groups), GroupedBlock(width, groups)]
    return nn.Sequential(*layers, nn.Conv2d(width, 3, 1, bias=False))


def r3gan_discriminator(width: int, groups: int, stages: int = 4) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, width, 1, bias=False)]
    for stage in range(stages):
        layers += [Resample(up=False)] if stage else []
        layers += [GroupedBlock(width, groups), GroupedBlock(width, groups)]
    layers.append(nn.Conv2d(width, width, 4, groups=width, bias=False))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width, 1, bias=False), nn.Flatten(0))


# --- ProGAN, at one resolution ---


class Equalized(nn.Module):
    """A layer whose weight is N(0, 1) and scaled where it is used."""

    def __init__(self, layer: nn.Conv2d | nn.Linear, gain: float = 2**0.5) -> None:
        super().__init__()
        self.layer, self.scale = layer, gain / layer.weight[0].numel() ** 0.5
        nn.init.normal_(layer.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        weight = self.layer.weight * self.scale
        if isinstance(self.layer, nn.Linear):
            return functional.linear(x, weight, self.layer.bias)
        return functional.conv2d(x, weight, self.layer.bias, padding=self.layer.padding)


class PixelNorm(nn.Module):
    """Every pixel's features divided by their root mean square."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class MinibatchStd(nn.Module):
    """One channel more, within groups of 4."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        groups = x.reshape(-1, 4, *x.shape[1:])
        deviation = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3)).repeat_interleave(4)
        return torch.cat([x, deviation[:, None, None, None].expand(-1, 1, *x.shape[2:])], 1)


def equalized_conv(before: int, after: int, size: int = 3) -> Equalized:
    return Equalized(nn.Conv2d(before, after, size, padding=size // 2))


def progan_generator(width: int) -> nn.Sequential:
    """Latents to 32 x 32 images, of one width; https://github.com/tkarras/progressive_growing_of_gans, networks.py."""
    last = [nn.LeakyReLU(0.2), PixelNorm()]
    layers: list[nn.Module] = [PixelNorm(), Equalized(nn.Linear(width, 16 * width), gain=2**0.5 / 4)]
    layers += [nn.Unflatten(1, (width, 4, 4)), *last, equalized_conv(width, width), *last]
    for _ in range(3):
        layers += [nn.Upsample(scale_factor=2), equalized_conv(width, width), *last]
        layers += [equalized_conv(width, width), *last]
    return nn.Sequential(*layers, Equalized(nn.Conv2d(width, 3, 1), gain=1.0))


def progan_discriminator(width: int) -> nn.Sequential:
    activation = nn.LeakyReLU(0.2)
    layers: list[nn.Module] = [equalized_conv(3, width, 1), activation]
    for _ in range(3):
        layers += [equalized_conv(width, width), activation]
        layers += [equalized_conv(width, width), nn.AvgPool2d(2), activation]
    layers += [MinibatchStd(), equalized_conv(width + 1, width), activation, nn.Flatten()]
    layers += [Equalized(nn.Linear(16 * width, width)), activation, Equalized(nn.Linear(width, 1), gain=1.0)]
    return nn.Sequential(*layers, nn.Flatten(0))
