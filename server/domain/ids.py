"""Identifiers: how they are made and what they look like.

Thread, message and notification ids are UUIDv7 strings (RFC 9562 5.7): unique without coordination and ordered
by time, so that indexes grow at one end. User ids belong to the users' own backend: any non-empty string; those
that look like a small number travel as JSON numbers (see `contract/fields.py`).
"""

import re
import secrets
import time
import uuid

MAX_USER_ID_CHARS = 128

NUMERIC_USER_ID = re.compile(r"0|[1-9][0-9]{0,14}")


def new_id() -> str:
    """Return a fresh UUIDv7 as text."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def is_numeric_user_id(user_id: str) -> bool:
    """Tell whether a user id is a JSON number on the wire."""
    return NUMERIC_USER_ID.fullmatch(user_id) is not None
