"""marshmallow's schemas, run without its ceremony.

A schema says what a request or an answer looks like, and is what the documents are made from. To read or write one
value marshmallow walks through it generically, 10 to 15 us a message. Here the walk is done once, when the server
starts, and leaves a list of what to do with each field. The fields (`fields.py`) do the same work either way.

Whatever is out of the ordinary goes to marshmallow: so its errors are the only ones.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from marshmallow import Schema, ValidationError, fields, missing

from server.contract.fields import WRITERS
from server.contract.requests import RequestSchema

Dump = Callable[[Any], dict[str, Any]]
Load = Callable[[Any], Any]

_Convert = Callable[[Any], Any]
_Part = tuple[str, str, Callable[..., Any], bool, bool, Any]
"""Of a field: its key, its name, what reads it, whether it must be there, whether it may be null, its default."""

_DUMPERS: dict[type[Schema], Dump] = {}


def dumper(schema: Schema) -> Dump:
    """Return a function that does what `schema.dump` does, for objects (mappings are left to marshmallow).

    There is one for each class of schemas, and it remembers its latest answer: the event of a message and the answer to
    its sender are made of the same object, one right after the other. So answers are not to be changed.
    """
    if schema.many or schema.only is not None or schema.exclude:
        return _new_dumper(schema)
    dump = _DUMPERS.get(type(schema))
    if dump is None:
        dump = _DUMPERS[type(schema)] = _new_dumper(schema)
    return dump


def _new_dumper(schema: Schema) -> Dump:
    write = _writer(schema)
    latest: tuple[Any, dict[str, Any]] = (object(), {})
    known: type = Schema  # the class of what came last, which is no mapping: asking is dear

    def dump(value: Any) -> dict[str, Any]:
        nonlocal latest, known
        if value is latest[0]:
            return latest[1]
        if type(value) is not known:
            if isinstance(value, Mapping):
                return dict(schema.dump(value))
            known = type(value)
        answer = write(value)
        latest = (value, answer)
        return answer

    return dump


def _writer(schema: Schema) -> Dump:
    """Compile a schema to one expression: `lambda value: {"id": value.id, "read_at": convert_5(value.read_at)}`."""
    parts: list[str] = []
    known: dict[str, Any] = {}
    for number, (name, field) in enumerate(schema.dump_fields.items()):
        attribute = f"value.{field.attribute or name}"
        if isinstance(field, fields.Constant):
            known[f"constant_{number}"], text = field.constant, f"constant_{number}"
        elif (convert := _converter(name, field)) is _BY_MARSHMALLOW:
            known[f"serialize_{number}"], text = partial(field.serialize, name), f"serialize_{number}(value)"
        elif convert is None:
            text = attribute
        else:
            known[f"convert_{number}"], text = convert, f"convert_{number}({attribute})"
        parts.append(f"{field.data_key or name!r}: {text}")
    return cast("Dump", eval(f"lambda value: {{{', '.join(parts)}}}", known))  # noqa: S307 - names are those of our schemas


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
    if type(field) in WRITERS:
        return WRITERS[type(field)]
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
    parts = [_part(name, field) for name, field in schema.load_fields.items()]
    make = schema.command

    def load(payload: Any) -> Any:
        values = _read(payload, parts) if type(payload) is dict else None
        return schema.load(payload) if values is None else make(**values)

    return load


def _part(name: str, field: fields.Field[Any]) -> _Part:
    is_bare = not (field.pre_load or field.post_load or field.validators)
    # What is left of `deserialize` where nothing is registered to be called before or after.
    read = field._deserialize if is_bare else field.deserialize  # noqa: SLF001 - see _converter
    return field.data_key or name, name, read, field.required, field.allow_none, field.load_default


def _read(payload: dict[str, Any], parts: list[_Part]) -> dict[str, Any] | None:
    """Return the fields of a payload; None if anything is wrong with it."""
    values = {}
    found = 0
    for key, name, read, is_required, may_be_null, default in parts:
        value = payload.get(key, missing)
        if value is missing:
            if is_required:
                return None
            if default is not missing:
                values[name] = default() if callable(default) else default
            continue
        found += 1
        if value is None:
            if not may_be_null:
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
