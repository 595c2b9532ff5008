"""Every event, one row each: its name, form and where it is heard. `render` turns a domain event into both.

`error` has a row for the documents; its payload is an envelope's error with the name of the operation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields

from server.contract.fields import Flag, Id, Int, Scalar, Text, Timestamp, UserId
from server.contract.operations import MESSAGING, NAMESPACES, NOTIFICATIONS, PRESENCE, THREADS
from server.contract.quick import dumper
from server.contract.schemas import (
    MessageSchema,
    NotificationSchema,
    PresenceSchema,
    SettingsSchema,
    ThreadSchema,
    UserSchema,
)
from server.domain import events
from server.domain.events import Event


class ConnectionEstablishedSchema(Schema):
    """The first event of a connection."""

    message = Text()
    user_id = UserId()
    session_id = Text()
    server_time = Timestamp()
    heartbeat_interval_s = Int()
    reconnect_attempts = Int()
    recovered = Flag()


class ServiceDegradedSchema(Schema):
    """What does not work at present: `cluster`, people connected to other processes are heard late."""

    reason = Text()


class ServiceRestoredSchema(Schema):
    """Nothing to say."""


class ConnectionClosingSchema(Schema):
    """Why the server ends the connection, and whether and when to come back."""

    code = Text()
    retryable = Flag()
    reconnect_after_ms = Int(allow_none=True)


class ErrorSchema(Schema):
    """A refusal without an ack to carry it."""

    op = Text()
    code = Text()
    message = Text()
    details = fields.Dict()
    retryable = Flag()
    request_id = Text()


class PongSchema(Schema):
    """The timestamp of the `ping`, as given."""

    timestamp = Scalar(allow_none=True)


class TokenExpiringSchema(Schema):
    """When the token's time is over."""

    expires_at = Timestamp()


class NewMessageSchema(Schema):
    """A message was stored."""

    message = fields.Nested(MessageSchema)


class MessageReadReceiptSchema(Schema):
    """A participant has read all up to `read_seq`; `unread_count` is the reader's."""

    message_id = fields.Function(lambda event: event.message_ids[-1] if event.message_ids else None)
    message_ids = fields.List(Id())
    thread_id = Id(attribute="receipt.thread_id")
    read_by = Text(attribute="receipt.user_name")
    reader_id = UserId(attribute="receipt.user_id")
    read_at = Timestamp(attribute="receipt.read_at")
    read_seq = Int(attribute="receipt.read_seq")
    unread_count = Int(attribute="receipt.unread_count")
    rev = Int(attribute="receipt.rev")


class MessageDeliveredReceiptSchema(Schema):
    """All up to `delivered_seq` has reached a participant's device."""

    thread_id = Id(attribute="receipt.thread_id")
    user_id = UserId(attribute="receipt.user_id")
    user_name = Text(attribute="receipt.user_name")
    delivered_seq = Int(attribute="receipt.delivered_seq")
    delivered_at = Timestamp(attribute="receipt.delivered_at")
    rev = Int(attribute="receipt.rev")


class ThreadCreatedSchema(Schema):
    """A thread was opened."""

    thread = fields.Nested(ThreadSchema)


class TypingNotificationSchema(Schema):
    """A participant began or stopped typing."""

    user_id = UserId()
    user_name = Text()
    thread_id = Id()
    is_typing = Flag()


class UserUpdatedSchema(Schema):
    """A person's name or picture changed."""

    user = fields.Nested(UserSchema)


class NotificationEventSchema(NotificationSchema):
    """A notification, and how many are now unread."""

    unread_count = Int()


class NotificationUpdatedSchema(Schema):
    """Notifications were read or cleared: those named, or all."""

    notification_ids = fields.List(Id())
    all = Flag()
    read_at = Timestamp(allow_none=True)
    cleared_at = Timestamp(allow_none=True)
    unread_count = Int()
    rev = Int()


class SettingsUpdatedSchema(Schema):
    """The person's settings, as `get_settings` answers them."""

    settings = fields.Nested(SettingsSchema)


@dataclass(frozen=True, slots=True)
class EventRow:
    """One row; `durable` events carry a `rev` and can be caught up by `sync`.

    `newest_by`: of a volatile event, the fields that tell what it is about. An older one of the same may be left out.
    """

    name: str
    summary: str
    schema: type[Schema]
    namespaces: tuple[str, ...]
    durable: bool = False
    newest_by: tuple[str, ...] = ()


