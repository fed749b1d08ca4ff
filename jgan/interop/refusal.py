"""Why a file of weights is not read, and the checks that all formats share."""

from __future__ import annotations

import contextlib
import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator

CODE = (
    "networks pickled with their code, which jgan never runs; make state dicts of them (.pth) where PyTorch is: "
    "docs/published-weights.md has the script"
)


class RefusedError(ValueError):
    """Why a file is not read; `read_weights` puts the file's name before it."""


# What zipfile raises on archives that are damaged, cut short (EOFError), encrypted (RuntimeError) or compressed in a
# way that it does not know (NotImplementedError).
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError)
ZIP_ERRORS += (RuntimeError, ValueError)


@contextlib.contextmanager
def refusing(what: str) -> Iterator[None]:
    """Names what numpy could not make (too many axes, an axis beyond 2**63, a header that is no Python literal)."""
    try:
        yield
    except (TypeError, ValueError, OverflowError, MemoryError, SyntaxError, tokenize.TokenError) as error:
        raise RefusedError(f"{what} cannot be made ({error})") from None


def check_sizes(archive: zipfile.ZipFile, limit: int) -> None:
    """Refuses members that add up to more, by compression or by sharing bytes."""
    total = sum(member.file_size for member in archive.infolist())
    if total > limit:
        raise RefusedError(f"its members unpack to {total:,} bytes; expected {limit:,} at most: save it uncompressed")
