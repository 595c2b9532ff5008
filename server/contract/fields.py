"""Marshmallow fields that take what JSON can mean and nothing else.

The stock ones are generous: `String` takes bytes, U+0000 and lone surrogates (which PostgreSQL cannot store),
`Integer` takes "1", `Boolean` takes "yes".
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from marshmallow import ValidationError, fields

from server.domain.addresses import is_public_host
from server.domain.ids import MAX_USER_ID_CHARS, is_numeric_user_id

Messages = dict[str, str | list[Any] | dict[Any, Any]]
"""As marshmallow declares `default_error_messages`."""

MAX_INT = 2**53 - 1
"""The largest integer that every JSON reader holds exactly."""

MAX_ENDPOINT_CHARS = 2_048
"""Of a push endpoint; those of today's browsers have up to 800. PostgreSQL indexes no text of more than 2,700 bytes."""
HTTPS_PORT = 443
AUTH_BYTES = 16

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime.fromtimestamp(0, UTC)
_URL = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_NOT_IN_LINKS = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_VISIBLE_ASCII = re.compile(r"[!-~]+")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")


class Text(fields.Field[str]):
    """Text that any database can store: no U+0000, no lone surrogate; not blank unless `blank`."""

    default_error_messages: Messages = {
        "invalid": "Not a string.",
        "nul": "U+0000 is not allowed.",
        "surrogate": "A lone surrogate is not allowed.",
        "blank": "Must not be blank.",
        "long": "Longer than {max_chars} characters.",
    }

    def __init__(self, *, max_chars: int | None = None, blank: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_chars = max_chars
        self.blank = blank

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if "\x00" in value:
            raise self.make_error("nul")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise self.make_error("surrogate") from None
        if not self.blank and not value.strip():
            raise self.make_error("blank")
        if self.max_chars is not None and len(value) > self.max_chars:
            raise self.make_error("long", max_chars=self.max_chars)
        return value


class Id(Text):
    """A thread, message or notification id: opaque text. An unknown one is `not_found`, not an invalid payload."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_chars=64, **kwargs)


class UserId(Text):
    """A user id: a JSON number or text in, a number out where it looks like one (`0|[1-9][0-9]{0,14}`)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_chars=MAX_USER_ID_CHARS, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
            if not is_numeric_user_id(value):
                raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)

    def _serialize(self, value: str | None, attr: str | None, obj: Any, **_: Any) -> int | str | None:
        return _user_id_on_the_wire(value)


