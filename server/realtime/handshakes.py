"""The opening handshake of a WebSocket: what is asked of its request, and the answer (RFC 6455 4.2)."""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

_ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES = 16
_SHAREABLE_PARAMETERS = {"server_no_context_takeover", "client_no_context_takeover", "client_max_window_bits"}

Headers = CIMultiDict[str] | CIMultiDictProxy[str]


class Handshake:
    """A request for a WebSocket that was read without aiohttp: as much of a `web.Request` as is asked of it."""

    __slots__ = ("headers", "query", "remote", "transport")
    method: Final = "GET"

    def __init__(self, transport: asyncio.Transport, query: Mapping[str, str], headers: CIMultiDict[str]) -> None:
        self.transport = transport
        self.query = query
        self.headers = headers
        self.remote: str | None = None


Request = web.Request | Handshake


class Answer(NamedTuple):
    """What a handshake is answered with, and what that agrees to."""

    head: bytes
    deflates: bool


def answer_to(headers: Headers, protocols: Iterable[str] = (), *, deflate: bool = False) -> Answer:
    """Return the answer to a handshake: with one of the protocols, if the client offers any, and `deflate`, likewise.

    Raises:
        HTTPBadRequest: it is none (RFC 6455 4.2.1).
    """
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {_accept_value(headers)}",
    ]
    offered = [name.strip() for name in headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if (chosen := next((name for name in offered if name in protocols), None)) is not None:
        lines.append(f"Sec-WebSocket-Protocol: {chosen}")
    deflates = deflate and accepts_deflate(headers.getall("Sec-WebSocket-Extensions", ()))
    if deflates:
        lines.append(
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        )
    return Answer(("\r\n".join(lines) + "\r\n\r\n").encode(), deflates)


def accepts_deflate(offers: Iterable[str]) -> bool:
    """Tell whether one of a client's extension offers can be answered with frames that all clients share.

    They are compressed with a full window and without what came before, so a client that asks for a window of its own
    is served uncompressed (RFC 7692 7.1).
    """
    return any(_is_shareable(offer) for line in offers for offer in line.split(","))


def _is_shareable(offer: str) -> bool:
    name, *parameters = (part.strip() for part in offer.split(";"))
    if name != "permessage-deflate":
        return False
    return all(parameter.partition("=")[0].strip() in _SHAREABLE_PARAMETERS for parameter in parameters)


def _accept_value(headers: Headers) -> str:
    if (
        headers.get("Upgrade", "").strip().lower() != "websocket"
        or "upgrade" not in headers.get("Connection", "").lower()
    ):
        raise web.HTTPBadRequest(text="Not a WebSocket handshake.")
    if headers.get("Sec-WebSocket-Version") != "13":
        raise web.HTTPBadRequest(text="WebSocket version 13 only.", headers={"Sec-WebSocket-Version": "13"})
    key = headers.get("Sec-WebSocket-Key", "")
    try:
        is_valid = len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        is_valid = False
    if not is_valid:
        raise web.HTTPBadRequest(text="Sec-WebSocket-Key is not 16 bytes in base64.")
    return base64.b64encode(hashlib.sha1(key.encode() + _ACCEPT_GUID, usedforsecurity=False).digest()).decode()
