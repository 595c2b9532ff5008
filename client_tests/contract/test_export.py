"""The exported documents: complete, sound, as committed, and in step with what the server reads."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from marshmallow import ValidationError

import server
from client_tests.push import Browser
from server.contract import export
from server.contract.errors import ERROR_ROWS, INTERNAL
from server.contract.events import EVENTS
from server.contract.operations import NAMESPACES, OPERATIONS
from server.contract.schemas import PushPayloadSchema
from server.routes import docs

COMMITTED = Path(server.__file__).parent.parent / "docs" / "contract"
DOCUMENTS = {"openapi": export.openapi, "asyncapi": export.asyncapi, "schema": export.json_schema}
OVER_HTTP = [row for row in OPERATIONS.values() if row.http]


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object inside a document."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(item)


def resolve(document: Any, ref: str) -> Any:
    """Follow a reference within a document."""
    assert ref.startswith("#/"), ref
    for key in ref[2:].split("/"):
        document = document[key.replace("~1", "/")]
    return document


def accepts(document: Any, schema: dict[str, Any], value: Any) -> bool:
    """Tell whether a value fits a schema, as far as this contract uses JSON Schema."""
    if "$ref" in schema:
        return accepts(document, resolve(document, schema["$ref"]), value)
    if "anyOf" in schema and not any(accepts(document, option, value) for option in schema["anyOf"]):
        return False
    kinds = schema.get("type", [])
    if kinds and not any(is_kind(kind, value) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return False
    if isinstance(value, dict):
        return fits_object(document, schema, value)
    if isinstance(value, list):
        is_counted = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return is_counted and all(accepts(document, schema.get("items", {}), item) for item in value)
    return fits_scalar(schema, value)


def is_kind(kind: str, value: Any) -> bool:
    """Tell whether a value is of a JSON type."""
    if isinstance(value, bool):
        return kind == "boolean"
    kinds = {"string": str, "integer": int, "number": int | float, "array": list, "object": dict, "null": type(None)}
    return kind in kinds and isinstance(value, kinds[kind])


def fits_scalar(schema: dict[str, Any], value: Any) -> bool:
    """Check the words, bounds and form of a text or a number."""
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, int):
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if not isinstance(value, str):
        return True
    is_long = len(value) > schema.get("maxLength", len(value))
    return (
        schema.get("minLength", 0) <= len(value) and not is_long and (schema.get("format") != "uuid" or is_uuid(value))
    )


def is_uuid(value: str) -> bool:
    """Tell whether a text is a UUID."""
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True


def fits_object(document: Any, schema: dict[str, Any], value: dict[str, Any]) -> bool:
    """Check required, unknown and known keys of an object."""
    if any(key not in value for key in schema.get("required", ())):
        return False
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    if more is False and any(key not in known for key in value):
        return False
    others = more if isinstance(more, dict) else {}
    is_counted = len(value) <= schema.get("maxProperties", len(value))
    return is_counted and all(accepts(document, known.get(key, others), item) for key, item in value.items())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_generated_again_equals_committed_file(name: str) -> None:
    """`docs/contract/` is what the code says; when this fails, run `make contract`."""
    text = json.dumps(DOCUMENTS[name](), indent=2, ensure_ascii=False) + "\n"
    assert (COMMITTED / f"{name}.json").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_references_resolve(name: str) -> None:
    """No reference leads nowhere, and nothing stands beside one, where older readers would not see it."""
    document = DOCUMENTS[name]()
    for node in nodes(document):
        if isinstance(node.get("$ref"), str):
            assert len(node) == 1
            resolve(document, node["$ref"])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_schema_keywords_are_sound(name: str) -> None:
    """Types are JSON's, lists of alternatives are not empty or doubled, required keys are declared."""
    types = {"null", "boolean", "object", "array", "number", "integer", "string"}
    document = DOCUMENTS[name]()
    for schema in nodes(document.get("$defs") or document["components"]["schemas"]):
        kinds = schema.get("type")
        if isinstance(kinds, str | list):
            kinds = [kinds] if isinstance(kinds, str) else kinds
            assert set(kinds) <= types
            assert len(set(kinds)) == len(kinds)
        if isinstance(schema.get("required"), list) and isinstance(schema.get("properties"), dict):
            assert set(schema["required"]) <= set(schema["properties"])


