"""VGG-16 and VGG-19 (Simonyan and Zisserman 2015, https://arxiv.org/abs/1409.1556, Table 1, columns D and E).

The convolutions only, named by block as in the papers that take losses from them: conv1_1 to conv5_3 and conv5_4, in
torchvision's weights (https://github.com/pytorch/vision/blob/main/torchvision/models/vgg.py).
"""

from __future__ import annotations

from jgan.backbones.torchvision import Convolution, Layers, MaxPool

_CHANNELS = (64, 128, 256, 512, 512)


def _layers(convolutions: tuple[int, ...]) -> Layers:
    """Blocks of so many convolutions, each block ended by a pool."""
    layers: list[Convolution | MaxPool] = []
    for block, (count, channels) in enumerate(zip(convolutions, _CHANNELS, strict=True), start=1):
        layers += [Convolution(f"conv{block}_{index}", channels) for index in range(1, count + 1)]
        layers.append(MaxPool(2))
    return tuple(layers)


VGG16 = _layers((2, 2, 3, 3, 3))
VGG19 = _layers((2, 2, 4, 4, 4))
URLS = {  # where torchvision has the weights from
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
}
