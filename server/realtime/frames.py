"""What goes over the wire, encoded once for all who are to have it.

An `Encoded` is one Engine.IO packet (or one text of a plain WebSocket). Whoever sends it asks for the form that their
transport needs; each form is made at the first asking and shared by all recipients.
"""

import base64
import struct
import zlib

TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA

DEFLATE_OVER_BYTES = 1024
"""Smaller payloads gain little by compression and cost as much CPU."""

_COMPRESSED = 0x40
_FINAL = 0x80
_SHORT = 126
_MEDIUM = 1 << 16
_MEDIUM_HEAD = struct.Struct(">BBH").pack
_LONG_HEAD = struct.Struct(">BBQ").pack
_MAX_REASON_BYTES = 123


def frame(opcode: int, payload: bytes, *, compressed: bool = False) -> bytes:
    """Return one unmasked WebSocket frame (RFC 6455 5.2)."""
    first = _FINAL | opcode | (_COMPRESSED if compressed else 0)
    size = len(payload)
    if size < _SHORT:
        return bytes((first, size)) + payload
    if size < _MEDIUM:
        return _MEDIUM_HEAD(first, 126, size) + payload
    return _LONG_HEAD(first, 127, size) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a Close frame; a reason that is too long for it is cut."""
    text = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore").encode()
    return frame(CLOSE, code.to_bytes(2, "big") + text)


def deflate(payload: bytes) -> bytes:
    """Compress one message on its own, so that anyone can read it without what came before (RFC 7692 7.1.1, 7.2.1)."""
    compressor = zlib.compressobj(level=zlib.Z_BEST_SPEED, wbits=-zlib.MAX_WBITS)
    # Ended by a sync flush, whose last four bytes the receiver adds by itself.
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Encoded:
    """One message in the forms in which it can leave. `payload` is the text in UTF-8, or the bytes of a binary one.

    `key`: of a volatile message, what it is about: a newer one with the same key makes it superfluous (`volatile.py`).
    """

    __slots__ = ("_compressed", "_frame", "binary", "key", "payload")

    def __init__(self, payload: bytes, *, binary: bool = False, key: str | None = None) -> None:
        self.payload = payload
        self.binary = binary
        self.key = key
        self._frame: bytes | None = None
        self._compressed: bytes | None = None

    @property
    def frame(self) -> bytes:
        """The WebSocket frame."""
        made = self._frame
        if made is None:
            made = self._frame = frame(BINARY if self.binary else TEXT, self.payload)
        return made

    @property
    def compressed_frame(self) -> bytes:
        """The frame for those who negotiated permessage-deflate; small messages are not compressed."""
        made = self._compressed
        if made is None:
            made = self._compressed = self._compress()
        return made

    @property
    def polled(self) -> bytes:
        """The packet in a polling payload: binary ones as `b` and base64 (Engine.IO 4)."""
        return b"b" + base64.b64encode(self.payload) if self.binary else self.payload

    def _compress(self) -> bytes:
        if len(self.payload) <= DEFLATE_OVER_BYTES:
            return self.frame
        return frame(BINARY if self.binary else TEXT, deflate(self.payload), compressed=True)