def test_openapi_holds_every_operation_over_http() -> None:
    """Each row with `http` is found at its method and path, under its actor."""
    paths = export.openapi()["paths"]
    found = {name for item in paths.values() for entry in item.values() for name in entry["x-operations"].values()}
    assert found == {row.name for row in OVER_HTTP}
    for row in OVER_HTTP:
        entry = paths[row.path][row.method.lower()]
        assert entry["x-operations"][row.actor] == row.name
        assert {f"{row.actor}Token": []} in entry["security"]


def test_openapi_operation_ids_are_unique() -> None:
    """Generated clients name their functions by them."""
    ids = [entry["operationId"] for item in export.openapi()["paths"].values() for entry in item.values()]
    assert len(ids) == len(set(ids))


def test_openapi_parameters_and_bodies_hold_each_field_once() -> None:
    """A field is in the path, in the query or in the body; every path parameter is declared."""
    document = export.openapi()
    for row in OVER_HTTP:
        entry = document["paths"][row.path][row.method.lower()]
        places = [(p["in"], p["name"]) for p in entry["parameters"] if "$ref" not in p]
        assert [name for place, name in places if place == "path"] == re.findall(r"{(\w+)}", row.path)
        body = entry.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        options = [resolve(document, o["$ref"]) if "$ref" in o else o for o in body.get("anyOf", [body])]
        keys = {key for option in options for key in option.get("properties", {})}
        assert keys.isdisjoint(name for _, name in places)
        assert set(row.request().fields) <= keys | {name for _, name in places}
        assert not keys or row.method in {"POST", "PUT", "PATCH"}


def test_openapi_answers_are_envelopes() -> None:
    """200 is `{ok: true, data}`; the codes of the refusals are all codes there are."""
    document = export.openapi()
    codes: set[str] = set()
    for entry in (entry for item in document["paths"].values() for entry in item.values()):
        success = entry["responses"]["200"]["content"]["application/json"]["schema"]
        assert success["properties"]["ok"] == {"const": True}
        assert {"401", "422", "429", "500", "503"} <= set(entry["responses"])
    for response in document["components"]["responses"].values():
        failure, narrowed = response["content"]["application/json"]["schema"]["allOf"]
        assert failure == {"$ref": "#/components/schemas/Failure"}
        codes.update(narrowed["properties"]["error"]["properties"]["code"]["enum"])
    assert codes == {row.code for row in (*ERROR_ROWS.values(), INTERNAL)}
    assert codes == set(document["components"]["schemas"]["ErrorCode"]["enum"])


def test_asyncapi_holds_every_operation_and_event_where_it_is_heard() -> None:
    """Each namespace's channel has its operations (received, with a reply) and its events (sent)."""
    document = export.asyncapi()
    asked = {(ns, row.name) for row in OPERATIONS.values() for ns in row.namespaces}
    told = {(ns, row.name) for row in EVENTS.values() for ns in row.namespaces}
    found: dict[str, set[tuple[str, str]]] = {"receive": set(), "send": set()}
    for entry in document["operations"].values():
        channel = resolve(document, entry["channel"]["$ref"])
        (message,) = entry["messages"]
        found[entry["action"]].add((channel["address"], message["$ref"].rpartition("/")[2]))
    assert found == {"receive": asked, "send": told}


def test_asyncapi_messages_belong_to_the_channel_of_their_operation() -> None:
    """AsyncAPI 3: messages and replies refer to the channel's own messages, those to the components."""
    document = export.asyncapi()
    assert [channel["address"] for channel in document["channels"].values()] == list(NAMESPACES)
    for entry in document["operations"].values():
        assert ("reply" in entry) == (entry["action"] == "receive")
        for part in (entry, entry.get("reply", entry)):
            start = part["channel"]["$ref"] + "/messages/"
            assert all(message["$ref"].startswith(start) for message in part["messages"])
    for channel in document["channels"].values():
        for name, message in channel["messages"].items():
            assert message == {"$ref": f"#/components/messages/{name}"}


