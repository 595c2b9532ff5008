"""Identifiers: how they are made and what they look like.

Thread, message and notification ids are UUIDv7 strings (RFC 9562 5.7): unique without coordination and ordered
by time, so that indexes grow at one end. User ids belong to the users' own backend: any non-empty string; those
that look like a small number travel as JSON numbers (see `contract/fields.py`).
"""

import base64
import os
import re
import time
from functools import lru_cache

MAX_USER_ID_CHARS = 128

NUMERIC_USER_ID = re.compile(r"0|[1-9][0-9]{0,14}")


_RANDOM_BYTES = 10
_DRAWN_AT_ONCE = 256
_drawn: list[bytes] = []


def new_id() -> str:
    """Return a fresh UUIDv7 as text."""
    random_bytes = _random_bytes()
    tail = random_bytes.hex()
    variant = "89ab"[random_bytes[-1] & 3]
    return f"{_time_part(time.time_ns() // 1_000_000)}-7{tail[:3]}-{variant}{tail[3:6]}-{tail[6:18]}"


@lru_cache(maxsize=1)
def _time_part(ms: int) -> str:
    """A busy server makes several ids a millisecond."""
    digits = f"{ms:012x}"
    return f"{digits[:8]}-{digits[8:]}"


def new_secret() -> str:
    """Return 20 characters that nobody can guess or meets twice (120 random bits), fit for URLs."""
    return base64.urlsafe_b64encode(_random_bytes() + _random_bytes()[:5]).decode()


def _random_bytes() -> bytes:
    """Return fresh random bytes. They are drawn many at once: a call for each id lets go of the interpreter's lock."""
    try:
        return _drawn.pop()  # atomic, so any thread may
    except IndexError:
        drawn = os.urandom(_RANDOM_BYTES * _DRAWN_AT_ONCE)
        pieces = [drawn[at : at + _RANDOM_BYTES] for at in range(0, len(drawn), _RANDOM_BYTES)]
        _drawn.extend(pieces[1:])
        return pieces[0]


def is_numeric_user_id(user_id: str) -> bool:
    """Tell whether a user id is a JSON number on the wire."""
    return NUMERIC_USER_ID.fullmatch(user_id) is not None