_CHAT = (MESSAGING, THREADS)

_ROWS = (
    EventRow("connection_established", "The connection is ready.", ConnectionEstablishedSchema, NAMESPACES),
    EventRow("connection_closing", "The server ends the connection.", ConnectionClosingSchema, NAMESPACES),
    EventRow("service_degraded", "The server works with less than usual.", ServiceDegradedSchema, NAMESPACES),
    EventRow("service_restored", "The server works as usual again.", ServiceRestoredSchema, NAMESPACES),
    EventRow("error", "An operation without an ack was refused.", ErrorSchema, NAMESPACES),
    EventRow("pong", "The answer to `ping`.", PongSchema, NAMESPACES),
    EventRow("token_expiring", "The token ends soon: send `refresh_token`.", TokenExpiringSchema, NAMESPACES),
    EventRow("new_message", "A message was stored.", NewMessageSchema, _CHAT, durable=True),
    EventRow("message_read_receipt", "Someone read.", MessageReadReceiptSchema, _CHAT, durable=True),
    EventRow("message_delivered_receipt", "Someone received.", MessageDeliveredReceiptSchema, _CHAT, durable=True),
    EventRow("thread_created", "A thread was opened.", ThreadCreatedSchema, (MESSAGING,), durable=True),
    EventRow(
        "typing_notification",
        "Someone began or stopped typing.",
        TypingNotificationSchema,
        _CHAT,
        newest_by=("thread_id", "user_id"),
    ),
    EventRow("user_updated", "A person's name or picture changed.", UserUpdatedSchema, (MESSAGING,)),
    EventRow("user_status_update", "A person came or went.", PresenceSchema, (PRESENCE,), newest_by=("user_id",)),
    EventRow("general_notification", "A notification.", NotificationEventSchema, (NOTIFICATIONS,), durable=True),
    EventRow(
        "urgent_notification",
        "An urgent notification.",
        NotificationEventSchema,
        (NOTIFICATIONS,),
        durable=True,
    ),
    EventRow(
        "notification_updated",
        "Notifications were read or cleared.",
        NotificationUpdatedSchema,
        (NOTIFICATIONS,),
        durable=True,
    ),
    EventRow("settings_updated", "The person's settings or devices changed.", SettingsUpdatedSchema, (NOTIFICATIONS,)),
)

EVENTS: Mapping[str, EventRow] = {row.name: row for row in _ROWS}

_NAMES: Mapping[type[Event], str] = {
    events.ConnectionEstablished: "connection_established",
    events.ConnectionClosing: "connection_closing",
    events.ServiceDegraded: "service_degraded",
    events.ServiceRestored: "service_restored",
    events.Pong: "pong",
    events.TokenExpiring: "token_expiring",
    events.MessageSent: "new_message",
    events.MessagesRead: "message_read_receipt",
    events.MessagesDelivered: "message_delivered_receipt",
    events.ThreadCreated: "thread_created",
    events.TypingChanged: "typing_notification",
    events.UserUpdated: "user_updated",
    events.NotificationUpdated: "notification_updated",
    events.SettingsUpdated: "settings_updated",
}

_NOTIFICATION = dumper(NotificationSchema())
_DUMPERS = {row.name: dumper(row.schema()) for row in _ROWS}


def render(event: Event) -> tuple[str, dict[str, Any]]:
    """Return the event's name and payload on the wire."""
    special = _SPECIAL.get(type(event))
    if special is not None:
        return special(event)
    name = _NAMES[type(event)]
    return name, _DUMPERS[name](event)


def _render_presence(event: Any) -> tuple[str, dict[str, Any]]:
    return "user_status_update", _DUMPERS["user_status_update"](event.presence)


def _render_notification(event: Any) -> tuple[str, dict[str, Any]]:
    name = "urgent_notification" if event.notification.priority == "urgent" else "general_notification"
    return name, _NOTIFICATION(event.notification) | {"unread_count": event.unread_count}


def _render_failure(event: Any) -> tuple[str, dict[str, Any]]:
    return "error", {"op": event.op, **event.error}


_SPECIAL: Mapping[type[Event], Callable[[Any], tuple[str, dict[str, Any]]]] = {
    events.PresenceChanged: _render_presence,
    events.NotificationCreated: _render_notification,
    events.OperationFailed: _render_failure,
}
