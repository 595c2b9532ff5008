"""JSON, with the interface that python-socketio asks of a `json` module, by orjson.

orjson refuses what JSON does not allow: NaN, lone surrogates, and nesting deeper than 1,024, which would otherwise end
in a RecursionError.
"""

from typing import Any

import orjson

JSONDecodeError = orjson.JSONDecodeError


def dumps(value: Any, **_options: Any) -> str:
    """Write a value as compact JSON."""
    return orjson.dumps(value).decode()


def loads(text: str | bytes, **_options: Any) -> Any:
    """Read JSON.

    Raises:
        ValueError: it is not JSON.
    """
    return orjson.loads(text)
