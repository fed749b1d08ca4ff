"""Makes inception.npz: what torch-fidelity's FID Inception makes of random weights and two small images.

    pip install torch torchvision torch-fidelity
    python tests/golden/inception.py

The weights are drawn by `random_weights` from the names and shapes stored beside the outputs, so that the test draws
the same without torch.
"""

import tempfile
import zlib
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("inception.npz")
NAMES = ("64", "192", "768", "2048", "logits_unbiased", "logits")


def random_weights(shapes):
    """Arrays by name that keep activations near 1 through 48 layers of ReLUs."""
    weights = {}
    for name, shape in shapes.items():
        draw = np.random.default_rng(zlib.crc32(name.encode()))
        if name.endswith("num_batches_tracked"):
            weights[name] = np.zeros(shape, np.int64)
        elif name.endswith(("running_var", "bn.weight")):
            weights[name] = draw.uniform(0.5, 1.5, shape).astype(np.float32)
        elif len(shape) == 1:
            weights[name] = draw.normal(0, 0.1, shape).astype(np.float32)
        else:
            weights[name] = draw.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)
    return weights


def make_images():
    """Two images of 40 x 32, [2, 40, 32, 3] uint8."""
    return np.random.default_rng(0).integers(0, 256, (2, 40, 32, 3), dtype=np.uint8)


def main():
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    # The class wants a file at once; it gets one with the network's own initial weights.
    load = torch.nn.Module.load_state_dict
    torch.nn.Module.load_state_dict = lambda self, state: None
    with tempfile.NamedTemporaryFile() as file:
        torch.save({}, file.name)
        network = FeatureExtractorInceptionV3("inception", list(NAMES), feature_extractor_weights_path=file.name)
    torch.nn.Module.load_state_dict = load
    names_and_shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict({name: torch.tensor(v) for name, v in random_weights(names_and_shapes).items()})
    outputs = network(torch.tensor(make_images().transpose(0, 3, 1, 2)))
    np.savez_compressed(
        FILE,
        names=np.array(list(names_and_shapes)),
        shapes=np.array([",".join(map(str, shape)) for shape in names_and_shapes.values()]),
        **{f"features_{name}": output.numpy() for name, output in zip(NAMES, outputs, strict=True)},
    )


if __name__ == "__main__":
    main()
