"""Captions as word ids: the words of the training captions, and the length that all are padded to."""

from __future__ import annotations

import dataclasses
import functools
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np

from jgan.types import UserError, did_you_mean

PADDING = 0  # the id after a caption's last word; word i of the vocabulary has the id i + 1
MAX_WORDS = 128  # of a caption
WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")  # u2019: the typographic apostrophe


def split_words(text: str) -> list[str]:
    """The lower-cased words of a text; punctuation separates them, but for one - or ' within a word.

    Letters are composed with their accents first, which would end a word.
    """
    return WORD.findall(unicodedata.normalize("NFC", text).lower())


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The words that a run knows, sorted, and the words of its longest caption."""

    words: tuple[str, ...]
    length: int

    def encode(self, text: str, place: str) -> np.ndarray:
        """The ids of a caption's words, int32 [length], in [0, len(words)].

        Raises:
          UserError: it has no word, a word that no training caption has, or more words than the longest of them.
        """
        found = split_words(text)
        if not found:
            raise UserError(f"{place}: {text!r} has no word; expected a caption such as 'a thin seven'")
        if len(found) > self.length:
            raise UserError(
                f"{place}: {len(found)} words, {self.length} in the longest training caption; shorten it: {text!r}"
            )
        for word in found:
            if word not in self._ids:
                raise UserError(f"{place}: no training caption has the word {word!r}{did_you_mean(word, self.words)}")
        padding = [PADDING] * (self.length - len(found))
        return np.array([self._ids[word] for word in found] + padding, np.int32)

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {word: number + 1 for number, word in enumerate(self.words)}

    def to_data(self) -> dict[str, Any]:
        """As JSON, so that a run can be sampled without its data."""
        return {"words": list(self.words), "length": self.length}


def vocabulary_of(texts: Iterable[str]) -> Vocabulary:
    """Every word of some captions, each of one word at least."""
    split = [split_words(text) for text in texts]
    return Vocabulary(tuple(sorted({word for words in split for word in words})), max(map(len, split)))


def from_data(data: dict[str, Any]) -> Vocabulary:
    """The inverse of `to_data`."""
    return Vocabulary(tuple(data["words"]), data["length"])
