"""Reads the body of an HTTP response with limits on its size.

The size is limited both on the wire and decoded, and decoding is done in small steps: otherwise a few
kilobytes of compressed zeros would become gigabytes before they could be counted.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

LARGEST_BODY = 64 * 2**20
"""Bytes, on the wire and decoded; ten times the list of users of a very large company."""

LARGE_BODY = 2**20
"""Bytes from which a body must wait for its turn; a response about one subject is far smaller."""

ACCEPTED = "gzip"
"""The accepted encoding; a body in another encoding, or encoded twice, is refused."""

_STEP = 2**20  # bytes that are decoded per step


class TooLargeError(httpx.StreamError):
    """The body exceeds its limit."""


class EncodedError(httpx.StreamError):
    """The body has an encoding that was not accepted."""

    def __init__(self) -> None:
        super().__init__("the answer is compressed more than once, or in a way that was not asked for")


class LargeBodies:
    """Allows one large body in memory at a time; other large bodies wait, small ones do not."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    def share(self) -> Share:
        """Return the share of one call."""
        return Share(self._turn)


class Share:
    """The share of one call in the memory for large bodies, until it is released."""

    def __init__(self, turn: asyncio.Lock) -> None:
        self._turn = turn
        self.is_large = False

    async def grow(self, size: int, deadline: asyncio.Timeout) -> None:
        """Wait for a body that has become large; the wait does not count against `deadline`."""
        if size <= LARGE_BODY or self.is_large:
            return
        if self._turn.locked():
            now, until = asyncio.get_running_loop().time, deadline.when()
            left = None if until is None else until - now()
            deadline.reschedule(None)
            await self._turn.acquire()
            self.is_large = True
            deadline.reschedule(None if left is None else now() + left)
        else:
            await self._turn.acquire()
            self.is_large = True

    def release(self) -> None:
        """Allow the next large body."""
        if self.is_large:
            self.is_large = False
            self._turn.release()


async def receive(
    response: httpx.Response,
    largest: int = LARGEST_BODY,
    on_growth: Callable[[int], Awaitable[None]] | None = None,
) -> bytes:
    """Return the body of a response whose head was received.

    Args:
        response: opened as a stream.
        largest: bytes that the body may have, on the wire and decoded.
        on_growth: called with the size so far, before more is read.

    Raises:
        EncodedError: if its encoding was not accepted.
        TooLargeError: if it is larger than `largest`.
        httpx.HTTPError: if it ends too early, or cannot be decoded.
    """
    body = bytearray()
    async for part in _parts(response, largest):
        body += part
        if len(body) > largest:
            raise _too_large(largest)
        if on_growth is not None:
            await on_growth(len(body))
    return bytes(body)


async def receive_beginning(response: httpx.Response, size: int) -> bytes:
    """Return the first bytes of a body without reading the rest; empty if it cannot be decoded."""
    body = b""
    try:
        async for part in _parts(response, LARGEST_BODY):
            body += part[:size]
            if len(body) >= size:
                break
    except (EncodedError, TooLargeError):
        return b""
    return body[:size]


async def _parts(response: httpx.Response, largest: int) -> AsyncIterator[bytes]:
    """Yield the decoded body in small parts."""
    decoder = _decoder(response.headers.get_list("content-encoding", split_commas=True))
    received = 0
    async for piece in response.aiter_raw():
        received += len(piece)
        if received > largest:
            raise _too_large(largest)
        if decoder is None:
            yield piece
            continue
        while piece and not decoder.eof:
            try:
                part = decoder.decompress(piece, _STEP)
            except zlib.error:
                raise httpx.DecodingError("the body is not gzip") from None
            yield part
            piece = decoder.unconsumed_tail
    if decoder is not None and received and not decoder.eof:
        raise httpx.DecodingError("the body ends too early")


def _decoder(encodings: list[str]) -> zlib._Decompress | None:
    """Return the decoder of a body; None if it is not encoded."""
    used = [name for encoding in encodings if (name := encoding.strip().lower()) not in ("", "identity")]
    if not used:
        return None
    if used != [ACCEPTED]:
        raise EncodedError
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def _too_large(largest: int) -> TooLargeError:
    return TooLargeError(f"the answer is larger than {largest // 2**20} MiB")
