"""StyleGAN2 and StyleGAN3-T in PyTorch, as their users without compiled kernels have them.

FIR filters are grouped convolutions. The mathematics of https://github.com/NVlabs/stylegan2-ada-pytorch and
https://github.com/NVlabs/stylegan3 without classes: modulation by scaled features in StyleGAN2's training, by a kernel
for each image in StyleGAN3, as there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]
from torch_training import Regularizer

from jgan.layers.bands import Band, bands_of, resampling_of

FIR = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64
GAIN = math.sqrt(2.0)


def filtered(x: torch.Tensor, taps: torch.Tensor, pad: Sequence[int], up: int = 1, down: int = 1) -> torch.Tensor:
    """Zeros between pixels, a symmetric filter with taps [k] or [k, k] for each channel, every `down`-th pixel."""
    n, c, h, w = x.shape
    if up > 1:
        x = functional.pad(x.reshape(n, c, h, 1, w, 1), [0, up - 1, 0, 0, 0, up - 1]).reshape(n, c, h * up, w * up)
    x = functional.pad(x, list(pad))
    gain = up**2
    if taps.ndim == 2:
        return functional.conv2d(x, (gain * taps)[None, None].expand(c, 1, -1, -1), stride=down, groups=c)
    wide = (up * taps)[None, None, None].expand(c, 1, -1, -1)
    x = functional.conv2d(x, wide, stride=(1, down), groups=c)
    return functional.conv2d(x, wide.swapaxes(2, 3), stride=(down, 1), groups=c)


def active(x: torch.Tensor, gain: float = 1.0, clamp: float = 256.0) -> torch.Tensor:
    return (functional.leaky_relu(x, 0.2) * (GAIN * gain)).clamp(-clamp * gain, clamp * gain)


class Full(nn.Module):
    """Equalised, with a rate of its own."""

    def __init__(self, inside: int, outside: int, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside) / rate)
        self.bias = nn.Parameter(torch.full((outside,), bias / rate))
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, inside] to [n, outside]."""
        weight = self.weight * (self.rate / math.sqrt(self.weight.shape[1]))
        return functional.linear(x, weight, self.bias * self.rate)


class Mapping(nn.Module):
    """Latents to styles."""

    def __init__(self, latent: int, width: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Full(latent if i == 0 else width, width, 0.01) for i in range(layers)])

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """[n, latent] to [n, w]."""
        x = latents * (latents.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.2) * GAIN
        return x


class Modulated(nn.Module):
    """StyleGAN2's convolution: features scaled before a dense one and behind it."""

    def __init__(self, inside: int, outside: int, style: int, size: int = 3, up: bool = False, demodulate: bool = True):
        super().__init__()
        self.affine = Full(style, inside, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outside, inside, size, size))
        self.up, self.demodulate = up, demodulate

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """[n, c, h, w] and styles [n, w]."""
        scales = self.affine(w)
        if not self.demodulate:
            scales = scales / math.sqrt(self.weight[0].numel())
        x = x * scales[:, :, None, None]
        if self.up:
            x = functional.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            x = filtered(x, 4 * FIR, [1, 1, 1, 1])
        else:
            x = functional.conv2d(x, self.weight, padding=self.weight.shape[2] // 2)
        if not self.demodulate:
            return x
        norms = scales.square() @ self.weight.square().sum([2, 3]).T
        return x * (norms + 1e-8).rsqrt()[:, :, None, None]


class Styled(nn.Module):
    """With noise, bias and leaky ReLU."""

    def __init__(self, inside: int, outside: int, style: int, up: bool = False) -> None:
        super().__init__()
        self.conv = Modulated(inside, outside, style, up=up)
        self.strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(outside, 1, 1))

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """As `Modulated`."""
        x = self.conv(x, w)
        x = x + torch.randn(x.shape[0], 1, *x.shape[2:]) * self.strength
        return active(x + self.bias)


class Colours(nn.Module):
    """1 x 1 to an image."""

    def __init__(self, inside: int, style: int) -> None:
        super().__init__()
        self.conv = Modulated(inside, 3, style, size=1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(3, 1, 1))

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """As `Modulated`, to three channels."""
        return (self.conv(x, w) + self.bias).clamp(-256, 256)


