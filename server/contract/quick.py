"""marshmallow's schemas, run without its ceremony.

A schema says what a request or an answer looks like, and is what the documents are made from. To read or write one
value marshmallow walks through it generically, 10 to 15 us a message. Here the walk is done once, when the server
starts, and leaves a list of what to do with each field. The fields (`fields.py`) do the same work either way.

Whatever is out of the ordinary goes to marshmallow: so its errors are the only ones.
"""

from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing

from server.contract.requests import RequestSchema

Dump = Callable[[Any], dict[str, Any]]
Load = Callable[[Any], Any]

_Get = Callable[[Any], Any]
_Convert = Callable[[Any], Any]
_Part = tuple[str, str, fields.Field[Any], Callable[..., Any]]


def dumper(schema: Schema) -> Dump:
    """Return a function that does what `schema.dump` does, for objects (mappings are left to marshmallow).

    Attributes are read all at once. The latest answer is remembered: the event of a message and the answer to its
    sender are made of the same object, one right after the other. So answers are not to be changed.
    """
    attributes: list[tuple[str, str, _Convert | None]] = []
    others: list[tuple[str, _Get]] = []
    for name, field in schema.dump_fields.items():
        key = field.data_key or name
        if isinstance(field, fields.Constant):
            others.append((key, _constant(field.constant)))
        elif (converter := _converter(name, field)) is not _BY_MARSHMALLOW:
            attributes.append((key, field.attribute or name, converter))
        else:
            others.append((key, partial(field.serialize, name)))
    keys = [key for key, _, _ in attributes]
    read = _reader_of([attribute for _, attribute, _ in attributes])
    converters = [(at, convert) for at, (_, _, convert) in enumerate(attributes) if convert is not None]
    latest: tuple[Any, dict[str, Any]] = (object(), {})

    def dump(value: Any) -> dict[str, Any]:
        nonlocal latest
        if value is latest[0]:
            return latest[1]
        if isinstance(value, Mapping):
            return dict(schema.dump(value))
        values = read(value)
        for at, convert in converters:
            values[at] = convert(values[at])
        answer = dict(zip(keys, values, strict=True))
        for key, get in others:
            answer[key] = get(value)
        latest = (value, answer)
        return answer

    return dump


def _reader_of(attributes: list[str]) -> Callable[[Any], list[Any]]:
    if not attributes:
        return lambda _: []
    get = attrgetter(*attributes)
    return (lambda obj: [get(obj)]) if len(attributes) == 1 else (lambda obj: list(get(obj)))


def _constant(value: Any) -> _Get:
    return lambda _: value


def _by_marshmallow(_value: Any) -> Any:
    raise NotImplementedError


_BY_MARSHMALLOW: _Convert = _by_marshmallow


def _converter(name: str, field: fields.Field[Any]) -> _Convert | None:
    """Return what is to be done with the value of an attribute; None: nothing."""
    if type(field) is fields.Nested:
        return _nested(dumper(field.schema))
    if type(field) is fields.List:
        return _list(_converter(name, field.inner))
    if type(field)._serialize is fields.Field._serialize:  # noqa: SLF001 - marshmallow's documented point of extension
        return None
    if type(field).__module__ == "server.contract.fields":
        return lambda value: field._serialize(value, name, None)  # noqa: SLF001
    return _BY_MARSHMALLOW


def _nested(dump: Dump) -> _Convert:
    return lambda value: None if value is None else dump(value)


def _list(convert: _Convert | None) -> _Convert:
    if convert is _BY_MARSHMALLOW:
        return convert
    if convert is None:
        return lambda values: None if values is None else list(values)
    return lambda values: None if values is None else [convert(value) for value in values]


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
