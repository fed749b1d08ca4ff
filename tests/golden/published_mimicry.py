"""SNGAN and cGAN-PD of https://github.com/kwotsin/mimicry: modules/resblocks.py, nets/sngan and nets/cgan_pd."""

from __future__ import annotations

import torch
from published_biggan import SN
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

CLASSES = 3


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


NETWORKS = {
    "mimicry_generator": ResNetGenerator(6, 16, 3),
    "mimicry_conditional": ResNetGenerator(6, 16, 4, classes=True),
    "mimicry_discriminator": ResNetDiscriminator48(16),
    "mimicry_projection": ProjectionDiscriminator(8),
}