def test_json_schema_maps_hold_every_row() -> None:
    """The maps from which types are generated name all operations, events and errors."""
    document = export.json_schema()
    assert list(document["operations"]) == list(OPERATIONS)
    assert list(document["events"]) == list(EVENTS)
    assert set(document["errors"]) == set(document["$defs"]["ErrorCode"]["enum"])
    for name, row in OPERATIONS.items():
        entry = document["operations"][name]
        assert set(entry["namespaces"]) == row.namespaces
        assert resolve(document, entry["request"]["$ref"])["additionalProperties"] is False
        assert set(resolve(document, entry["request"]["$ref"])["properties"]) == set(row.request().fields)
    for name, event in EVENTS.items():
        payload = resolve(document, document["events"][name]["payload"]["$ref"])
        assert payload.get("required", []) == list(payload["properties"]) == list(event.schema().fields)


def test_json_schema_names_what_a_service_worker_gets() -> None:
    """A push is neither an answer nor an event, and is described all the same."""
    document = export.json_schema()
    payload = resolve(document, document["push"]["payload"]["$ref"])
    assert payload["required"] == list(payload["properties"]) == list(PushPayloadSchema().fields)


SAMPLES: list[tuple[str, Any]] = [
    ("send_message", {"thread_id": "t", "content": "hello"}),
    ("send_message", {"thread_id": "t", "content": "hello", "client_message_id": str(uuid.uuid4())}),
    ("send_message", {"thread_id": "t", "content": "hello", "client_message_id": None}),
    ("send_message", {"thread_id": "t", "content": "hello", "client_message_id": "1"}),
    ("send_message", {"thread_id": "t", "content": ""}),
    ("send_message", {"thread_id": "t", "content": 1}),
    ("send_message", {"thread_id": "t" * 65, "content": "hello"}),
    ("send_message", {"content": "hello"}),
    ("send_message", {"thread_id": "t", "content": "hello", "colour": "red"}),
    ("send_message", {"thread_id": None, "content": "hello"}),
    ("create_thread", {"kind": "direct", "participant_ids": [7]}),
    ("create_thread", {"kind": "direct", "participant_ids": ["seven"]}),
    ("create_thread", {"kind": "channel", "participant_ids": [7]}),
    ("create_thread", {"kind": "direct", "participant_ids": []}),
    ("create_thread", {"kind": "direct", "participant_ids": [-1]}),
    ("create_thread", {"kind": "direct", "participant_ids": [10**15]}),
    ("create_thread", {"kind": "direct", "participant_ids": [True]}),
    ("create_thread", {"kind": "direct", "participant_ids": [1.5]}),
    ("create_thread", {"kind": "group", "participant_ids": [1], "subject": None}),
    ("create_thread", {"kind": "group", "participant_ids": [1], "subject": {"type": "visit"}}),
    ("create_thread", {"kind": "group", "participant_ids": [1], "subject": {"type": "a", "id": "b", "title": "c"}}),
    ("mark_delivered", {"thread_id": "t", "seq": 1}),
    ("mark_delivered", {"thread_id": "t", "seq": 0}),
    ("mark_delivered", {"thread_id": "t", "seq": "1"}),
    ("mark_delivered", {"thread_id": "t", "seq": True}),
    ("list_threads", {"limit": 100}),
    ("list_threads", {"limit": 101}),
    ("list_threads", {"limit": None}),
    ("ping", {}),
    ("ping", {"timestamp": None, "heads": {"t": 3}}),
    ("ping", {"timestamp": [1]}),
    ("ping", {"timestamp": "x" * 257}),
    ("ping", {"heads": {"t": -1}}),
    ("ping", {"heads": {str(number): number for number in range(101)}}),
    ("heartbeat", {"visible": "yes"}),
    ("put_user", {"user_id": 7, "display_name": "Ana", "locale": None}),
    ("put_user", {"user_id": 7, "display_name": "Ana", "locale": "fr"}),
    ("update_settings", {"locale": None}),
    ("update_settings", {"sound": None}),
    ("update_settings", {"push_notifications": "some"}),
    ("update_settings", {"push": {}}),
    ("subscribe_push", Browser().subscription()),
    ("subscribe_push", Browser().subscription(device_name="x" * 101)),
    ("subscribe_push", Browser().subscription(expirationTime=None)),
    ("subscribe_push", {"endpoint": Browser().endpoint, "keys": {"auth": "a"}}),
    ("unsubscribe_push", {"device_id": "d", "endpoint": None}),
    ("unsubscribe_push", {"device_id": 7}),
]


