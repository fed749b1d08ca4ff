"""Writes published.json: numbers of small networks in PyTorch, which tests/published/test_published.py reads as files.

    python tests/golden/published.py

Each network is written anew with torch's layers after the structure of its code base, so that its state dict has the
official names, shapes and buffers: DCGAN of PyTorch's example (https://github.com/pytorch/examples), BigGAN of
https://github.com/ajbrock/BigGAN-PyTorch, SNGAN and cGAN-PD of https://github.com/kwotsin/mimicry, R3GAN of
https://github.com/brownvc/R3GAN. `draw` makes the numbers of a state dict from its shapes, and the test draws the same
ones. Networks with spectral norm go through one forward pass of training, as the test's do.
"""

from __future__ import annotations

import itertools
import json
import zlib
from pathlib import Path

import numpy as np

BATCH, CLASSES, SHARE = 3, 3, 11  # of the entries of images, one in so many is kept
INPUTS = {  # what each network takes: latents of a size, or images of a resolution
    "dcgan_generator": ("latents", 5),
    "dcgan_discriminator": ("images", 16),
    "biggan_generator": ("latents", 12),
    "biggan_unshared": ("latents", 6),
    "biggan_discriminator": ("images", 16),
    "mimicry_generator": ("latents", 6),
    "mimicry_conditional": ("latents", 6),
    "mimicry_discriminator": ("images", 16),
    "mimicry_projection": ("images", 16),
    "r3gan_generator": ("latents", 5),
    "r3gan_discriminator": ("images", 16),
}


def draw(case: str, shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """A state dict in PyTorch's layout, float32."""
    random = np.random.default_rng(zlib.crc32(case.encode()))
    return {name: _tensor(random, name, tuple(shape)) for name, shape in shapes.items()}


def _tensor(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    leaf = name.rpartition(".")[2]
    if leaf == "Kernel":  # R3GAN's filter
        edge = np.float32([1, 3, 3, 1])
        return np.outer(edge, edge) / 64
    if leaf in ("sv0", "sn_sigma"):
        return np.ones(shape, np.float32)
    if leaf == "num_batches_tracked":
        return np.array(7)
    if leaf.endswith("var"):
        return np.exp(0.3 * random.standard_normal(shape)).astype(np.float32)
    numbers = random.standard_normal(shape)
    if len(shape) > 1 and not leaf.startswith(("u", "sn_u", "Basis")):
        numbers *= np.prod(shape[1:]) ** -0.5
    elif leaf in ("weight_u", "weight_v", "u0", "sn_u"):
        numbers /= np.linalg.norm(numbers)
    elif leaf.startswith(("bias", "Bias", "gamma")) or leaf.endswith("mean"):
        numbers *= 0.2
    elif leaf in ("weight", "gain"):  # of norms
        numbers = 1.0 + 0.2 * numbers
    return numbers.astype(np.float32)


def draw_inputs(case: str) -> tuple[np.ndarray, np.ndarray]:
    """(latents [n, z] or images [n, h, w, 3], labels [n])."""
    random = np.random.default_rng(5)
    kind, size = INPUTS[case]
    shape = (BATCH, size) if kind == "latents" else (BATCH, size, size, 3)
    inputs = random.standard_normal(shape).astype(np.float32)
    return inputs if kind == "latents" else np.tanh(inputs), random.integers(0, CLASSES, BATCH)


def main() -> None:
    """Runs every network on its drawn state dict, as it is used: generators in eval mode, discriminators training."""
    import torch

    numbers = {"torch": torch.__version__}
    for case, module in networks().items():
        shapes = {name: list(tensor.shape) for name, tensor in module.state_dict().items()}
        module.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in draw(case, shapes).items()})
        module.train("discriminator" in case or "projection" in case)
        inputs, labels = (torch.from_numpy(array) for array in draw_inputs(case))
        if inputs.ndim == 4:
            inputs = inputs.permute(0, 3, 1, 2)
        with torch.no_grad():
            made = module(inputs, labels)
        outputs = made.permute(0, 2, 3, 1).flatten()[::SHARE] if made.ndim == 4 and made.shape[1] == 3 else made
        numbers[case] = {"shapes": shapes, "outputs": outputs.flatten().tolist()}
    text = json.dumps(numbers).replace('}, "', '},\n"').replace('"outputs"', '\n"outputs"')
    Path(__file__).with_suffix(".json").write_text(text + "\n")


