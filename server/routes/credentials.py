"""Where a request carries its token."""

from aiohttp import web


def bearer_token(request: web.Request) -> str | None:
    """Return the token of `Authorization: Bearer` (RFC 6750 2.1)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def websocket_token(request: web.Request) -> str | None:
    """Return a plain WebSocket's token: `?token=`, the subprotocol pair `bearer, <token>`, or the header.

    A browser's WebSocket can set no headers, hence the first two.
    """
    offered = [item.strip() for item in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if offered[0] == "bearer" and len(offered) > 1:
        return offered[1]
    return request.query.get("token") or bearer_token(request)
