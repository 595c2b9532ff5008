"""JSON Schema of everything on the wire, made by apispec out of the marshmallow schemas.

Requests are described as strictly as they are read: bounds, and no unknown keys. Answers and events are
described as clients should read them: every key is there, and more may come.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields

from server.contract import events, requests
from server.contract.errors import ERROR_ROWS, INTERNAL, ErrorRow
from server.contract.events import EVENTS
from server.contract.fields import (
    MAX_INT,
    Choice,
    Flag,
    Int,
    Link,
    PushEndpoint,
    Revisions,
    Scalar,
    Text,
    Timestamp,
    Tuple,
    UserId,
)
from server.contract.operations import OPERATIONS
from server.contract.schemas import PushPayloadSchema
from server.domain.ids import MAX_USER_ID_CHARS

Json = dict[str, Any]

COMPONENTS = "#/components/schemas/"

ERRORS: Mapping[str, ErrorRow] = {row.code: row for row in (*ERROR_ROWS.values(), INTERNAL)}
"""Every error row by its code."""

_NULL: Json = {"type": "null"}
_USER_ID: Json = {
    "description": "A number where it looks like one, else text. Both forms are read.",
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": 10**15 - 1},
        {"type": "string", "minLength": 1, "maxLength": MAX_USER_ID_CHARS},
    ],
}


def definitions() -> dict[str, Json]:
    """Return the schemas of all requests, answers, events and the envelope, by name and sorted."""
    plugin = _Plugin(schema_name_resolver=_resolve_name)
    spec = APISpec("", "", "3.1.0", plugins=[plugin])
    converter: Any = plugin.converter  # apispec does not type its methods
    for operation in OPERATIONS.values():
        converter.resolve_nested_schema(operation.request)
        converter.resolve_nested_schema(operation.response)
    for event in EVENTS.values():
        converter.resolve_nested_schema(event.schema)
    converter.resolve_nested_schema(PushPayloadSchema)
    found = {**spec.components.schemas, **_envelope(), "UserId": _USER_ID}
    # The event is an envelope's error, which `render` passes on without a look at its code.
    found["ErrorEvent"]["properties"]["code"] = ref("ErrorCode")
    return dict(sorted(found.items()))


def name_of(schema: type[Schema]) -> str:
    """Name a schema as clients see it: `MessageSchema` is `Message`, the event `PongSchema` `PongEvent`."""
    name = schema.__name__.removesuffix("Schema")
    is_event = schema.__module__ == events.__name__
    return name + "Event" if is_event and not name.endswith("Event") else name


def ref(schema: type[Schema] | str) -> Json:
    """Refer to a definition."""
    return {"$ref": COMPONENTS + (schema if isinstance(schema, str) else name_of(schema))}


def reachable(document: Any, known: Mapping[str, Json]) -> dict[str, Json]:
    """Keep the definitions that a document refers to, directly or not."""
    wanted: set[str] = set()
    waiting = list(_references(document))
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += _references(known[name])
    return {name: known[name] for name in known if name in wanted}


def rebase(value: Any, prefix: str) -> Any:
    """Copy a document with its definitions at another place."""
    if isinstance(value, list):
        return [rebase(item, prefix) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$ref"), str):
        return {"$ref": prefix + value["$ref"].removeprefix(COMPONENTS)}
    return {key: rebase(item, prefix) for key, item in value.items()}


def success_of(data: Json) -> Json:
    """Wrap the schema of an answer as `envelope.success` wraps the answer."""
    return _all_of({"ok": {"const": True}, "data": data})


def not_null(shape: Json) -> Json:
    """Take null out of a shape, for places that cannot hold it (a query string)."""
    shape = dict(shape)
    if isinstance(shape.get("type"), list):
        types = [kind for kind in shape["type"] if kind != "null"]
        shape["type"] = types[0] if len(types) == 1 else types
    if "enum" in shape:
        shape["enum"] = [word for word in shape["enum"] if word is not None]
    if "anyOf" in shape:
        options = [option for option in shape["anyOf"] if option != _NULL]
        return options[0] if len(options) == 1 else shape | {"anyOf": options}
    return shape


class _Converter(OpenAPIConverter):
    """apispec's walk over schemas and its registry of them, with our own shape for each field."""

    def schema2jsonschema(self, schema: Any) -> Json:
        instance = resolve_schema_instance(schema)
        strict = _is_request(instance)
        declared = {field.data_key or name: field for name, field in instance.fields.items()}
        required = [name for name, field in declared.items() if field.required or not strict]
        return {
            "type": "object",
            "description": inspect.getdoc(type(instance)),
            "properties": {name: self.field2property(field) for name, field in declared.items()},
            **({"required": required} if required else {}),
            **({"additionalProperties": False} if strict else {}),
        }

    def field2property(self, field: fields.Field[Any]) -> Json:
        shape = _shape(field, self)
        if field.allow_none:
            shape = _or_null(shape)
        has_default = _is_request(field.root) and isinstance(field.load_default, int | str)
        return shape | ({"default": field.load_default} if has_default else {})


