"""The contract as documents for others: OpenAPI 3.1 (HTTP), AsyncAPI 3 (Socket.IO), JSON Schema (types).

All three are pure functions of the tables, in a stable order, so that a diff of the committed files under
`docs/contract/` shows what changed on the wire and nothing else.
"""

import re
from collections.abc import Sequence

from server.contract.events import EVENTS, EventRow
from server.contract.jsonschema import (
    ERRORS,
    Json,
    definitions,
    name_of,
    not_null,
    reachable,
    rebase,
    ref,
    success_of,
)
from server.contract.operations import (
    MESSAGING,
    NAMESPACES,
    NOTIFICATIONS,
    OPERATIONS,
    PRESENCE,
    THREADS,
    Operation,
)
from server.contract.schemas import PushPayloadSchema

VERSION = "1.0.0"
"""Of the contract, not of the program: the first number is that of `/api/v1`."""

PLAIN_ROUTES = {
    MESSAGING: "/ws/messaging/",
    THREADS: "/ws/messaging/thread/{thread_id}/",
    NOTIFICATIONS: "/ws/notifications/",
    PRESENCE: "/ws/user-status/",
}
"""The plain WebSocket route of each namespace."""

_BODY_METHODS = ("POST", "PUT", "PATCH")
_TOKENS = {"user": "userToken", "service": "serviceToken"}
_WHO = {"user": "a user's access token", "service": "a service token"}


def openapi() -> Json:
    """Describe the HTTP API."""
    known = definitions()
    paths: dict[str, Json] = {}
    for rows in _by_route():
        paths.setdefault(rows[0].path, {})[rows[0].method.lower()] = _http_operation(rows, known)
    responses = {f"Error{status}": _error_response(status) for status in _statuses()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "VeriHome Realtime: HTTP API", "version": VERSION, "description": _HTTP_TEXT},
        "servers": [{"url": "/api/v1"}],
        "tags": [{"name": tag} for tag in sorted({path.split("/")[1] for path in paths})],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": reachable([paths, responses], known),
            "responses": responses,
            "parameters": {"IdempotencyKey": _IDEMPOTENCY_KEY},
            "securitySchemes": {"userToken": _USER_TOKEN, "serviceToken": _SERVICE_TOKEN},
        },
    }


def asyncapi() -> Json:
    """Describe the four Socket.IO namespaces as the server sees them: operations come in, events go out."""
    rows = [row for row in OPERATIONS.values() if row.namespaces]
    messages = {name: message for row in rows for name, message in _operation_messages(row).items()}
    messages |= {row.name: _message(row.name, row.summary, ref(row.schema)) for row in EVENTS.values()}
    operations: dict[str, Json] = {}
    for namespace in NAMESPACES:
        operations |= {f"{namespace[1:]}_{row.name}": _receive(row, namespace) for row in _asked_on(namespace)}
        operations |= {f"{namespace[1:]}_{row.name}": _send(row, namespace) for row in _told_on(namespace)}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "VeriHome Realtime: events", "version": VERSION, "description": _EVENTS_TEXT},
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": {namespace[1:]: _channel(namespace) for namespace in NAMESPACES},
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": reachable(messages, definitions()),
            "securitySchemes": {"userToken": _USER_TOKEN},
        },
    }


