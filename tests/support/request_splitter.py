"""Finding the requests in a client's bytes, without changing them."""

from __future__ import annotations

import re

_HTTP = re.compile(rb"[A-Z]{3,10} \S")
_HEAD_END = b"\r\n\r\n"
_MAX_HEAD = 65536


class RequestSplitter:
    """Cut a stream into pieces, and tell of each whether a request begins with it, and with which first line.

    Understands HTTP/1.1 with Content-Length and with chunks, on connections that are kept alive. Bytes of another
    protocol are passed as they come, every read one request.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._body_left = 0
        self._chunked = False

    def feed(self, data: bytes) -> list[tuple[str | None, bytes]]:
        self._buffer += data
        pieces: list[tuple[str | None, bytes]] = []
        while self._buffer:
            piece = self._next()
            if piece is None:
                break
            pieces.append(piece)
        return pieces

    def rest(self) -> bytes:
        """Give what is left at the end of the stream: the beginning of a request."""
        rest, self._buffer = self._buffer, b""
        return rest

    def _next(self) -> tuple[str | None, bytes] | None:
        if self._body_left:
            piece = self._take(min(self._body_left, len(self._buffer)))
            self._body_left -= len(piece)
            return None, piece
        if self._chunked:
            return self._next_chunk()
        return self._next_head()

    def _next_head(self) -> tuple[str | None, bytes] | None:
        end = self._buffer.find(_HEAD_END)
        first_line = self._buffer.partition(b"\r\n")[0].decode("latin-1")
        if not _HTTP.match(self._buffer) or (end < 0 and len(self._buffer) > _MAX_HEAD):
            return first_line, self._take(len(self._buffer))
        if end < 0:
            return None
        head = self._take(end + len(_HEAD_END))
        headers = head.lower()
        if length := re.search(rb"\r\ncontent-length:\s*(\d+)", headers):
            self._body_left = int(length[1])
        self._chunked = re.search(rb"\r\ntransfer-encoding:[^\r]*chunked", headers) is not None
        return first_line, head

    def _next_chunk(self) -> tuple[str | None, bytes] | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return None
        size = int(self._buffer[:end].partition(b";")[0], 16)
        line = self._take(end + 2)
        if size:
            self._body_left = size + 2
        else:
            self._chunked = False
            self._body_left = 2
        return None, line

    def _take(self, count: int) -> bytes:
        piece, self._buffer = self._buffer[:count], self._buffer[count:]
        return piece
