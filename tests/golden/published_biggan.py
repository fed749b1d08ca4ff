"""BigGAN of https://github.com/ajbrock/BigGAN-PyTorch: layers.py and BigGAN.py."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

CLASSES = 3


class SN:
    """Its spectral norm: one iteration from u0 at every use, which is stored in training."""

    def register(self, rows: int) -> None:
        self.register_buffer("u0", torch.randn(1, rows))
        self.register_buffer("sv0", torch.ones(1))

    def normal(self):
        matrix = self.weight.view(self.weight.size(0), -1)
        v = functional.normalize(self.u0 @ matrix, eps=1e-12)
        u = functional.normalize(v @ matrix.t(), eps=1e-12)
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


NETWORKS = {
    "biggan_generator": BigG(12, (16, 8, 8), attention=(0,), shared_dim=6, hier=True),
    "biggan_unshared": BigG(6, (8, 8, 8), attention=(), shared_dim=0, hier=False, sn=False),
    "biggan_discriminator": BigD((8, 8, 16), attention=(0,)),
}