@pytest.mark.parametrize(("name", "payload"), SAMPLES)
def test_request_schema_judges_as_the_server_does(name: str, payload: Any) -> None:
    """A payload that the documents allow is read, one that they forbid is refused."""
    try:
        OPERATIONS[name].request().load(payload)
        is_read = True
    except ValidationError:
        is_read = False
    document = export.json_schema()
    assert accepts(document, document["operations"][name]["request"], payload) is is_read


@pytest.fixture
async def client(aiohttp_client: Any) -> Any:
    """A client of an application with nothing but the documentation."""
    app = web.Application()
    docs.add_docs(app)
    return await aiohttp_client(app)


@pytest.fixture(params=[True, False], ids=["installed", "missing"])
def viewers(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Viewers that are there, or not, whatever `make install` did here."""
    vendored = {url: tmp_path / url.rpartition("/")[2] for url in docs._FILES if "/vendor/" in url}
    monkeypatch.setattr(docs, "_FILES", {**docs._FILES, **vendored})
    for path in vendored.values() if request.param else ():
        path.write_text("/* viewer */", encoding="utf-8")
    return bool(request.param)


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_docs_document_is_served_and_not_sent_twice(client: Any, name: str) -> None:
    """The document arrives as JSON; asked for again with its tag, only that it is the same."""
    response = await client.get(f"/api/v1/{name}.json")
    assert response.content_type == "application/json"
    assert await response.json() == DOCUMENTS[name]()
    tag = response.headers["ETag"]
    for known in (tag, f"W/{tag}", "*"):
        again = await client.get(f"/api/v1/{name}.json", headers={"If-None-Match": known})
        assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
    other = await client.get(f"/api/v1/{name}.json", headers={"If-None-Match": '"other"'})
    assert other.status == 200


@pytest.mark.parametrize("path", ["/docs", "/docs/events"])
async def test_docs_page_is_its_own_host(viewers: bool, client: Any, path: str) -> None:
    """The page names only files of this server; without the viewer it says what to do."""
    response = await client.get(path)
    text = await response.text()
    assert response.status == (200 if viewers else 503)
    assert ("make install" in text) is not viewers
    assert '<html lang="en">' in text
    assert "<title>VeriHome" in text
    assert "//" not in text
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    linked = re.findall(r'(?:src|href)="(/[^"]+)"', text)
    assert linked
    assert [(await client.get(url)).status for url in linked] == [200] * len(linked)


async def test_docs_policy_allows_eval_only_where_the_viewer_needs_it(viewers: bool, client: Any) -> None:
    """The AsyncAPI viewer compiles functions; nothing else may."""
    allowed = {
        path: "unsafe-eval" in (await client.get(path)).headers["Content-Security-Policy"]
        for path in ("/docs", "/docs/events")
    }
    assert allowed == {"/docs": False, "/docs/events": viewers}


@pytest.mark.parametrize("path", ["swagger-ui/../../docs.py", "%2e%2e/%2e%2e/__init__.py", "asyncapi/", "x.js"])
async def test_docs_vendor_other_path_is_not_found(client: Any, path: str) -> None:
    """Only the named files are served, whatever path is asked for."""
    assert (await client.get(f"/docs/vendor/{path}")).status == 404


async def test_docs_vendor_file_missing_is_not_found(viewers: bool, client: Any) -> None:
    """A viewer that is not installed is a plain 404, never an error of the server."""
    response = await client.get("/docs/vendor/asyncapi/index.js")
    assert response.status == (200 if viewers else 404)
