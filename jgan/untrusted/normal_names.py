"""Names of others that look alike are one, whoever wrote them."""

from __future__ import annotations

import unicodedata


def normal(name: str) -> str:
    """The name by which names that look alike are one: Unicode's composed form (NFC). macOS tools write the other."""
    return unicodedata.normalize("NFC", name)
