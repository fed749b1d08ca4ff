"""Writes captions.json: what PyTorch's GRU makes of captions, which test_text.py holds our encoder against.

    python tests/golden/captions.py

The mean over a caption's words of what a bidirectional torch.nn.GRU says there. `draw` makes the weights, and the test
draws the same ones.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

UNITS, VOCABULARY = 5, 3
WORDS = np.array([[3, 1, 2, 0], [2, 0, 0, 0], [1, 1, 3, 2], [2, 0, 0, 0]], np.int32)  # 0: padding


def draw() -> dict[str, np.ndarray]:
    """The embeddings, and the state dict of the GRU, float32, from one seeded generator."""
    random = np.random.default_rng(2014)
    arrays = {"embedding": random.standard_normal((VOCABULARY + 1, UNITS))}
    for suffix in ("", "_reverse"):
        for side in ("ih", "hh"):
            arrays[f"weight_{side}_l0{suffix}"] = UNITS**-0.5 * random.standard_normal((3 * UNITS, UNITS))
            arrays[f"bias_{side}_l0{suffix}"] = 0.3 * random.standard_normal(3 * UNITS)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def main() -> None:
    """Reads the captions, each as long as it is."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    state = {name: torch.from_numpy(array) for name, array in draw().items()}
    embedded = state.pop("embedding")[torch.from_numpy(WORDS).long()]
    reader = torch.nn.GRU(UNITS, UNITS, batch_first=True, bidirectional=True)
    reader.load_state_dict(state)
    lengths = torch.from_numpy((WORDS > 0).sum(axis=1))
    packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
    with torch.no_grad():
        said, _ = pad_packed_sequence(reader(packed)[0], batch_first=True)  # zeros after a caption's end
    numbers = {"torch": torch.__version__, "means": (said.sum(1) / lengths[:, None]).tolist()}
    Path(__file__).with_suffix(".json").write_text(json.dumps(numbers) + "\n")


if __name__ == "__main__":
    main()
