"""Frames: what is sent is well-formed, and is made once for all who get it."""

import base64
import os
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.realtime import frames
from server.realtime.frames import BINARY, CLOSE, DEFLATE_OVER_BYTES, PING, TEXT, Encoded, close_frame, deflate, frame

LARGE = b'42["event",{"text":"' + b"0123456789abcdef" * 200 + b'"}]'


def inflated(data: bytes) -> bytes:
    """Decompress one message as a client does that keeps nothing of those before (RFC 7692 7.2.2)."""
    decompressor = zlib.decompressobj(-15)
    return decompressor.decompress(data + b"\x00\x00\xff\xff") + decompressor.flush()


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (1, b"\x81\x01"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (127, b"\x81\x7e\x00\x7f"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        (70_000, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x70"),
    ],
)
def test_frame_writes_the_length_in_the_shortest_form(size: int, head: bytes) -> None:
    """One byte up to 125, two more up to 65,535, else eight (RFC 6455 5.2); what a server sends is not masked."""
    payload = b"x" * size
    assert frame(TEXT, payload) == head + payload


@pytest.mark.parametrize(
    ("opcode", "compressed", "first"),
    [(TEXT, False, 0x81), (TEXT, True, 0xC1), (BINARY, False, 0x82), (BINARY, True, 0xC2), (PING, False, 0x89)],
)
def test_frame_is_final_and_says_what_it_is(opcode: int, compressed: bool, first: int) -> None:
    """FIN is always set, RSV1 on compressed ones only."""
    assert frame(opcode, b"", compressed=compressed)[0] == first


@pytest.mark.parametrize("reason", ["", "bye", "a" * 123, "ñ" * 61])
def test_close_frame_carries_code_and_reason(reason: str) -> None:
    """The code comes first, as two bytes."""
    text = reason.encode()
    assert close_frame(4413, reason) == bytes((0x80 | CLOSE, 2 + len(text))) + b"\x11\x3d" + text


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("añ€👩"), min_size=30, max_size=130))
def test_close_frame_cuts_a_long_reason_between_characters(reason: str) -> None:
    """A control frame holds 125 bytes, and its text is valid UTF-8 (RFC 6455 5.5): as much of it as fits."""
    made = close_frame(1000, reason)
    assert made[1] == len(made) - 2 <= 125
    kept = made[4:].decode()
    assert reason.startswith(kept)
    if kept != reason:
        assert len(kept.encode() + reason[len(kept)].encode()) > 123


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=5_000) | st.text(max_size=2_000).map(str.encode))
def test_deflate_is_undone_by_inflating(payload: bytes) -> None:
    """Nothing is lost, whatever the payload."""
    assert inflated(deflate(payload)) == payload


@pytest.mark.parametrize("payload", [b"", b"x", b"x" * 100_000, os.urandom(100_000)], ids=len)
def test_deflate_of_any_size_is_undone_by_inflating(payload: bytes) -> None:
    """Neither empty ones nor those that are larger than the window are special."""
    assert inflated(deflate(payload)) == payload


def test_deflate_uses_nothing_of_what_came_before() -> None:
    """The same payload yields the same bytes each time, so that anyone may get them, in any order."""
    first = deflate(LARGE)
    deflate(b"something else " * 100)
    assert deflate(LARGE) == first
    # One decompressor that goes on, as of a client that keeps its window, reads them as well.
    lasting = zlib.decompressobj(-15)
    for payload in (LARGE, b"other " * 300, LARGE):
        assert lasting.decompress(deflate(payload) + b"\x00\x00\xff\xff") == payload


@pytest.mark.parametrize(("binary", "opcode"), [(False, TEXT), (True, BINARY)])
def test_encoded_is_framed_by_its_kind(binary: bool, opcode: int) -> None:
    """Text as text, bytes as binary; compressed or not."""
    message = Encoded(LARGE, binary=binary)
    assert message.frame == frame(opcode, LARGE)
    assert message.compressed_frame == frame(opcode, deflate(LARGE), compressed=True)
    assert len(message.compressed_frame) < len(message.frame)


def test_each_form_is_made_once_and_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """All who ask share the same object."""
    made: list[str] = []
    real_frame, real_deflate = frames.frame, frames.deflate

    def framing(*args: Any, **options: Any) -> bytes:
        made.append("frame")
        return real_frame(*args, **options)

    def deflating(payload: bytes) -> bytes:
        made.append("deflate")
        return real_deflate(payload)

    monkeypatch.setattr(frames, "frame", framing)
    monkeypatch.setattr(frames, "deflate", deflating)
    message = Encoded(LARGE)
    assert made == []
    assert message.frame is message.frame
    assert made == ["frame"]
    assert message.compressed_frame is message.compressed_frame
    assert made == ["frame", "deflate", "frame"]


@pytest.mark.parametrize(
    ("size", "compressed"), [(0, False), (DEFLATE_OVER_BYTES, False), (DEFLATE_OVER_BYTES + 1, True)]
)
def test_small_messages_are_not_compressed(size: int, compressed: bool) -> None:
    """Up to 1 KiB all get the very same frame."""
    message = Encoded(b"a" * size)
    assert (message.compressed_frame[0] & 0x40 != 0) is compressed
    assert (message.compressed_frame is message.frame) is not compressed


def test_polled_binary_is_base64() -> None:
    """With a `b` before it (Engine.IO 4); text goes as it is."""
    data = bytes(range(256))
    assert Encoded(data, binary=True).polled == b"b" + base64.b64encode(data)
    assert Encoded(b"", binary=True).polled == b"b"
    text = Encoded("4ñ".encode())
    assert text.polled is text.payload
