"""Bytes as they come over the wire, unpacked without ever holding more than was allowed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

_GZIP_OR_ZLIB, _BARE_DEFLATE = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS


class TooLarge(Exception):
    """More bytes than allowed, counted after unpacking."""


class Truncated(Exception):
    """The compressed stream ends before its end, or is no such stream."""


def collect_bytes(chunks: Iterable[bytes], encoding: str, limit: int) -> bytes:
    """All of `chunks`, unpacked.

    Arguments:
        encoding: the answer's Content-Encoding: empty, `identity`, `gzip` or `deflate`.
        limit: bytes after unpacking.

    Raises:
        TooLarge, Truncated; ValueError: the encoding is another one.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        unpacked: Iterable[bytes] = chunks
    elif name in ("gzip", "x-gzip", "deflate"):
        unpacked = _inflate(chunks, limit)
    else:
        raise ValueError(name)
    parts, size = [], 0
    for part in unpacked:
        size += len(part)
        if size > limit:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


def _inflate(chunks: Iterable[bytes], limit: int) -> Iterable[bytes]:
    inflater, begun, left = zlib.decompressobj(_GZIP_OR_ZLIB), False, limit + 1
    for chunk in chunks:
        waiting = chunk
        while waiting:
            if inflater.eof:  # another member follows
                inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                part = inflater.decompress(waiting, max(left, 1))
            except zlib.error as error:
                if begun:
                    raise Truncated from error
                inflater = zlib.decompressobj(_BARE_DEFLATE)
                part = _bare(inflater, waiting, left)
            begun = True
            left -= len(part)
            yield part
            if left <= 0:
                raise TooLarge
            waiting = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    if begun and not inflater.eof:
        raise Truncated


def _bare(inflater: zlib._Decompress, data: bytes, left: int) -> bytes:
    try:
        return inflater.decompress(data, max(left, 1))
    except zlib.error as error:
        raise Truncated from error
