"""TensorStore's own files in a checkpoint: the manifest and the nodes of its tree, whose sums an attacker mends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import fuzz_mutations as mutations
from fuzz_json import EARLIER, Target
from hypothesis import strategies as st

from jgan import config as configs
from jgan.inference.weights import restore_generator

POLYNOMIAL = 0x82F63B78  # of CRC-32C, its bits reversed
LENGTH = slice(4, 12)  # where a file of OCDBT says how long it is; its last 4 bytes are the sum of all before


def _crc32c(data: bytes) -> int:
    rest = 0xFFFFFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (POLYNOMIAL if rest & 1 else 0)
    return rest ^ 0xFFFFFFFF


@st.composite
def _mended(draw: mutations.Draw, data: bytes) -> bytes:
    """A damaged file, mostly with the length and the sum that belong to it."""
    changed = bytearray(draw(mutations.damaged(data)))
    if len(changed) > 16 and draw(st.integers(0, 4)):
        if draw(st.booleans()):
            changed[LENGTH] = len(changed).to_bytes(8, "little")
        changed[-4:] = _crc32c(bytes(changed[:-4])).to_bytes(4, "little")
    return bytes(changed)


def tree_of_a_checkpoint(folder: Path) -> Target:
    """One of its files, in a checkpoint whose checksums are gone, so that nothing else refuses it."""
    run = folder / "run"
    shutil.copytree(EARLIER, run)
    (run / "checkpoints/20/sha256.json").unlink()
    config, state = configs.load(run), run / "checkpoints/20/state"
    paths = sorted(path for path in state.rglob("*") if path.name == "manifest.ocdbt" or path.parent.name == "d")
    whole = {path: path.read_bytes() for path in paths}

    def take(given: tuple[int, bytes]) -> None:
        place, content = given
        paths[place].write_bytes(content)
        try:
            restore_generator(config, run)
        finally:
            paths[place].write_bytes(whole[paths[place]])

    inputs = st.integers(0, len(paths) - 1).flatmap(
        lambda place: st.tuples(st.just(place), _mended(whole[paths[place]]))
    )
    return Target(inputs, take, (str(run / "checkpoints"),))


KINDS: dict[str, Callable[[Path], Target]] = {"checkpoint's tree": tree_of_a_checkpoint}
