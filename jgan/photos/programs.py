"""Compiled programs for images of many sizes: jax keeps each for as long as the process lives.

On CPU one takes hundreds of memory mappings (a U-Net of 5 halvings: 650), of which a Linux process has 65,530 by
default, and jaxlib ends in a segmentation fault, not an error, when they run out.
"""

from __future__ import annotations

import jax

KEPT = 32  # sizes whose programs stay; one that comes again later is read from the cache of `command`


class Sizes:
    """The sizes that have been met."""

    def __init__(self) -> None:
        self._met: set[tuple[int, ...]] = set()

    def meet(self, size: tuple[int, ...]) -> None:
        """To be called before images of a size are computed with: drops all programs where there would be too many."""
        if size not in self._met and len(self._met) == KEPT:
            jax.clear_caches()
            self._met.clear()
        self._met.add(size)
