"""Writes image_networks.json: numbers of small PyTorch networks that turn images into images, or judge them.

    python tests/golden/image_networks.py

Those of https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix (models/networks.py), of
https://github.com/XPixelGroup/BasicSR (basicsr/archs) and of the SRGAN paper, written anew in modules whose state dicts
have the official names, and run in float64. The file keeps the names and shapes of each state dict; `draw` makes the
weights from them, and the tests draw the same ones. Names of SRGAN's own networks, which nobody published, are ours.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SHARE = 23  # of the numbers that a network makes, one in so many is kept, and at most MOST
MOST = 150
BATCH = 2
CASES = {  # the shapes of what each network takes, NHWC
    "unet": [(64, 64, 2)],
    "unet_instance": [(32, 32, 3)],
    "resnet": [(16, 20, 2)],
    "resnet_dropout": [(16, 16, 3)],
    "patch": [(32, 40, 3), (32, 40, 2)],  # inputs, then images
    "patch_instance": [(32, 32, 3)],
    "patch_16": [(16, 16, 3)],
    "pixel": [(8, 8, 3), (8, 8, 3)],
    "srresnet": [(6, 5, 3)],
    "srgan_discriminator": [(32, 32, 3)],
    "msrresnet_x4": [(6, 5, 3)],
    "msrresnet_x3": [(6, 5, 3)],
    "rrdb": [(6, 5, 3)],
    "rrdb_x2": [(8, 6, 3)],
    "compact": [(6, 5, 3)],
    "vgg_discriminator": [(128, 128, 3)],
    "unet_discriminator": [(16, 24, 3)],
}


def draw(shapes: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """Weights of a state dict, float32, each from a generator seeded by its name."""
    weights = {}
    for name, shape in shapes.items():
        normal = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        kind = name.rpartition(".")[2]
        if kind == "num_batches_tracked":
            weights[name] = np.zeros((), np.int64)
            continue
        if kind == "running_var":
            array = np.exp(0.1 * normal)
        elif kind in ("bias", "running_mean"):
            array = 0.1 * normal
        elif len(shape) == 1:
            array = 0.5 + 0.2 * normal  # scales of norms, slopes
        else:
            array = normal * np.prod(shape[1:]) ** -0.5
        if kind in ("weight_u", "weight_v"):
            array = array / np.linalg.norm(array)
        weights[name] = array.astype(np.float32)
    return weights


def draw_inputs(case: str) -> list[np.ndarray]:
    """Images [n, h, w, c] in [-1, 1], float32."""
    random = np.random.default_rng(len(case))
    return [random.uniform(-1, 1, (BATCH, *shape)).astype(np.float32) for shape in CASES[case]]


def part(numbers: np.ndarray) -> list[float]:
    """Those that are kept."""
    return [round(float(number), 8) for number in np.ravel(numbers)[::SHARE][:MOST]]


def modules() -> dict[str, Any]:
    """The networks by case, from [n, c, h, w] to the like or to logits."""
    import torch
    from torch import nn
    from torch.nn import functional

    def instance(width: int) -> nn.Module:
        return nn.InstanceNorm2d(width, affine=False, track_running_stats=True)  # as in old files

    class Skip(nn.Module):
        def __init__(self, layers: list[nn.Module], joined: bool) -> None:
            super().__init__()
            self.model, self.joined = nn.Sequential(*layers), joined

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x, self.model(x)], 1) if self.joined else self.model(x)

    class Named(nn.Module):
        """Layers under one name."""

        def __init__(self, name: str, inside: nn.Module) -> None:
            super().__init__()
            self.only = name
            self.add_module(name, inside)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return getattr(self, self.only)(x)

    def unet(norm: Any, downs: int, width: int, channels: int, dropout: bool) -> nn.Module:
        bias, inner = norm is instance, None
        for level in range(downs, 0, -1):
            own = width * min(2 ** (level - 1), 8)
            outer = width * min(2 ** (level - 2), 8) if level > 1 else 3
            source = outer if level > 1 else channels
            down = nn.Conv2d(source, own, 4, 2, 1, bias=bias)
            up = nn.ConvTranspose2d(own * (1 if inner is None else 2), outer, 4, 2, 1, bias=bias or level == 1)
            if level == 1:
                layers = [down, inner, nn.ReLU(), up, nn.Tanh()]
            elif inner is None:
                layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, norm(outer)]
            else:
                layers = [nn.LeakyReLU(0.2), down, norm(own), inner, nn.ReLU(), up, norm(outer)]
                layers += [nn.Dropout(0.0)] if dropout and level >= 5 else []
            inner = Skip(layers, level > 1)
        return Named("model", inner)

    class Residual(nn.Module):
        def __init__(self, width: int, norm: Any, dropout: bool) -> None:
            super().__init__()
            bias = norm is instance
            layers = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), norm(width), nn.ReLU()]
            layers += [nn.Dropout(0.0)] if dropout else []
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), norm(width)]
            self.conv_block = nn.Sequential(*layers)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.conv_block(x)

    def resnet(norm: Any, blocks: int, width: int, channels: int, dropout: bool) -> nn.Module:
        bias = norm is instance
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7, bias=bias), norm(width), nn.ReLU()]
        for wide in (width, 2 * width):
            layers += [nn.Conv2d(wide, 2 * wide, 3, 2, 1, bias=bias), norm(2 * wide), nn.ReLU()]
        layers += [Residual(4 * width, norm, dropout) for _ in range(blocks)]
        for wide in (4 * width, 2 * width):
            layers.append(nn.ConvTranspose2d(wide, wide // 2, 3, 2, 1, output_padding=1, bias=bias))
            layers += [norm(wide // 2), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
        return Named("model", nn.Sequential(*layers))

    def patches(norm: Any, halvings: int, width: int, channels: int) -> nn.Module:
        bias, layers = norm is instance, [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for level in range(1, halvings + 1):
            before, after = (width * min(2 ** (level - ago), 8) for ago in (1, 0))
            stride = 2 if level < halvings else 1
            layers += [nn.Conv2d(before, after, 4, stride, 1, bias=bias), norm(after), nn.LeakyReLU(0.2)]
        return Named("model", nn.Sequential(*layers, nn.Conv2d(width * min(2**halvings, 8), 1, 4, 1, 1)))

    def pixel(width: int, channels: int) -> nn.Module:
        layers = [nn.Conv2d(channels, width, 1), nn.LeakyReLU(0.2), nn.Conv2d(width, 2 * width, 1, bias=False)]
        layers += [nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2), nn.Conv2d(2 * width, 1, 1, bias=False)]
        return Named("net", nn.Sequential(*layers))

    def three(before: int, after: int) -> nn.Module:
        return nn.Conv2d(before, after, 3, 1, 1)

    class Paper(nn.Module):
        """SRResNet of Figure 4, with the names of ours."""

        def __init__(self, width: int, blocks: int, shuffles: Sequence[int]) -> None:
            super().__init__()

            def conv_norm() -> nn.ModuleDict:
                return nn.ModuleDict({"conv": three(width, width), "norm": nn.BatchNorm2d(width)})

            self.shuffles, self.blocks = shuffles, blocks
            self.from_image, self.prelu = nn.Conv2d(3, width, 9, 1, 4), nn.PReLU()
            for index in range(blocks):
                block = {"first": conv_norm(), "prelu": nn.PReLU(), "second": conv_norm()}
                self.add_module(f"blocks_{index}", nn.ModuleDict(block))
            self.after_blocks = conv_norm()
            for index, times in enumerate(shuffles, 1):
                self.add_module(f"up_{index}", three(width, width * times**2))
                self.add_module(f"prelu_{index}", nn.PReLU())
            self.to_image = nn.Conv2d(width, 3, 9, 1, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            def run(layer: Any, x: torch.Tensor) -> torch.Tensor:
                return layer["norm"](layer["conv"](x))

            first = x = self.prelu(self.from_image(x))
            for index in range(self.blocks):
                block = getattr(self, f"blocks_{index}")
                x = x + run(block["second"], block["prelu"](run(block["first"], x)))
            x = first + run(self.after_blocks, x)
            for index, times in enumerate(self.shuffles, 1):
                x = functional.pixel_shuffle(getattr(self, f"up_{index}")(x), times)
                x = getattr(self, f"prelu_{index}")(x)
            return self.to_image(x)

    class PaperDiscriminator(nn.Module):
        """SRGAN's, with the names of ours."""

        def __init__(self, width: int, hidden: int, size: int) -> None:
            super().__init__()
            before = 3
            for index, multiple in enumerate((1, 1, 2, 2, 4, 4, 8, 8)):
                after = multiple * width
                layers = {"conv": nn.Conv2d(before, after, 3, 1 + index % 2, 1, bias=index == 0)}
                if index:
                    layers["norm"] = nn.BatchNorm2d(after)
                self.add_module(f"block_{index + 1}", nn.ModuleDict(layers))
                before = after
            self.dense, self.to_logit = nn.Linear(before * (size // 16) ** 2, hidden), nn.Linear(hidden, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for index in range(1, 9):
                for layer in getattr(self, f"block_{index}").values():
                    x = layer(x)
                x = functional.leaky_relu(x, 0.2)
            x = x.permute(0, 2, 3, 1).flatten(1)  # ours
            return self.to_logit(functional.leaky_relu(self.dense(x), 0.2))[:, 0]

    class Plain(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.conv1, self.conv2 = three(width, width), three(width, width)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.conv2(functional.relu(self.conv1(x)))

    class MSRResNet(nn.Module):
        def __init__(self, width: int, blocks: int, shuffles: Sequence[int]) -> None:
            super().__init__()
            self.shuffles, self.conv_first = shuffles, three(3, width)
            self.body = nn.Sequential(*(Plain(width) for _ in range(blocks)))
            for index, times in enumerate(shuffles, 1):
                self.add_module(f"upconv{index}", three(width, width * times**2))
            self.conv_hr, self.conv_last = three(width, width), three(width, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            x, scale = self.body(functional.leaky_relu(self.conv_first(images), 0.1)), int(np.prod(self.shuffles))
            for index, times in enumerate(self.shuffles, 1):
                x = functional.leaky_relu(functional.pixel_shuffle(getattr(self, f"upconv{index}")(x), times), 0.1)
            x = self.conv_last(functional.leaky_relu(self.conv_hr(x), 0.1))
            return x + functional.interpolate(images, scale_factor=scale, mode="bilinear", align_corners=False)

    class Dense(nn.Module):
        def __init__(self, width: int, growth: int) -> None:
            super().__init__()
            for index in range(5):
                after = growth if index < 4 else width
                self.add_module(f"conv{index + 1}", three(width + index * growth, after))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen = [x]
            for index in range(1, 5):
                seen.append(functional.leaky_relu(getattr(self, f"conv{index}")(torch.cat(seen, 1)), 0.2))
            return x + 0.2 * self.conv5(torch.cat(seen, 1))

    class Three(nn.Module):
        def __init__(self, width: int, growth: int) -> None:
            super().__init__()
            self.rdb1, self.rdb2, self.rdb3 = (Dense(width, growth) for _ in range(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))

    class RRDB(nn.Module):
        def __init__(self, width: int, blocks: int, growth: int, unshuffle: int) -> None:
            super().__init__()
            self.unshuffle, self.conv_first = unshuffle, three(3 * unshuffle**2, width)
            self.body = nn.Sequential(*(Three(width, growth) for _ in range(blocks)))
            self.conv_body, self.conv_up1, self.conv_up2 = (three(width, width) for _ in range(3))
            self.conv_hr, self.conv_last = three(width, width), three(width, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv_first(functional.pixel_unshuffle(x, self.unshuffle))
            x = x + self.conv_body(self.body(x))
            for layer in (self.conv_up1, self.conv_up2):
                x = functional.leaky_relu(layer(functional.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
            return self.conv_last(functional.leaky_relu(self.conv_hr(x), 0.2))

    class Compact(nn.Module):
        def __init__(self, width: int, convolutions: int, scale: int) -> None:
            super().__init__()
            layers, before, self.scale = [], 3, scale
            for _ in range(convolutions + 1):
                layers += [three(before, width), nn.PReLU(width)]
                before = width
            self.body = nn.ModuleList([*layers, three(width, 3 * scale**2)])

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            x = images
            for layer in self.body:
                x = layer(x)
            nearest = functional.interpolate(images, scale_factor=self.scale, mode="nearest")
            return nearest + functional.pixel_shuffle(x, self.scale)

    class VGG(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            before = 3
            for level in range(5):
                after = width * min(2**level, 8)
                self.add_module(f"conv{level}_0", nn.Conv2d(before, after, 3, 1, 1, bias=level == 0))
                if level:
                    self.add_module(f"bn{level}_0", nn.BatchNorm2d(after))
                self.add_module(f"conv{level}_1", nn.Conv2d(after, after, 4, 2, 1, bias=False))
                self.add_module(f"bn{level}_1", nn.BatchNorm2d(after))
                before = after
            self.linear1, self.linear2 = nn.Linear(before * 16, 100), nn.Linear(100, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for level in range(5):
                for place in range(2):
                    x = getattr(self, f"conv{level}_{place}")(x)
                    x = functional.leaky_relu(getattr(self, f"bn{level}_{place}", nn.Identity())(x), 0.2)
            return self.linear2(functional.leaky_relu(self.linear1(x.flatten(1)), 0.2))[:, 0]

    class UNetJudge(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            norm = nn.utils.spectral_norm
            self.conv0 = three(3, width)
            for index, (before, after) in enumerate([(1, 2), (2, 4), (4, 8)], 1):
                layer = nn.Conv2d(before * width, after * width, 4, 2, 1, bias=False)
                self.add_module(f"conv{index}", norm(layer))
            for index, (before, after) in enumerate([(8, 4), (4, 2), (2, 1), (1, 1), (1, 1)], 4):
                layer = nn.Conv2d(before * width, after * width, 3, 1, 1, bias=False)
                self.add_module(f"conv{index}", norm(layer))
            self.conv9 = three(width, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            def run(index: int, x: torch.Tensor) -> torch.Tensor:
                return functional.leaky_relu(getattr(self, f"conv{index}")(x), 0.2)

            levels = [run(0, x)]
            for index in (1, 2, 3):
                levels.append(run(index, levels[-1]))
            x = levels.pop()
            for index in (4, 5, 6):
                x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
                x = run(index, x) + levels.pop()
            return self.conv9(run(8, run(7, x)))[:, 0]

    return {
        "unet": unet(nn.BatchNorm2d, 6, 3, 2, dropout=True),
        "unet_instance": unet(instance, 5, 3, 3, dropout=False),
        "resnet": resnet(instance, 2, 4, 2, dropout=False),
        "resnet_dropout": resnet(nn.BatchNorm2d, 2, 4, 3, dropout=True),
        "patch": patches(nn.BatchNorm2d, 3, 4, 5),
        "patch_instance": patches(instance, 3, 4, 3),
        "patch_16": patches(nn.BatchNorm2d, 1, 4, 3),
        "pixel": pixel(4, 6),
        "srresnet": Paper(6, 2, (2, 2)),
        "srgan_discriminator": PaperDiscriminator(4, 10, 32),
        "msrresnet_x4": MSRResNet(6, 2, (2, 2)),
        "msrresnet_x3": MSRResNet(6, 2, (3,)),
        "rrdb": RRDB(6, 2, 4, 1),
        "rrdb_x2": RRDB(6, 2, 4, 2),
        "compact": Compact(6, 3, 4),
        "vgg_discriminator": VGG(3),
        "unet_discriminator": UNetJudge(4),
    }


IN_UNITS = ("msrresnet", "rrdb", "compact", "vgg", "unet_discriminator")  # their images are in [0, 1]


def run(case: str, module: Any, train: bool) -> np.ndarray:
    """Images NHWC in about [-1, 1], or logits, of a module with the weights that `draw` gives it."""
    import torch

    shapes = {name: tuple(array.shape) for name, array in module.state_dict().items()}
    module.load_state_dict({name: torch.from_numpy(array) for name, array in draw(shapes).items()})
    module.double().train(train)
    inputs = np.concatenate(draw_inputs(case), axis=-1).transpose(0, 3, 1, 2)
    x = torch.from_numpy(inputs).double()
    x = x / 2 + 0.5 if case.startswith(IN_UNITS) else x
    with torch.no_grad():
        made = module(x)
    if made.shape[1:2] == (3,):
        made = made.permute(0, 2, 3, 1)
        made = 2 * made - 1 if case.startswith(IN_UNITS) else made
    elif made.ndim == 4:
        made = made[:, 0]
    return made.numpy()


def main() -> None:
    """Runs all networks with batch statistics, and those that have running ones with these."""
    import torch

    numbers: dict[str, Any] = {"torch": torch.__version__}
    for case, module in modules().items():
        shapes = {name: list(array.shape) for name, array in module.state_dict().items()}
        numbers[case] = {"shapes": shapes, "train": part(run(case, module, True))}
        running = [name.rpartition(".")[0] for name in shapes if name.endswith("running_mean")]
        if running and all(f"{norm}.weight" in shapes for norm in running):  # instance norms have no other mode
            numbers[case]["eval"] = part(run(case, module, False))
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in numbers.items())
    Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
