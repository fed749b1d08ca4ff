"""DCGAN of PyTorch's example (https://github.com/pytorch/examples): netG and netD, one list of layers."""

from __future__ import annotations

import torch
from torch import nn


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


NETWORKS = {
    "dcgan_generator": NetG(5, 4),
    "dcgan_discriminator": NetD(4),
}
