"""Whose file it is: formats of published networks, and finding the network among what else a file holds.

People save networks in many wrappings: {"state_dict": ...}, {"netG": ..., "netD": ..., "optimizer": ...}, whole
training states with an average beside the last weights, with names that begin with what they were called in somebody's
class, and with what DataParallel or torch.compile put in between. A format knows its networks by the names of their
tensors; all that stands before these names is found, taken off and said.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jgan.types import PyTree, UserError

Tensors = Mapping[str, np.ndarray]
Reader = Callable[[Tensors, PyTree, str], PyTree]  # (tensors, shapes, source) to Flax variables
Fields = dict[str, Any]

ENDS = (".", "/")  # of what stands before names: PyTorch's, TensorFlow's
# Put between names by PyTorch's DataParallel, torch.compile, FSDP and activation checkpointing.
_INSERTED = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
_AVERAGE = re.compile(r"(^|[._])(ema|avg|averaged?|shadow)([._]|$)", re.IGNORECASE)
_COUNTER = "num_batches_tracked"


@dataclasses.dataclass(frozen=True)
class OneOf:
    """What a field may be where the tensors do not say which: those that have none of their own look alike."""

    values: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Format:
    """The files of one code base for one network.

    `fields` says what numbers a network with these tensors has, by their names in the config: those of the network
    itself ("channels"), and with a dot those of anything ("game.latent_dim"). `always` are the fields that no tensor
    shows, since the code base knows them.
    """

    title: str  # of the network, with its code base
    landmarks: tuple[str, ...]  # ends of names, of which every file of it has at least one
    matches: Callable[[Tensors], bool]  # whether tensors, by names without what stands before them, are of it
    fields: Callable[[Tensors], Fields]
    read: Reader
    always: Fields = dataclasses.field(default_factory=dict)
    clean: Callable[[Tensors], Tensors] = lambda tensors: tensors  # names as the newest files have them
    beside: tuple[str, ...] = ()  # tensors of the network that stand beside it in the file


@dataclasses.dataclass(frozen=True)
class Found:
    """A network in a file."""

    format: Format
    tensors: Tensors  # by names without what stood before them
    prefix: str  # what stood there
    taken_off: tuple[str, ...]  # what else was between the names
    left_out: Mapping[str, int]  # how many tensors are elsewhere in the file, by the first part of their names

    def said(self) -> str:
        """One sentence of what was read."""
        text = f"{self.format.title}, {len(self.tensors)} tensors"
        if self.prefix:
            text += f" under {self.prefix!r}"
        if self.taken_off:
            text += f", without {', '.join(map(repr, self.taken_off))} in their names"
        if self.left_out:
            text += f"; left out: {', '.join(f'{name} ({count})' for name, count in self.left_out.items())}"
        return text


class SeveralError(UserError):
    """A file holds several networks of the kind, and nothing says which."""


def find(tensors: Tensors, formats: Sequence[Format], source: str, part: str = "") -> Found:
    """The one network of these formats in a file's tensors; `part` is what its names begin with, where it is told.

    Of an average and the last weights it is the average. `source` names the file in errors.

    Raises:
      UserError: there is none, or, a SeveralError, there are several and `part` does not say which.
    """
    plain, taken_off = _without_inserted(tensors)
    found = []
    for format_ in formats:
        for prefix in _prefixes(plain, format_.landmarks):
            if part and not prefix.startswith(tuple(f"{part.strip('./')}{end}" for end in ENDS)):
                continue
            inside = {name: plain[name] for name in format_.beside if name in plain}
            inside |= {name.removeprefix(prefix): array for name, array in plain.items() if name.startswith(prefix)}
            inside = dict(format_.clean(without_counters(inside)))
            if format_.matches(inside):
                rest = [name for name in plain if not name.startswith(prefix) and name not in format_.beside]
                left_out = Counter(re.split("[./]", name)[0] for name in rest)
                found.append(Found(format_, inside, prefix, taken_off, dict(left_out)))
    averages = [one for one in found if _AVERAGE.search(one.prefix)]
    chosen = averages if len(averages) == 1 else found
    if len(chosen) > 1:
        names = ", ".join(repr(one.prefix) for one in chosen)
        raise SeveralError(f"{source}: holds several such networks, under {names}; say which with --part")
    if not chosen:
        titles = " or ".join(dict.fromkeys(format_.title for format_ in formats))
        where = f" under {part!r}" if part else ""
        raise UserError(f"{source}: expected {titles}{where}; its tensors are {some(sorted(plain))}")
    return chosen[0]


def some(names: Sequence[str]) -> str:
    """The first of them, and how many more."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "none"


def _prefixes(tensors: Tensors, landmarks: tuple[str, ...]) -> list[str]:
    """What stands before a landmark, wherever a name ends in one."""
    ends = [name.removesuffix(mark) for name in tensors for mark in landmarks if name.endswith(mark)]
    return sorted({prefix for prefix in ends if not prefix or prefix.endswith(ENDS)})


def _without_inserted(tensors: Tensors) -> tuple[Tensors, tuple[str, ...]]:
    """Names without what wrappers of modules put between them, where they stay apart; and what that was."""
    names, met = {}, Counter()
    for name in tensors:
        parts = name.split(".")
        met.update(part for part in parts if part in _INSERTED)
        names[name] = ".".join(part for part in parts if part not in _INSERTED)
    if not met or len(set(names.values())) < len(names):
        return tensors, ()
    return {names[name]: array for name, array in tensors.items()}, tuple(met)


def without_counters(tensors: Tensors) -> Tensors:
    """All but the numbers of batches that PyTorch's norms count and only some of its versions save."""
    return {name: array for name, array in tensors.items() if name.rpartition(".")[2] != _COUNTER}