class _Plugin(MarshmallowPlugin):
    Converter = _Converter


def _resolve_name(schema: type[Schema]) -> str:
    instance = resolve_schema_instance(schema)
    # A nested schema with a part left out is not the one of that name: nameless, it stands where it is used.
    return "" if instance.only or instance.exclude else name_of(type(instance))


def _is_request(schema: object) -> bool:
    return type(schema).__module__ == requests.__name__


def _limits(field: fields.Field[Any], **limits: Any) -> Json:
    if not _is_request(field.root):
        return {}
    return {key: value for key, value in limits.items() if value is not None}


def _or_null(shape: Json) -> Json:
    if "type" not in shape:
        return {"anyOf": [*(shape.get("anyOf") or [shape]), _NULL]}
    types = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
    if "null" in types:
        return shape
    return shape | {"type": [*types, "null"]} | ({"enum": [*shape["enum"], None]} if "enum" in shape else {})


def _shape(field: Any, converter: _Converter) -> Json:
    describe = next((_SHAPES[kind] for kind in type(field).__mro__ if kind in _SHAPES), None)
    if describe is None:
        raise TypeError(f"{type(field).__name__} has no JSON Schema: add a line to _SHAPES")
    return describe(field, converter)


def _text(field: Any, _: _Converter) -> Json:
    return {
        "type": "string",
        **_limits(field, minLength=None if field.blank else 1, maxLength=field.max_chars),
    }


def _nested(field: Any, converter: Any) -> Json:
    return dict(converter.resolve_nested_schema(field.schema))


def _dict(field: Any, converter: _Converter) -> Json:
    values = converter.field2property(field.value_field) if field.value_field else {}
    return {"type": "object", "additionalProperties": values}


# A field is described by the first of its classes that stands here.
_SHAPES: Mapping[type, Callable[[Any, _Converter], Json]] = {
    Choice: lambda field, _: {"type": "string", "enum": list(field.choices)},
    Link: lambda field, converter: _text(field, converter) | {"format": "uri-reference"},
    PushEndpoint: lambda field, converter: _text(field, converter) | {"format": "uri"},
    UserId: lambda _field, _: ref("UserId"),
    Text: _text,
    Int: lambda field, _: {
        "type": "integer",
        **_limits(field, minimum=field.minimum, maximum=field.maximum),
    },
    Flag: lambda _field, _: {"type": "boolean"},
    Scalar: lambda field, _: {"type": ["string", "number", "boolean"], **_limits(field, maxLength=256)},
    Timestamp: lambda _field, _: {"type": "string", "format": "date-time"},
    Revisions: lambda field, _: {
        "type": "object",
        "additionalProperties": {"type": "integer", "minimum": 0, "maximum": MAX_INT},
        "maxProperties": field.maximum,
    },
    Tuple: lambda field, converter: {
        "type": "array",
        "items": converter.field2property(field.inner),
        "minItems": field.minimum,
        "maxItems": field.maximum,
    },
    fields.List: lambda field, converter: {"type": "array", "items": converter.field2property(field.inner)},
    fields.Dict: _dict,
    fields.Nested: _nested,
    fields.UUID: lambda _field, _: {"type": "string", "format": "uuid"},
    fields.Float: lambda _field, _: {"type": "number"},
    # What a function returns cannot be seen; there is one, `message_id` of `message_read_receipt`.
    fields.Function: lambda _field, _: {"type": ["string", "null"]},
    fields.Constant: lambda field, _: _NULL if field.constant is None else {"type": "array", "items": {}},
}


def _envelope() -> dict[str, Json]:
    error = {
        "code": ref("ErrorCode"),
        "message": {"type": "string", "description": "For people, in the caller's language."},
        "details": {"type": "object", "additionalProperties": {}},
        "retryable": {"type": "boolean", "description": "The same request may succeed later."},
        "request_id": {"type": "string"},
    }
    return {
        "Envelope": {
            "description": "The one form of every answer.",
            "oneOf": [ref("Success"), ref("Failure")],
        },
        "ErrorBody": {"description": "Branch on `code` alone.", **_all_of(error)},
        "ErrorCode": {"type": "string", "enum": list(ERRORS)},
        "Failure": {
            "description": "It was refused.",
            **_all_of({"ok": {"const": False}, "error": ref("ErrorBody")}),
        },
        "Success": {"description": "It was done.", **success_of({})},
    }


def _all_of(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": [*properties]}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str) and target.startswith(COMPONENTS):
            yield target.removeprefix(COMPONENTS)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
