"""Packed bytes, unpacked up to a stated limit: a few megabytes may hold any number of zeros."""

from __future__ import annotations

import zlib

ALWAYS = 2**26  # 64 MiB, that any file may unpack to
EXPANSION = 32  # times a file's own size, that it may unpack to beyond these


def most_unpacked(size: int) -> int:
    """What a file of so many bytes may unpack to. Larger data are stored without compression."""
    return ALWAYS + EXPANSION * size


def gunzip(data: bytes) -> bytes:
    """The content of a gzip file. Raises ValueError where it is damaged, cut short or larger than `most_unpacked`."""
    most = most_unpacked(len(data))
    unpacked = bytearray()
    while data:  # a gzip file may have several members, one behind the other
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            unpacked += member.decompress(data, most + 1 - len(unpacked))
        except zlib.error as error:
            raise ValueError(str(error)) from None
        if len(unpacked) > most:
            raise ValueError(f"unpacks to more than {most:,} bytes, {EXPANSION} times its size and 64 MiB; unpack it")
        if not member.eof:
            raise ValueError("it is cut short")
        data = member.unused_data.lstrip(b"\0")  # which may fill a block up
    return bytes(unpacked)