class StyleGAN2Generator(nn.Module):
    """Latents, or styles [n, layers, w], to images."""

    def __init__(self, widths: Sequence[int], style: int, mapping_layers: int) -> None:
        super().__init__()
        self.num_styles = 2 * len(widths)
        self.mapping = Mapping(style, style, mapping_layers)
        self.constant = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        pairs = list(itertools.pairwise(widths))
        self.ups = nn.ModuleList([Styled(before, after, style, up=True) for before, after in pairs])
        self.convs = nn.ModuleList([Styled(width, width, style) for width in widths])
        self.colours = nn.ModuleList([Colours(width, style) for width in widths])

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents [n, z] to images, by one style for all layers."""
        return self.synthesize(self.mapping(latents)[:, None].expand(-1, self.num_styles, -1))

    def synthesize(self, styles: torch.Tensor) -> torch.Tensor:
        """Styles [n, layers, w] to images."""
        x = self.convs[0](self.constant.expand(len(styles), -1, -1, -1), styles[:, 0])
        image = self.colours[0](x, styles[:, 1])
        for level, up in enumerate(self.ups):
            own = styles[:, 2 * level + 1 :]
            x = self.convs[level + 1](up(x, own[:, 0]), own[:, 1])
            image = filtered(image, FIR, [2, 1, 2, 1], up=2) + self.colours[level + 1](x, own[:, 2])
        return image


class Conv(nn.Module):
    """Equalised, halving behind a filter."""

    def __init__(self, inside: int, outside: int, size: int, down: bool = False, linear: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside, size, size))
        self.bias = None if linear else nn.Parameter(torch.zeros(outside))
        self.down = down

    def forward(self, x: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
        """Leaky ReLU, times gain, unless linear."""
        size = self.weight.shape[2]
        weight = self.weight / math.sqrt(self.weight[0].numel())
        if self.down and size == 1:
            x = functional.conv2d(filtered(x, FIR, [1, 1, 1, 1], down=2), weight, self.bias)
        elif self.down:
            x = functional.conv2d(filtered(x, FIR, [2, 2, 2, 2]), weight, self.bias, stride=2)
        else:
            x = functional.conv2d(x, weight, self.bias, padding=size // 2)
        return x * gain if self.bias is None else active(x, gain)


class StyleGAN2Discriminator(nn.Module):
    """Residual."""

    def __init__(self, widths: Sequence[int], group: int = 4) -> None:
        super().__init__()
        wide, pairs = widths[0], list(itertools.pairwise(widths[::-1]))
        self.from_image = Conv(3, widths[-1], 1)
        self.first = nn.ModuleList([Conv(before, before, 3) for before, _ in pairs])
        self.second = nn.ModuleList([Conv(*pair, 3, down=True) for pair in pairs])
        self.skips = nn.ModuleList([Conv(*pair, 1, down=True, linear=True) for pair in pairs])
        self.last, self.full, self.out = Conv(wide + 1, wide, 3), Full(16 * wide, wide), Full(wide, 1)
        self.group = group

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images to logits [n]."""
        x, half = self.from_image(x), math.sqrt(0.5)
        for first, second, skip in zip(self.first, self.second, self.skips, strict=True):
            x = skip(x, half) + second(first(x), half)
        n, c, h, w = x.shape
        y = x.reshape(self.group, n // self.group, c, h, w)
        deviation = (y.var(0, unbiased=False) + 1e-8).sqrt().mean([1, 2, 3])
        x = torch.cat([x, deviation.repeat(self.group)[:, None, None, None].expand(n, 1, h, w)], 1)
        return self.out(functional.leaky_relu(self.full(self.last(x).flatten(1)), 0.2) * GAIN)[:, 0]


class FilteredLayer(nn.Module):
    """A layer of StyleGAN3-T: a kernel for each image, a leaky ReLU at a higher rate between two filters."""

    def __init__(self, source: Band, target: Band, style: int, colours: bool) -> None:
        super().__init__()
        self.colours, self.size = colours, 1 if colours else 3
        self.affine = Full(style, source.channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(target.channels, source.channels, self.size, self.size))
        self.bias = nn.Parameter(torch.zeros(target.channels, 1, 1))
        self.register_buffer("magnitude", torch.ones([]))
        if colours:
            return
        self.how = resampling_of(source, target, source.size + self.size - 1, rotations=False)
        up, down = self.how.up_taps, self.how.down_taps
        self.up_taps, self.down_taps = (torch.tensor(taps, dtype=torch.float32) for taps in (up, down))
        inputs = source.size + self.size - 1
        padding = self.how.size + len(up) - 1 - inputs * self.how.up
        self.pad = [self.how.before, padding - self.how.before] * 2

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """[n, c, h, w] and styles [n, w]."""
        if self.training:
            with torch.no_grad():
                self.magnitude.copy_(x.square().mean().lerp(self.magnitude, 0.999))
        scales = self.affine(w)
        if self.colours:
            weight, scales = self.weight, scales / math.sqrt(self.weight[0].numel())
        else:
            weight = self.weight * self.weight.square().mean([1, 2, 3], keepdim=True).rsqrt()
            scales = scales * scales.square().mean().rsqrt()
        kernels = weight[None] * scales[:, None, :, None, None]
        if not self.colours:
            kernels = kernels * (kernels.square().sum([2, 3, 4], keepdim=True) + 1e-8).rsqrt()
        n, out, inside, *size = kernels.shape
        grouped = (kernels * self.magnitude.rsqrt()).reshape(n * out, inside, *size)
        x = functional.conv2d(x.reshape(1, -1, *x.shape[2:]), grouped, padding=self.size - 1, groups=n)
        x = x.reshape(n, out, *x.shape[2:]) + self.bias
        if self.colours:
            return x.clamp(-256, 256)
        x = active(filtered(x, self.up_taps, self.pad, up=self.how.up))
        return filtered(x, self.down_taps, [0, 0, 0, 0], down=self.how.down)


class StyleGAN3Generator(nn.Module):
    """T: from Fourier features, moved and turned by the style."""

    def __init__(self, resolution: int, base: int, most: int, style: int, mapping_layers: int = 2) -> None:
        super().__init__()
        bands = bands_of(resolution, 14, base, most, 3)
        first, sources = bands[0], [bands[0], *bands[:-1]]
        self.mapping = Mapping(style, style, mapping_layers)
        directions = torch.randn(first.channels, 2)
        lengths = directions.norm(dim=1, keepdim=True)
        self.freqs = directions / (lengths * lengths.square().exp().pow(0.25)) * first.cutoff
        self.phases = torch.rand(first.channels) - 0.5
        self.affine = Full(style, 4)
        self.weight = nn.Parameter(torch.randn(first.channels, first.channels))
        pairs = list(zip(sources, bands, strict=True))
        self.layers = nn.ModuleList([FilteredLayer(*pair, style, pair[1] is bands[-1]) for pair in pairs])
        self.first = first

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents [n, z] to images."""
        w = self.mapping(latents)
        x = self.fourier(self.affine(w))
        for layer in self.layers:
            x = layer(x, w)
        return x * 0.25

    def fourier(self, t: torch.Tensor) -> torch.Tensor:
        """Waves [n, c, size, size] that (cos, sin, x, y) turn and move."""
        c, s, x, y = (t / (t[:, :2].norm(dim=1, keepdim=True) + 1e-8)).unbind(1)
        turn = torch.stack([torch.stack([c, -s], 1), torch.stack([s, c], 1)], 1)
        freqs = self.freqs @ turn
        phases = self.phases + torch.einsum("nkd,nd->nk", freqs, -torch.stack([x, y], 1))
        fade = 1 - (freqs.norm(dim=2) - self.first.cutoff) / (self.first.rate / 2 - self.first.cutoff)
        places = (torch.arange(self.first.size) + 0.5 - self.first.size / 2) / self.first.rate
        rows, columns = torch.meshgrid(places, places, indexing="ij")
        waves = torch.einsum("hwd,nkd->nhwk", torch.stack([columns, rows], -1), freqs) + phases[:, None, None]
        x = torch.sin(2 * math.pi * waves) * fade.clamp(0, 1)[:, None, None]
        return (x @ (self.weight.T / math.sqrt(len(self.weight)))).permute(0, 3, 1, 2)


# --- Lazy regularisers ---


def r1(gamma: float, every: int = 16) -> Regularizer:
    def loss(generator: nn.Module, discriminator: nn.Module, images: torch.Tensor) -> torch.Tensor:
        del generator
        images = images.detach().requires_grad_(True)
        (slopes,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
        return slopes.square().sum([1, 2, 3]).mean() * (gamma / 2 * every)

    return Regularizer(every, False, loss)


def path_length(latent_dim: int, weight: float = 2.0, every: int = 4, share: int = 2) -> Regularizer:
    mean = torch.zeros([])

    def loss(generator: nn.Module, discriminator: nn.Module, images: torch.Tensor) -> torch.Tensor:
        del discriminator
        styles = generator.mapping(torch.randn(len(images) // share, latent_dim))
        styles = styles[:, None].repeat(1, generator.num_styles, 1)
        made = generator.synthesize(styles)
        noise = torch.randn_like(made) / math.sqrt(made[0, 0].numel())
        (slopes,) = torch.autograd.grad((made * noise).sum(), styles, create_graph=True)
        lengths = slopes.square().sum(2).mean(1).sqrt()
        moved = mean.lerp(lengths.mean(), 0.01)
        mean.copy_(moved.detach())
        return (lengths - moved).square().mean() * (weight * every)

    return Regularizer(every, True, loss)


def logistic_losses(critic: nn.Module, images: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return functional.softplus(critic(fake)).mean() + functional.softplus(-critic(images)).mean()


def logistic_loss(logits: torch.Tensor) -> torch.Tensor:
    return functional.softplus(-logits).mean()
