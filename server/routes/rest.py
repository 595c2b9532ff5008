"""The HTTP API, built from the operation table.

Every answer is an envelope, with the status of its code. `Idempotency-Key` on a POST makes a repeated request one
request for 24 hours; on a message it is the `client_message_id`, which does the same for good.
"""

import hashlib
import ipaddress
import math
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from server.contract.envelope import Envelope
from server.contract.errors import ERROR_ROWS, INTERNAL
from server.contract.fields import Flag, Int, Tuple
from server.contract.operations import OPERATIONS, Operation
from server.dispatch import HTTP, Dispatcher
from server.domain.errors import (
    ConflictError,
    InvalidPayloadError,
    NotFoundError,
    PayloadTooLargeError,
    UnauthenticatedError,
)
from server.routes.credentials import bearer_token
from server.services.actor import Actor, Locale, choose_locale
from server.services.connections import ConnectionService
from server.services.kept_answers import KeptAnswers

PREFIX = "/api/v1"
MAX_BODY_BYTES = 256 * 1024
MAX_KEY_CHARS = 255
UNAUTHENTICATED_STATUS = 401

_STATUS = {row.code: row.http_status for row in (*ERROR_ROWS.values(), INTERNAL)}
_MESSAGE_KEYS = uuid.UUID("5f0c2d3e-7a53-4b3e-9a57-3d9d0b8a1c11")
"""Name space of the message ids made from keys that are no UUIDs; any fixed one serves."""


class RestRoutes:
    """Serves `/api/v1`."""

    def __init__(
        self, dispatcher: Dispatcher, connections: ConnectionService, kept: KeptAnswers, default_locale: Locale
    ) -> None:
        self._dispatcher = dispatcher
        self._connections = connections
        self._kept = kept
        self._default_locale = default_locale

    def add_to(self, app: web.Application) -> None:
        """Mount a route for each method and path of the table."""
        rows: dict[tuple[str, str], dict[str, Operation]] = defaultdict(dict)
        for row in OPERATIONS.values():
            if row.http is not None:
                rows[row.method, row.path][row.actor] = row
        for (method, path), by_actor in rows.items():
            app.router.add_route(method, PREFIX + path, self._serve(by_actor))
        app.router.add_route("*", PREFIX + "/{rest:.*}", self._unknown)

    def _serve(self, by_actor: Mapping[str, Operation]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            locale = choose_locale(request.headers.get("Accept-Language"), self._default_locale)
            try:
                actor = await self._actor(request, by_actor, locale)
                operation = by_actor.get(actor.kind) or next(iter(by_actor.values()))
                payload = await _payload(request, operation)
                envelope = await self._answer(request, actor, operation, payload)
            except Exception as error:  # noqa: BLE001 - told to the client, whatever it is
                envelope = self._dispatcher.refuse(error, locale, request.path)
            return respond(envelope)

        return handle

    async def _actor(self, request: web.Request, by_actor: Mapping[str, Operation], locale: Locale) -> Actor:
        token = bearer_token(request)
        if token is None and any(row.loopback for row in by_actor.values()) and is_loopback(request):
            return Actor("service", "", locale)
        if token is None:
            raise UnauthenticatedError({"reason": "missing"})
        return await self._connections.authenticate_request(token, locale)

    async def _answer(
        self, request: web.Request, actor: Actor, operation: Operation, payload: dict[str, Any]
    ) -> Envelope:
        key = request.headers.get("Idempotency-Key")
        if key is not None and request.method == "POST":
            if not 0 < len(key) <= MAX_KEY_CHARS:
                raise InvalidPayloadError({"Idempotency-Key": [f"Must have 1 to {MAX_KEY_CHARS} characters."]})
            if "client_message_id" not in operation.request().fields:
                return await self._once(actor, operation, payload, request.path, key)
            payload.setdefault("client_message_id", _message_id(key))
        return await self._dispatcher.dispatch(actor, operation.name, payload, HTTP)

    async def _once(self, actor: Actor, operation: Operation, payload: dict[str, Any], path: str, key: str) -> Envelope:
        fingerprint = hashlib.sha256(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)).hexdigest()
        claim = await self._kept.claim(actor.key, path, key, fingerprint)
        if claim.answer is not None:
            return claim.answer
        if not claim.first:
            raise ConflictError({"Idempotency-Key": ["Its first request is still under way."]})
        envelope = await self._dispatcher.dispatch(actor, operation.name, payload, HTTP)
        await self._kept.keep(actor.key, path, key, fingerprint, envelope)
        return envelope

    async def _unknown(self, request: web.Request) -> web.Response:
        locale = choose_locale(request.headers.get("Accept-Language"), self._default_locale)
        return respond(self._dispatcher.refuse(NotFoundError(), locale, "http"))


def respond(envelope: Envelope) -> web.Response:
    """Answer with an envelope, and the status of its code."""
    status = 200 if envelope["ok"] else _STATUS[envelope["error"]["code"]]
    headers = {"Cache-Control": "no-store"}
    if status == UNAUTHENTICATED_STATUS:
        headers["WWW-Authenticate"] = "Bearer"
    if not envelope["ok"] and "retry_after_s" in (details := envelope["error"]["details"]):
        headers["Retry-After"] = str(math.ceil(details["retry_after_s"]))
    return web.Response(
        body=orjson.dumps(envelope), status=status, content_type="application/json", charset="utf-8", headers=headers
    )


def is_loopback(request: web.Request) -> bool:
    """Tell whether a request comes from this machine itself (and through no proxy)."""
    try:
        address = ipaddress.ip_address(request.remote or "")
    except ValueError:
        return False
    return address.is_loopback and "X-Forwarded-For" not in request.headers


async def _payload(request: web.Request, operation: Operation) -> dict[str, Any]:
    if request.method in ("GET", "DELETE"):
        payload = _from_query(request, operation)
    else:
        payload = await _from_body(request)
    return {**payload, **request.match_info}


async def _from_body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise PayloadTooLargeError({"max_bytes": MAX_BODY_BYTES}) from None
    if not body.strip():
        return {}
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = None
    if not isinstance(payload, dict):
        raise InvalidPayloadError({"body": ["Not a JSON object."]})
    return payload


def _from_query(request: web.Request, operation: Operation) -> dict[str, Any]:
    """Read query parameters as the types that the operation's fields ask for; what does not fit is left as text."""
    fields = operation.request().fields
    payload: dict[str, Any] = {}
    for key in request.query:
        values = request.query.getall(key)
        field = fields.get(key)
        if isinstance(field, Tuple):
            # `?a=1&a=2` or `?a=1,2`; an id that itself has a comma needs the first form, with at least two.
            payload[key] = list(values) if len(values) > 1 else values[0].split(",")
        elif isinstance(field, Int) and values[-1].isascii() and values[-1].isdigit() and len(values[-1]) < 20:  # noqa: PLR2004
            payload[key] = int(values[-1])
        elif isinstance(field, Flag) and values[-1] in ("true", "false"):
            payload[key] = values[-1] == "true"
        else:
            payload[key] = values[-1]
    return payload


def _message_id(key: str) -> str:
    try:
        return str(uuid.UUID(key))
    except ValueError:
        return str(uuid.uuid5(_MESSAGE_KEYS, key))
