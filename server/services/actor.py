"""The authenticated caller of an operation."""

from dataclasses import dataclass
from typing import Literal

from server.domain.models import Locale
from server.services.auth import Claims
from server.services.ports import Connection

__all__ = ["Actor", "Locale", "choose_locale", "find_locale"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, in which language, and over which connection (None over HTTP). A service has no user id."""

    kind: Literal["user", "service"]
    user_id: str
    locale: Locale
    claims: Claims | None = None
    connection: Connection | None = None

    @property
    def key(self) -> str:
        """A name that tells actors apart, for kept answers and logs."""
        return f"user:{self.user_id}" if self.kind == "user" else "service"


def find_locale(wanted: object) -> Locale | None:
    """Find Spanish or English in a tag such as `en-GB`, or in an Accept-Language list; None if neither is there."""
    if isinstance(wanted, str):
        for part in wanted.split(",")[:10]:
            language = part.strip()[:2].lower()
            if language == "es":
                return "es"
            if language == "en":
                return "en"
    return None


def choose_locale(wanted: object, default: Locale) -> Locale:
    """Pick Spanish or English as `find_locale` finds it; else the default."""
    return find_locale(wanted) or default
