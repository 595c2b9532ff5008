"""What a push says, in the language and as openly as its person chose. Never more than `MAX_PAYLOAD_BYTES` as JSON."""

import re
import unicodedata
from collections.abc import Mapping

from server.domain.models import Locale, Message, Notification, Preferences, PushNote, ThreadKind

MAX_PAYLOAD_BYTES = 3_000
"""Push services take 4,096 bytes, encrypted and with its head."""
MAX_TITLE_CHARS = 100
MAX_BODY_CHARS = 200
MAX_URL_BYTES = 1_000

_ZERO_WIDTH_JOINER = "\u200d"
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]+")
_SITE = "VeriHome"
_NEW_MESSAGE: Mapping[Locale, str] = {"es": "Nuevo mensaje", "en": "New message"}
_NEW_NOTIFICATION: Mapping[Locale, str] = {"es": "Nueva notificación", "en": "New notification"}


def note_of_message(
    message: Message, thread: tuple[ThreadKind, str | None], preferences: Preferences, default: Locale
) -> PushNote:
    """Describe a message of a thread, whose kind and title are given."""
    kind, title = thread
    locale = preferences.locale or default
    names = [message.sender_name, title if kind == "group" or message.sender_name is None else None]
    return PushNote(
        type="message",
        id=message.id,
        thread_id=message.thread_id,
        title=shorten(" · ".join(name for name in names if name) or _SITE, MAX_TITLE_CHARS),
        body=shorten(message.content, MAX_BODY_CHARS) if preferences.push_preview else _NEW_MESSAGE[locale],
        url=f"/t/{message.thread_id}",
        urgent=False,
        timestamp=message.sent_at,
        locale=locale,
    )


def note_of_notification(notification: Notification, preferences: Preferences, default: Locale) -> PushNote:
    """Describe a notification; without a preview even its title is text of its own."""
    locale, url = preferences.locale or default, notification.action_url or "/"
    shown = preferences.push_preview
    return PushNote(
        type="notification",
        id=notification.id,
        thread_id=None,
        title=shorten(notification.title, MAX_TITLE_CHARS) if shown else _SITE,
        body=shorten(notification.message, MAX_BODY_CHARS) if shown else _NEW_NOTIFICATION[locale],
        url=url if len(url.encode()) <= MAX_URL_BYTES else "/",
        urgent=notification.priority == "urgent",
        timestamp=notification.created_at,
        locale=locale,
    )


def shorten(text: str, max_chars: int) -> str:
    """Cut a text where a reader sees no half character, and say so; control characters become spaces."""
    text = _CONTROLS.sub(" ", text).strip()
    if len(text) <= max_chars:
        return text
    end = max_chars - 1
    while end and _belong_together(text[end - 1], text[end]):
        end -= 1
    return text[: end or max_chars - 1].rstrip() + "…"


def _belong_together(left: str, right: str) -> bool:
    """Tell whether two code points are (probably) parts of one character: accents, skins, families, flags."""
    return (
        unicodedata.category(right).startswith("M")
        or _ZERO_WIDTH_JOINER in (left, right)
        or "\U0001f3fb" <= right <= "\U0001f3ff"
        or (_is_flag_half(left) and _is_flag_half(right))
    )


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