def json_schema() -> Json:
    """Describe every payload as JSON Schema 2020-12, with maps of operations, events and errors to them."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "VeriHome Realtime: wire contract",
        "version": VERSION,
        "$defs": definitions(),
        "operations": {row.name: _operation_entry(row) for row in OPERATIONS.values()},
        "events": {row.name: _event_entry(row) for row in EVENTS.values()},
        "push": {"payload": ref(PushPayloadSchema)},
        "errors": {code: _error_entry(code) for code in ERRORS},
    }
    return dict(rebase(document, "#/$defs/"))


def _by_route() -> list[Sequence[Operation]]:
    routes: dict[str, list[Operation]] = {}
    for row in OPERATIONS.values():
        if row.http:
            routes.setdefault(row.http, []).append(row)
    return list(routes.values())


def _http_operation(rows: Sequence[Operation], known: dict[str, Json]) -> Json:
    first = rows[0]
    body = _request_body(rows, known) if first.method in _BODY_METHODS else {}
    return {
        "operationId": first.name,
        "tags": [first.path.split("/")[1]],
        "summary": first.summary,
        "description": "\n\n".join(f"`{row.name}`, with {_WHO[row.actor]}: {row.summary}" for row in rows),
        "security": [{_TOKENS[row.actor]: []} for row in rows],
        "parameters": _parameters(first, known),
        **({"requestBody": body} if body else {}),
        "responses": _responses(rows),
        "x-operations": {row.actor: row.name for row in rows},
    }


def _parameters(row: Operation, known: dict[str, Json]) -> list[Json]:
    properties = known[name_of(row.request)]["properties"]
    required = known[name_of(row.request)].get("required", ())
    in_path = _path_names(row)
    found = [{"name": name, "in": "path", "required": True, "schema": not_null(properties[name])} for name in in_path]
    if row.method == "POST":
        found.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if row.method in _BODY_METHODS:
        return found
    return found + [
        _parameter(name, "query", shape, required=name in required)
        for name, shape in properties.items()
        if name not in in_path
    ]


def _parameter(name: str, place: str, shape: Json, *, required: bool) -> Json:
    return {"name": name, "in": place, "required": required, "schema": not_null(shape)}


def _request_body(rows: Sequence[Operation], known: dict[str, Json]) -> Json:
    bodies: list[Json] = []
    for row in rows:
        body = _body_schema(row, known)
        if body and body not in bodies:
            bodies.append(body)
    if not bodies:
        return {}
    # Not `oneOf`: a body may be right for both tokens, as {"content": "..."} is.
    schema = bodies[0] if len(bodies) == 1 else {"anyOf": bodies}
    required = any("$ref" in body or body.get("required") for body in bodies)
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def _body_schema(row: Operation, known: dict[str, Json]) -> Json | None:
    whole = known[name_of(row.request)]
    in_path = _path_names(row)
    if not in_path:
        return ref(row.request) if whole["properties"] else None
    properties = {name: shape for name, shape in whole["properties"].items() if name not in in_path}
    required = [name for name in whole.get("required", ()) if name not in in_path]
    rest = {key: value for key, value in whole.items() if key != "required"} | {"properties": properties}
    return {"title": row.name} | rest | ({"required": required} if required else {}) if properties else None


def _path_names(row: Operation) -> list[str]:
    return re.findall(r"{(\w+)}", row.path)


def _responses(rows: Sequence[Operation]) -> Json:
    first = rows[0]
    answers = {row.response: ref(row.response) for row in rows}
    data = next(iter(answers.values())) if len(answers) == 1 else {"anyOf": list(answers.values())}
    skipped = set() if first.method in _BODY_METHODS else {409, 413}
    if not _path_names(first) and first.method not in _BODY_METHODS:
        skipped.add(404)
    return {
        "200": {"description": "Done.", "content": {"application/json": {"schema": success_of(data)}}},
        **{
            str(status): {"$ref": f"#/components/responses/Error{status}"}
            for status in _statuses()
            if status not in skipped
        },
    }


def _statuses() -> list[int]:
    return sorted({row.http_status for row in ERRORS.values()})


def _error_response(status: int) -> Json:
    rows = [row for row in ERRORS.values() if row.http_status == status]
    error = {"properties": {"code": {"enum": [row.code for row in rows]}}}
    schema = {"allOf": [ref("Failure"), {"type": "object", "properties": {"error": {"type": "object", **error}}}]}
    return {
        "description": " ".join(f"`{row.code}`: {row.en}" for row in rows),
        "content": {"application/json": {"schema": schema}},
    }


def _asked_on(namespace: str) -> list[Operation]:
    return [row for row in OPERATIONS.values() if namespace in row.namespaces]


def _told_on(namespace: str) -> list[EventRow]:
    return [row for row in EVENTS.values() if namespace in row.namespaces]


def _channel(namespace: str) -> Json:
    asked = [name for row in _asked_on(namespace) for name in (row.name, f"{row.name}_ack")]
    names = asked + [row.name for row in _told_on(namespace)]
    text = f"Socket.IO namespace `{namespace}`; the same as plain WebSocket: `{PLAIN_ROUTES[namespace]}`."
    if namespace == THREADS:
        text += " There, and with `auth.thread_id`, `thread_id` may be left out of every operation."
    return {
        "address": namespace,
        "title": namespace,
        "description": text,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _operation_messages(row: Operation) -> dict[str, Json]:
    ack = {"oneOf": [success_of(ref(row.response)), ref("Failure")]}
    return {
        row.name: _message(row.name, row.summary, ref(row.request)),
        f"{row.name}_ack": _message(f"{row.name}_ack", f"The answer to `{row.name}`.", ack),
    }


def _message(name: str, summary: str, payload: Json) -> Json:
    return {"name": name, "title": name, "summary": summary, "payload": payload}


def _receive(row: Operation, namespace: str) -> Json:
    operation = _operation("receive", row.name, row.summary, namespace)
    reply = {"channel": operation["channel"], "messages": [_message_ref(f"{row.name}_ack", namespace)]}
    return operation | {"reply": reply}


def _send(row: EventRow, namespace: str) -> Json:
    operation = _operation("send", row.name, row.summary, namespace)
    return operation | {"description": _DURABLE_TEXT} if row.durable else operation


def _operation(action: str, name: str, summary: str, namespace: str) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{namespace[1:]}"},
        "title": name,
        "summary": summary,
        "tags": [{"name": namespace}],
        "messages": [_message_ref(name, namespace)],
    }


def _message_ref(name: str, namespace: str) -> Json:
    return {"$ref": f"#/channels/{namespace[1:]}/messages/{name}"}


def _operation_entry(row: Operation) -> Json:
    return {
        "request": ref(row.request),
        "response": ref(row.response),
        "namespaces": [namespace for namespace in NAMESPACES if namespace in row.namespaces],
        "http": row.http,
        "actor": row.actor,
    }


def _event_entry(row: EventRow) -> Json:
    return {"payload": ref(row.schema), "namespaces": list(row.namespaces), "durable": row.durable}


def _error_entry(code: str) -> Json:
    row = ERRORS[code]
    return {"http_status": row.http_status, "close_code": row.close_code, "retryable": row.retryable}


_HTTP_TEXT = """\
Every answer is one envelope: `{"ok": true, "data": ...}` or `{"ok": false, "error": {...}}`. Branch on
`error.code` alone.

