"""R3GAN of https://github.com/brownvc/R3GAN: R3GAN/Networks.py, within training/networks.py."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

CLASSES = 3


class Convolution(nn.Module):
    def __init__(self, ci, co, size, groups=1) -> None:
        super().__init__()
        self.Layer = nn.Conv2d(ci, co, size, padding=(size - 1) // 2, groups=groups, bias=False)

    def forward(self, x):
        return self.Layer(x)


class BiasedActivation(nn.Module):
    def __init__(self, width) -> None:
        super().__init__()
        self.Bias = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        return functional.leaky_relu(x + self.Bias.view(1, -1, 1, 1), 0.2)


class ResidualBlock(nn.Module):
    def __init__(self, width, groups, expansion) -> None:
        super().__init__()
        hidden = width * expansion
        self.LinearLayer1, self.LinearLayer2 = Convolution(width, hidden, 1), Convolution(hidden, hidden, 3, groups)
        self.LinearLayer3 = Convolution(hidden, width, 1)
        self.NonLinearity1, self.NonLinearity2 = BiasedActivation(hidden), BiasedActivation(hidden)

    def forward(self, x):
        y = self.LinearLayer2(self.NonLinearity1(self.LinearLayer1(x)))
        return x + self.LinearLayer3(self.NonLinearity2(y))


class Resampler(nn.Module):
    def __init__(self, up) -> None:
        super().__init__()
        self.up = up
        self.register_buffer("Kernel", torch.zeros(4, 4))

    def forward(self, x):
        maps = x.flatten(0, 1)[:, None]
        if self.up:
            y = functional.conv_transpose2d(maps, 4 * self.Kernel[None, None], stride=2, padding=1)
        else:
            y = functional.conv2d(maps, self.Kernel[None, None], stride=2, padding=1)
        return y.view(*x.shape[:2], *y.shape[2:])


class ResamplingLayer(nn.Module):
    def __init__(self, ci, co, up) -> None:
        super().__init__()
        self.up, self.Resampler = up, Resampler(up)
        if ci != co:
            self.LinearLayer = Convolution(ci, co, 1)

    def forward(self, x):
        linear = getattr(self, "LinearLayer", nn.Identity())
        return self.Resampler(linear(x)) if self.up else linear(self.Resampler(x))


class GenerativeBasis(nn.Module):
    def __init__(self, inputs, width) -> None:
        super().__init__()
        self.Basis, self.LinearLayer = nn.Parameter(torch.zeros(width, 4, 4)), nn.Linear(inputs, width, bias=False)

    def forward(self, x):
        return self.Basis.view(1, -1, 4, 4) * self.LinearLayer(x).view(x.shape[0], -1, 1, 1)


class DiscriminativeBasis(nn.Module):
    def __init__(self, width, outputs) -> None:
        super().__init__()
        self.Basis = nn.Conv2d(width, width, 4, groups=width, bias=False)
        self.LinearLayer = nn.Linear(width, outputs, bias=False)

    def forward(self, x):
        return self.LinearLayer(self.Basis(x).flatten(1))


class Stage(nn.Module):
    def __init__(self, *layers) -> None:
        super().__init__()
        self.Layers = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.Layers:
            x = layer(x)
        return x


class R3G(nn.Module):
    def __init__(self, latents, widths, groups, blocks, expansion, features) -> None:
        super().__init__()
        stages = []
        for index, (width, count) in enumerate(zip(widths, groups, strict=True)):
            first = GenerativeBasis(latents + features, width)
            first = ResamplingLayer(widths[index - 1], width, True) if index else first
            stages.append(Stage(first, *(ResidualBlock(width, count, expansion) for _ in range(blocks))))
        self.MainLayers, self.AggregationLayer = nn.ModuleList(stages), Convolution(widths[-1], 3, 1)
        self.EmbeddingLayer = nn.Linear(CLASSES, features, bias=False)

    def forward(self, x, y):
        x = torch.cat([x, self.EmbeddingLayer(y)], 1)
        for layer in self.MainLayers:
            x = layer(x)
        return self.AggregationLayer(x)


class R3D(nn.Module):
    def __init__(self, widths, groups, blocks, expansion, features) -> None:
        super().__init__()
        stages = []
        for index, (width, count) in enumerate(zip(widths, groups, strict=True)):
            last = DiscriminativeBasis(width, features)
            last = ResamplingLayer(width, widths[index + 1], False) if index + 1 < len(widths) else last
            stages.append(Stage(*(ResidualBlock(width, count, expansion) for _ in range(blocks)), last))
        self.MainLayers, self.ExtractionLayer = nn.ModuleList(stages), Convolution(3, widths[0], 1)
        self.EmbeddingLayer = nn.Linear(CLASSES, features, bias=False)

    def forward(self, x, y):
        x = self.ExtractionLayer(x)
        for layer in self.MainLayers:
            x = layer(x)
        return (x * self.EmbeddingLayer(y)).sum(1)


class Wrapped(nn.Module):
    """training/networks.py: labels become one-hot vectors."""

    def __init__(self, model) -> None:
        super().__init__()
        self.Model = model

    def forward(self, x, y):
        return self.Model(x, functional.one_hot(y, CLASSES).float())


NETWORKS = {
    "r3gan_generator": Wrapped(R3G(5, (12, 8, 8), (4, 2, 4), 2, 2, 6)),
    "r3gan_discriminator": Wrapped(R3D((8, 8, 12), (4, 2, 4), 2, 2, 10)),
}