class Int(fields.Field[int]):
    """A JSON integer within bounds; neither text nor a boolean, nor a fraction."""

    default_error_messages: Messages = {
        "invalid": "Not an integer.",
        "range": "Must be from {minimum} to {maximum}.",
    }

    def __init__(self, *, minimum: int = 0, maximum: int = MAX_INT, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.minimum = minimum
        self.maximum = maximum

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid")
        if not self.minimum <= value <= self.maximum:
            raise self.make_error("range", minimum=self.minimum, maximum=self.maximum)
        return value


class Flag(fields.Field[bool]):
    """JSON true or false."""

    default_error_messages: Messages = {"invalid": "Not a boolean."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Scalar(fields.Field[Any]):
    """Any JSON scalar of at most 256 characters, given back as it came."""

    default_error_messages: Messages = {"invalid": "Not a scalar of at most 256 characters."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not isinstance(value, str | int | float) or (isinstance(value, str) and len(value) > 256):  # noqa: PLR2004
            raise self.make_error("invalid")
        return value


class Choice(Text):
    """One of a few words."""

    default_error_messages: Messages = {"choice": "Must be one of: {choices}."}

    def __init__(self, *choices: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices = choices

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        word = super()._deserialize(value, attr, data, **kwargs)
        if word not in self.choices:
            raise self.make_error("choice", choices=", ".join(self.choices))
        return word


class Timestamp(fields.Field[int]):
    """Milliseconds since the epoch inside, RFC 3339 UTC with `Z` on the wire."""

    default_error_messages: Messages = {"invalid": "Not an RFC 3339 time with a zone."}

    def _serialize(self, value: int | None, attr: str | None, obj: Any, **_: Any) -> str | None:
        return _timestamp(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int:
        text = value.upper() if isinstance(value, str) else ""
        if not _RFC3339.fullmatch(text):  # ISO 8601, which Python reads, has many more forms
            raise self.make_error("invalid")
        try:
            # By integers: a float would now and then come out a millisecond short.
            return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
        except ValueError:
            raise self.make_error("invalid") from None


class Link(Text):
    """An address that is safe to open: http(s), or a path on the app's own site."""

    default_error_messages: Messages = {"link": "Must be an http(s) URL or a path beginning with /."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_chars=2048, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        link = super()._deserialize(value, attr, data, **kwargs)
        is_path = link.startswith("/") and not link.startswith(("//", "/\\"))
        if not (is_path or _URL.match(link)) or _NOT_IN_LINKS.search(link):
            raise self.make_error("link")
        return link


class PushEndpoint(Text):
    """Where to push: an address that a browser got from its push service, and that the server then calls.

    So it must be https, on a public host and the usual port, and name no user. What the host resolves to is checked
    when it is called.
    """

    default_error_messages: Messages = {"endpoint": "Must be an https:// address of a public push service, port 443."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_chars=MAX_ENDPOINT_CHARS, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        endpoint = super()._deserialize(value, attr, data, **kwargs)
        try:
            is_good = _VISIBLE_ASCII.fullmatch(endpoint) is not None and _is_push_service(urlsplit(endpoint))
        except ValueError:  # a port that is no number, a bracket that is not closed
            is_good = False
        if not is_good or "\\" in endpoint:
            raise self.make_error("endpoint")
        return endpoint


class Base64Url(Text):
    """Bytes as base64url, given back without padding."""

    default_error_messages: Messages = {"base64": "Not base64url."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_chars=128, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not _BASE64URL.fullmatch(text):
            raise self.make_error("base64")
        text = text.rstrip("=")
        try:
            self._check(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except binascii.Error:
            raise self.make_error("base64") from None
        return text

    def _check(self, value: bytes) -> None:
        """Refuse bytes that are not what they should be."""


class PushKey(Base64Url):
    """A browser's public key: an uncompressed point of P-256, 65 bytes."""

    default_error_messages: Messages = {"key": "Not an uncompressed point of P-256 (65 bytes)."}

    def _check(self, value: bytes) -> None:
        try:
            is_point = value[:1] == b"\x04" and ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), value)
        except ValueError:
            is_point = False
        if not is_point:
            raise self.make_error("key")


class PushAuth(Base64Url):
    """A browser's authentication secret: 16 bytes."""

    default_error_messages: Messages = {"auth": "Not 16 bytes."}

    def _check(self, value: bytes) -> None:
        if len(value) != AUTH_BYTES:
            raise self.make_error("auth")


class Tuple(fields.List[Any]):
    """A JSON list of bounded length, as a tuple without repetitions."""

    default_error_messages: Messages = {"count": "Must have {minimum} to {maximum} items."}

    def __init__(self, inner: fields.Field[Any], *, minimum: int = 1, maximum: int = 100, **kwargs: Any) -> None:
        super().__init__(inner, **kwargs)
        self.minimum = minimum
        self.maximum = maximum

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, list) and not self.minimum <= len(value) <= self.maximum:
            raise self.make_error("count", minimum=self.minimum, maximum=self.maximum)
        return tuple(dict.fromkeys(super()._deserialize(value, attr, data, **kwargs)))


class Revisions(fields.Field[Mapping[str, int]]):
    """`{thread_id: rev}`, at most `maximum` of them."""

    default_error_messages: Messages = {"invalid": "Not an object of at most {maximum} revisions by thread id."}

    def __init__(self, *, maximum: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.maximum = maximum
        self._id = Id()
        self._rev = Int()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Mapping[str, int]:
        if not isinstance(value, dict) or len(value) > self.maximum:
            raise self.make_error("invalid", maximum=self.maximum)
        try:
            return {str(self._id.deserialize(key)): int(self._rev.deserialize(rev) or 0) for key, rev in value.items()}
        except ValidationError:
            raise self.make_error("invalid", maximum=self.maximum) from None


def _is_push_service(url: SplitResult) -> bool:
    return (
        url.scheme == "https"
        and "@" not in url.netloc
        and url.port in (None, HTTPS_PORT)
        and not url.fragment
        and is_public_host(url.hostname or "")
    )


def rfc3339(ms: int) -> str:
    """Write milliseconds since the epoch as `2025-01-01T12:00:00.000Z`."""
    seconds, rest = divmod(ms, 1000)
    return f"{_whole_second(seconds)}.{rest:03d}Z"


def _timestamp(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)


@lru_cache(maxsize=4096)
def _user_id_on_the_wire(user_id: str | None) -> int | str | None:
    return int(user_id) if user_id is not None and is_numeric_user_id(user_id) else user_id


@lru_cache(maxsize=1024)
def _whole_second(seconds: int) -> str:
    """Most times that are told are of the last few seconds."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:-6]


WRITERS: Mapping[type[fields.Field[Any]], Callable[[Any], Any]] = {
    UserId: _user_id_on_the_wire,
    Timestamp: _timestamp,
}
"""What these write of a value, without the rest of a field's ceremony (`quick.py`)."""
