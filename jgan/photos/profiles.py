"""Colour profiles (ICC.1:2022, https://www.color.org): what colours they are of, and how a PNG holds one."""

from __future__ import annotations

import struct
import zlib

SPACES = {1: "GRAY", 3: "RGB", 4: "RGB"}  # by a PNG's channels, of which the fourth is transparency
SPACE, MAGIC = slice(16, 20), slice(36, 40)  # of a profile's header, ICC.1:2022, section 7.2
SIGNATURE_AND_IHDR = 8 + 25  # bytes, with which every PNG begins


def profile_space(profile: bytes) -> str:
    """The colours that a profile is of, such as "RGB", "GRAY" or "CMYK"; "unknown" where it is none."""
    if profile[MAGIC] != b"acsp":
        return "unknown"
    return profile[SPACE].decode("ascii", "replace").strip()


def with_profile(png: bytes, profile: bytes) -> bytes:
    """A PNG, which has none, with a profile: https://www.w3.org/TR/png-3/#11iCCP, before all chunks but the first."""
    content = b"iCCP" + b"ICC profile\0" + b"\0" + zlib.compress(profile)  # its name, and the one method there is
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return png[:SIGNATURE_AND_IHDR] + chunk + png[SIGNATURE_AND_IHDR:]