def networks():
    """A module of each code base for each case, small."""
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.nn.utils import spectral_norm

    normalize = functional.normalize

    # --- DCGAN: netG and netD, one list of layers ---

    class DCGAN(nn.Module):
        def __init__(self, *layers) -> None:
            super().__init__()
            self.main = nn.Sequential(*layers)

    class NetG(DCGAN):
        def __init__(self, nz: int, ngf: int) -> None:
            super().__init__(
                nn.ConvTranspose2d(nz, 2 * ngf, 4, 1, 0, bias=False),
                nn.BatchNorm2d(2 * ngf),
                nn.ReLU(True),
                nn.ConvTranspose2d(2 * ngf, ngf, 4, 2, 1, bias=False),
                nn.BatchNorm2d(ngf),
                nn.ReLU(True),
                nn.ConvTranspose2d(ngf, 3, 4, 2, 1, bias=False),
                nn.Tanh(),
            )

        def forward(self, x, y):
            return self.main(x[:, :, None, None])

    class NetD(DCGAN):
        def __init__(self, ndf: int) -> None:
            super().__init__(
                nn.Conv2d(3, ndf, 4, 2, 1, bias=False),
                nn.LeakyReLU(0.2),
                nn.Conv2d(ndf, 2 * ndf, 4, 2, 1, bias=False),
                nn.BatchNorm2d(2 * ndf),
                nn.LeakyReLU(0.2),
                nn.Conv2d(2 * ndf, 1, 4, 1, 0, bias=False),
                nn.Sigmoid(),
            )

        def forward(self, x, y):
            return torch.logit(self.main(x).view(-1).double())  # what its sigmoid was given

    # --- BigGAN-PyTorch: layers.py and BigGAN.py ---

    class SN:
        """Its spectral norm: one iteration from u0 at every use, which is stored in training."""

        def register(self, rows: int) -> None:
            self.register_buffer("u0", torch.randn(1, rows))
            self.register_buffer("sv0", torch.ones(1))

        def normal(self):
            matrix = self.weight.view(self.weight.size(0), -1)
            v = normalize(self.u0 @ matrix, eps=1e-12)
            u = normalize(v @ matrix.t(), eps=1e-12)
            if self.training:
                self.u0[:] = u
            return self.weight / (v @ matrix.t() @ u.t()).squeeze()

    class SNConv2d(nn.Conv2d, SN):
        def __init__(self, ci, co, kernel_size=3, padding=1, bias=True) -> None:
            nn.Conv2d.__init__(self, ci, co, kernel_size, padding=padding, bias=bias)
            self.register(co)

        def forward(self, x):
            return functional.conv2d(x, self.normal(), self.bias, padding=self.padding)

    class SNLinear(nn.Linear, SN):
        def __init__(self, ci, co, bias=True) -> None:
            nn.Linear.__init__(self, ci, co, bias)
            self.register(co)

        def forward(self, x):
            return functional.linear(x, self.normal(), self.bias)

    class SNEmbedding(nn.Embedding, SN):
        def __init__(self, count, width) -> None:
            nn.Embedding.__init__(self, count, width)
            self.register(count)

        def forward(self, x):
            return functional.embedding(x, self.normal())

    class Attention(nn.Module):
        def __init__(self, ch, conv) -> None:
            super().__init__()
            self.ch = ch
            for name, ci, co in (("theta", ch, ch // 8), ("phi", ch, ch // 8), ("g", ch, ch // 2), ("o", ch // 2, ch)):
                setattr(self, name, conv(ci, co, kernel_size=1, padding=0, bias=False))
            self.gamma = nn.Parameter(torch.tensor(0.0))

        def forward(self, x, y=None):
            n, ch, h, w = x.shape
            theta = self.theta(x).view(n, ch // 8, h * w)
            phi = functional.max_pool2d(self.phi(x), 2).view(n, ch // 8, h * w // 4)
            g = functional.max_pool2d(self.g(x), 2).view(n, ch // 2, h * w // 4)
            beta = functional.softmax(torch.bmm(theta.transpose(1, 2), phi), -1)
            return self.gamma * self.o(torch.bmm(g, beta.transpose(1, 2)).view(n, ch // 2, h, w)) + x

    class CCBN(nn.Module):
        def __init__(self, width, inputs, linear) -> None:
            super().__init__()
            self.gain, self.bias = linear(inputs, width), linear(inputs, width)
            self.register_buffer("stored_mean", torch.zeros(width))
            self.register_buffer("stored_var", torch.ones(width))

        def forward(self, x, y):
            gain = (1 + self.gain(y)).view(y.size(0), -1, 1, 1)
            out = functional.batch_norm(x, self.stored_mean, self.stored_var, None, None, self.training, 0.1, 1e-5)
            return out * gain + self.bias(y).view(y.size(0), -1, 1, 1)

    class BN(nn.Module):
        def __init__(self, width) -> None:
            super().__init__()
            self.gain, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
            self.register_buffer("stored_mean", torch.zeros(width))
            self.register_buffer("stored_var", torch.ones(width))

        def forward(self, x):
            stats = self.stored_mean, self.stored_var
            return functional.batch_norm(x, *stats, self.gain, self.bias, self.training, 0.1, 1e-5)

    class BigGBlock(nn.Module):
        def __init__(self, ci, co, conv, norm) -> None:
            super().__init__()
            self.conv1, self.conv2 = conv(ci, co), conv(co, co)
            self.conv_sc = conv(ci, co, kernel_size=1, padding=0)
            self.bn1, self.bn2 = norm(ci), norm(co)

        def forward(self, x, y):
            h = functional.interpolate(functional.relu(self.bn1(x, y)), scale_factor=2)
            x = functional.interpolate(x, scale_factor=2)
            h = self.conv2(functional.relu(self.bn2(self.conv1(h), y)))
            return h + self.conv_sc(x)

    class BigG(nn.Module):
        def __init__(self, latents, widths, attention, shared_dim, hier, sn=True) -> None:
            super().__init__()
            conv = (
                SNConv2d
                if sn
                else lambda ci, co, kernel_size=3, padding=1, bias=True: nn.Conv2d(
                    ci, co, kernel_size, padding=padding, bias=bias
                )
            )
            dense = SNLinear if sn else nn.Linear
            slots = len(widths) if hier else 1
            self.chunk, self.hier = latents // slots, hier
            self.shared = nn.Embedding(CLASSES, shared_dim) if shared_dim else nn.Identity()
            inputs = shared_dim + (self.chunk if hier else 0) if shared_dim else CLASSES
            linear = (lambda ci, co: dense(ci, co, bias=False)) if shared_dim else nn.Embedding
            self.linear = dense(self.chunk, 16 * widths[0])
            blocks = []
            for index, (ci, co) in enumerate(itertools.pairwise(widths)):
                layers = [BigGBlock(ci, co, conv, lambda width: CCBN(width, inputs, linear))]
                layers += [Attention(co, conv)] if index in attention else []
                blocks.append(nn.ModuleList(layers))
            self.blocks = nn.ModuleList(blocks)
            self.output_layer = nn.Sequential(BN(widths[-1]), nn.ReLU(), conv(widths[-1], 3))

        def forward(self, z, labels):
            y = self.shared(labels)
            ys = [y] * len(self.blocks)
            if self.hier:
                z, *rest = torch.split(z, self.chunk, 1)
                ys = [torch.cat([y, item], 1) for item in rest]
            h = self.linear(z).view(z.size(0), -1, 4, 4)
            for blocks, item in zip(self.blocks, ys, strict=True):
                for block in blocks:
                    h = block(h, item)
            return torch.tanh(self.output_layer(h))

    class BigDBlock(nn.Module):
        def __init__(self, ci, co, preactivation, downsample) -> None:
            super().__init__()
            self.preactivation, self.downsample = preactivation, downsample
            self.conv1, self.conv2 = SNConv2d(ci, co), SNConv2d(co, co)
            self.learnable = ci != co or downsample
            if self.learnable:
                self.conv_sc = SNConv2d(ci, co, kernel_size=1, padding=0)

        def pool(self, x):
            return functional.avg_pool2d(x, 2) if self.downsample else x

        def forward(self, x):
            h = self.conv2(functional.relu(self.conv1(functional.relu(x) if self.preactivation else x)))
            if not self.preactivation:
                return self.pool(h) + self.conv_sc(self.pool(x))
            return self.pool(h) + self.pool(self.conv_sc(x) if self.learnable else x)

    class BigD(nn.Module):
        def __init__(self, widths, attention) -> None:
            super().__init__()
            blocks = []
            for index, (ci, co) in enumerate(zip((3, *widths), widths, strict=False)):
                layers = [BigDBlock(ci, co, index > 0, index < len(widths) - 1)]
                layers += [Attention(co, SNConv2d)] if index in attention else []
                blocks.append(nn.ModuleList(layers))
            self.blocks = nn.ModuleList(blocks)
            self.linear, self.embed = SNLinear(widths[-1], 1), SNEmbedding(CLASSES, widths[-1])

        def forward(self, x, y):
            for blocks in self.blocks:
                for block in blocks:
                    x = block(x)
            h = functional.relu(x).sum([2, 3])
            return (self.linear(h) + (self.embed(y) * h).sum(1, keepdim=True)).view(-1)

    # --- mimicry: modules/resblocks.py and nets/sngan, nets/cgan_pd ---

    class ConditionalBatchNorm2d(nn.Module):
        def __init__(self, width) -> None:
            super().__init__()
            self.width, self.bn = width, nn.BatchNorm2d(width, affine=False)
            self.embed = nn.Embedding(CLASSES, 2 * width)

        def forward(self, x, y):
            gamma, beta = self.embed(y).chunk(2, 1)
            return gamma.view(-1, self.width, 1, 1) * self.bn(x) + beta.view(-1, self.width, 1, 1)

    class GBlock(nn.Module):
        def __init__(self, ci, co, classes) -> None:
            super().__init__()
            self.c1, self.c2 = nn.Conv2d(ci, co, 3, padding=1), nn.Conv2d(co, co, 3, padding=1)
            norm = ConditionalBatchNorm2d if classes else nn.BatchNorm2d
            self.b1, self.b2, self.c_sc, self.classes = norm(ci), norm(co), nn.Conv2d(ci, co, 1), classes

        def forward(self, x, y):
            labels = (y,) if self.classes else ()

            def double(x):
                return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

            h = self.c1(double(functional.relu(self.b1(x, *labels))))
            return self.c2(functional.relu(self.b2(h, *labels))) + self.c_sc(double(x))

    class ResNetGenerator(nn.Module):
        def __init__(self, nz, ngf, bottom, classes=False) -> None:
            super().__init__()
            self.bottom = bottom
            self.l1 = nn.Linear(nz, bottom**2 * ngf)
            self.block2, self.block3 = GBlock(ngf, ngf >> 1, classes), GBlock(ngf >> 1, ngf >> 2, classes)
            self.b4, self.c4 = nn.BatchNorm2d(ngf >> 2), nn.Conv2d(ngf >> 2, 3, 3, padding=1)

        def forward(self, x, y):
            h = self.l1(x).view(x.shape[0], -1, self.bottom, self.bottom)
            h = self.block3(self.block2(h, y), y)
            return torch.tanh(self.c4(functional.relu(self.b4(h))))

    class OwnSN(SN):
        """That of its modules/spectral_norm.py, under other names than BigGAN's."""

        def register(self, rows: int) -> None:
            self.register_buffer("sn_u", torch.randn(1, rows))
            self.register_buffer("sn_sigma", torch.ones(1))

        @property
        def u0(self):
            return self.sn_u

    class OwnConv(nn.Conv2d, OwnSN):
        def __init__(self, *arguments) -> None:
            nn.Conv2d.__init__(self, *arguments)
            self.register(arguments[1])

        def forward(self, x):
            return functional.conv2d(x, self.normal(), self.bias, padding=self.padding)

    class OwnLinear(nn.Linear, OwnSN):
        def __init__(self, *arguments) -> None:
            nn.Linear.__init__(self, *arguments)
            self.register(arguments[1])

        def forward(self, x):
            return functional.linear(x, self.normal(), self.bias)

    def torch_conv(*arguments):
        return spectral_norm(nn.Conv2d(*arguments))

    class DBlock(nn.Module):
        def __init__(self, conv, ci, co, downsample, first=False) -> None:
            super().__init__()
            hidden = co if first else ci
            self.first, self.downsample, self.learnable = first, downsample, ci != co or downsample
            self.c1, self.c2 = conv(ci, hidden, 3, 1, 1), conv(hidden, co, 3, 1, 1)
            if self.learnable:
                self.c_sc = conv(ci, co, 1, 1, 0)

        def pool(self, x):
            return functional.avg_pool2d(x, 2) if self.downsample else x

        def forward(self, x):
            h = self.pool(self.c2(functional.relu(self.c1(x if self.first else functional.relu(x)))))
            if self.first:
                return h + self.c_sc(self.pool(x))
            return h + (self.pool(self.c_sc(x)) if self.learnable else x)

    class ResNetDiscriminator48(nn.Module):
        """That of 48 x 48: its last layer has the number of its last block."""

        def __init__(self, ndf) -> None:
            super().__init__()
            self.block1 = DBlock(OwnConv, 3, ndf >> 2, True, first=True)
            self.block2 = DBlock(OwnConv, ndf >> 2, ndf >> 1, True)
            self.block3 = DBlock(OwnConv, ndf >> 1, ndf, False)
            self.l3 = OwnLinear(ndf, 1)

        def forward(self, x, y):
            h = self.block3(self.block2(self.block1(x)))
            return self.l3(functional.relu(h).sum((2, 3))).view(-1)

    class ProjectionDiscriminator(nn.Module):
        def __init__(self, ndf) -> None:
            super().__init__()
            self.block1 = DBlock(torch_conv, 3, ndf, True, first=True)
            self.block2 = DBlock(torch_conv, ndf, ndf, True)
            self.block3 = DBlock(torch_conv, ndf, ndf, False)
            self.l4 = spectral_norm(nn.Linear(ndf, 1))
            self.l_y = spectral_norm(nn.Embedding(CLASSES, ndf))

        def forward(self, x, y):
            h = functional.relu(self.block3(self.block2(self.block1(x)))).sum((2, 3))
            return (self.l4(h) + (self.l_y(y) * h).sum(1, keepdim=True)).view(-1)

    # --- R3GAN: R3GAN/Networks.py, within training/networks.py ---

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

    return {
        "dcgan_generator": NetG(5, 4),
        "dcgan_discriminator": NetD(4),
        "biggan_generator": BigG(12, (16, 8, 8), attention=(0,), shared_dim=6, hier=True),
        "biggan_unshared": BigG(6, (8, 8, 8), attention=(), shared_dim=0, hier=False, sn=False),
        "biggan_discriminator": BigD((8, 8, 16), attention=(0,)),
        "mimicry_generator": ResNetGenerator(6, 16, 3),
        "mimicry_conditional": ResNetGenerator(6, 16, 4, classes=True),
        "mimicry_discriminator": ResNetDiscriminator48(16),
        "mimicry_projection": ProjectionDiscriminator(8),
        "r3gan_generator": Wrapped(R3G(5, (12, 8, 8), (4, 2, 4), 2, 2, 6)),
        "r3gan_discriminator": Wrapped(R3D((8, 8, 12), (4, 2, 4), 2, 2, 10)),
    }


if __name__ == "__main__":
    main()