What happens live is told over Socket.IO and plain WebSocket: see [the events](/docs/events)."""

_EVENTS_TEXT = """\
Four Socket.IO namespaces, and a plain WebSocket route for each. The HTTP API is [described apart](/docs).

**Socket.IO**, at `/socket.io/`: connect to a namespace with `auth: {token, locale?, thread_id?}`.
An operation is an event with one object; its ack is the envelope `{"ok": true, "data"}` or
`{"ok": false, "error"}`. Without an ack, a refusal is told by the event `error`.

**Plain WebSocket**: the token is `?token=`, the subprotocol pair `bearer, <token>`, or the header
`Authorization: Bearer`. In: `{"type": NAME, ...fields, "ref"?}`. Out: events as `{"type": NAME, ...fields}`;
with `ref`, the answer `{"type": "ack", "ref", "op", ...envelope}`; without, `{"type": "error", "op", ...error}`
on a refusal only."""

_DURABLE_TEXT = "Durable: carries a `rev`; what was missed comes with `sync`."

_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Kept 24 hours for each actor and path. On messages it is the `client_message_id`.",
    "schema": {"type": "string", "minLength": 1},
}

_USER_TOKEN: Json = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A user's access token.",
}
_SERVICE_TOKEN: Json = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of the users' own backend.",
}

_SERVERS: Json = {
    "socketio": {
        "host": "localhost:8000",
        "pathname": "/socket.io/",
        "protocol": "ws",
        "description": "Socket.IO (Engine.IO 4): WebSocket, or long polling where that is not possible.",
        "security": [{"$ref": "#/components/securitySchemes/userToken"}],
    },
    "websocket": {
        "host": "localhost:8000",
        "pathname": "/ws/",
        "protocol": "ws",
        "description": "Plain WebSocket; each channel names its route.",
        "security": [{"$ref": "#/components/securitySchemes/userToken"}],
    },
}
