"""marshmallow's schemas, run without its ceremony.

A schema says what a request or an answer looks like, and is what the documents are made from. To read or write one
value marshmallow walks through it generically, 10 to 15 us a message. Here the walk is done once, when the server
starts, and leaves a list of what to do with each field. The fields (`fields.py`) do the same work either way.

Whatever is out of the ordinary goes to marshmallow: so its errors are the only ones.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing

from server.contract.requests import RequestSchema

Dump = Callable[[Any], dict[str, Any]]
Load = Callable[[Any], Any]

_Get = Callable[[Any], Any]
_Part = tuple[str, str, fields.Field[Any], Callable[..., Any]]


def dumper(schema: Schema) -> Dump:
    """Return a function that does what `schema.dump` does, for objects (mappings are left to marshmallow)."""
    parts = [(field.data_key or name, _getter(name, field)) for name, field in schema.dump_fields.items()]

    def dump(value: Any) -> dict[str, Any]:
        if isinstance(value, Mapping):
            return dict(schema.dump(value))
        return {name: get(value) for name, get in parts}

    return dump


def _getter(name: str, field: fields.Field[Any]) -> _Get:
    if isinstance(field, fields.Constant):
        constant = field.constant
        return lambda _: constant
    get = attrgetter(field.attribute or name)
    if type(field) is fields.Nested:
        return _nested(get, dumper(field.schema))
    if type(field) is fields.List and type(field.inner) is fields.Nested:
        return _list(get, dumper(field.inner.schema))
    if type(field)._serialize is fields.Field._serialize:  # noqa: SLF001 - marshmallow's documented point of extension
        return get
    if type(field).__module__ == "server.contract.fields":
        return lambda obj: field._serialize(get(obj), name, obj)  # noqa: SLF001
    return lambda obj: field.serialize(name, obj)


def _nested(get: _Get, dump: Dump) -> _Get:
    def nested(obj: Any) -> Any:
        value = get(obj)
        return None if value is None else dump(value)

    return nested


def _list(get: _Get, dump: Dump) -> _Get:
    return lambda obj: [dump(item) for item in get(obj)]


def loader(schema: RequestSchema) -> Load:
    """Return a function that does what `schema.load` does.

    Raises (when called):
        ValidationError: what came is not what the schema asks for.
    """
    if not _is_plain(schema):
        return schema.load
    parts = [(field.data_key or name, name, field, _reader(field)) for name, field in schema.load_fields.items()]
    make = schema.command

    def load(payload: Any) -> Any:
        values = _read(payload, parts) if type(payload) is dict else None
        return schema.load(payload) if values is None else make(**values)

    return load


def _reader(field: fields.Field[Any]) -> Callable[..., Any]:
    """Return `field.deserialize`, or what is left of it where nothing is registered to be called before or after."""
    if field.pre_load or field.post_load or field.validators:
        return field.deserialize
    return field._deserialize  # noqa: SLF001 - see _getter


def _read(payload: dict[str, Any], parts: list[_Part]) -> dict[str, Any] | None:
    """Return the fields of a payload; None if anything is wrong with it."""
    values = {}
    found = 0
    for key, name, field, read in parts:
        value = payload.get(key, missing)
        if value is missing:
            if field.required:
                return None
            default = field.load_default
            if default is not missing:
                values[name] = default() if callable(default) else default
            continue
        found += 1
        if value is None:
            if not field.allow_none:
                return None
            values[name] = None
            continue
        try:
            values[name] = read(value, key, payload)
        except ValidationError:
            return None
    return values if found == len(payload) else None


def _is_plain(schema: RequestSchema) -> bool:
    """Tell whether loading is nothing but the fields and `make_command`."""
    hooks = {name for found in schema._hooks.values() for name, *_ in found}  # noqa: SLF001 - see test_quick.py
    return hooks == {"make_command"} and type(schema).make_command is RequestSchema.make_command
