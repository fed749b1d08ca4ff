"""AlexNet in the variant of Krizhevsky 2014 (https://arxiv.org/abs/1404.5997), which LPIPS takes: convolutions only.

As in torchvision, whose weights it has
(https://github.com/pytorch/vision/blob/main/torchvision/models/alexnet.py).
"""

from __future__ import annotations

from jgan.backbones.torchvision import Convolution, Layers, MaxPool

ALEXNET: Layers = (
    Convolution("conv1", 64, kernel=11, stride=4, padding=2),
    MaxPool(3),
    Convolution("conv2", 192, kernel=5, padding=2),
    MaxPool(3),
    Convolution("conv3", 384),
    Convolution("conv4", 256),
    Convolution("conv5", 256),
)
URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
