"""Page cursors: opaque to clients, a JSON list to us."""

import base64
import binascii
import json
from typing import Any

from server.domain.errors import InvalidPayloadError


def encode_cursor(*position: str | int) -> str:
    """Write the last row's sort key as an opaque text."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type) -> tuple[Any, ...]:
    """Read a cursor made by `encode_cursor`.

    Raises:
        InvalidPayloadError: it was made up.
    """
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        position = None
    if (
        not isinstance(position, list)
        or len(position) != len(types)
        or not all(type(value) is kind and _is_storable(value) for value, kind in zip(position, types, strict=True))
    ):
        raise InvalidPayloadError({"cursor": ["Not a cursor of this list."]})
    return tuple(position)


def _is_storable(value: object) -> bool:
    """Tell whether a database can compare a value with its columns: 64 bits; no U+0000, no lone surrogate."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    text = str(value)
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
