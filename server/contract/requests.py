"""What comes in: a request schema an operation, each yielding its frozen command (`domain/commands.py`).

Unknown fields are errors (marshmallow's default, kept on purpose: a misspelt option must not be ignored).
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema

from server.contract.fields import (
    MAX_ENDPOINT_CHARS,
    Choice,
    Flag,
    Id,
    Int,
    Link,
    PushAuth,
    PushEndpoint,
    PushKey,
    Revisions,
    Scalar,
    Text,
    Timestamp,
    Tuple,
    UserId,
)
from server.domain import commands
from server.domain.commands import UNSET
from server.domain.models import PushKeys, Subject

MAX_NAME_CHARS = 200
_CANONICAL_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAX_DEVICE_NAME_CHARS = 100
MAX_HEADS = 100
MAX_SYNC_THREADS = 500
MAX_PARTICIPANTS = 5_000


class RequestSchema(Schema):
    """Base: turns validated fields into `command`."""

    command: ClassVar[type]

    @post_load
    def make_command(self, data: Mapping[str, Any], **_: Any) -> Any:
        """Build the frozen command."""
        return self.command(**data)


def _client_message_id() -> fields.UUID:
    return ClientMessageId(load_default=None, allow_none=True)


class ClientMessageId(fields.UUID):
    """A UUID as text; a retry with the same one is the same message."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise self.make_error("invalid_uuid")
        if _CANONICAL_UUID.fullmatch(value):
            return value
        return str(super()._deserialize(value, attr, data, **kwargs))


def _limit() -> Int:
    return Int(minimum=1, maximum=100, load_default=50)


def _locale(**options: Any) -> Choice:
    return Choice("es", "en", allow_none=True, **options)


def _cursor() -> Text:
    return Text(max_chars=256, load_default=None, allow_none=True)


class PingRequest(RequestSchema):
    """Timestamp to echo, and the revisions that the client holds."""

    command = commands.Ping
    timestamp = Scalar(load_default=None, allow_none=True)
    heads = Revisions(maximum=MAX_HEADS, load_default=None, allow_none=True)


class RefreshTokenRequest(RequestSchema):
    """A newer token of the same user."""

    command = commands.RefreshToken
    token = Text(max_chars=8192, required=True)


class SyncRequest(RequestSchema):
    """The revisions from which to catch up; 0 means from the beginning."""

    command = commands.Sync
    threads = Revisions(maximum=MAX_SYNC_THREADS, load_default=None, allow_none=True)
    notifications = Int(load_default=None, allow_none=True)


class ListThreadsRequest(RequestSchema):
    """A page of threads."""

    command = commands.ListThreads
    cursor = _cursor()
    limit = _limit()


class ThreadRequest(RequestSchema):
    """A thread."""

    command = commands.ThreadCommand
    thread_id = Id(required=True)


class SubjectRequest(Schema):
    """What a thread is about."""

    type = Text(max_chars=50, required=True)
    id = Text(max_chars=100, required=True)
    title = Text(max_chars=MAX_NAME_CHARS, required=True)
    url = Link(load_default=None, allow_none=True)
    image_url = Link(load_default=None, allow_none=True)

    @post_load
    def make_subject(self, data: Mapping[str, Any], **_: Any) -> Subject:
        """Build the frozen subject."""
        return Subject(**data)


class CreateThreadRequest(RequestSchema):
    """The thread to open; the caller need not name themselves."""

    command = commands.CreateThread
    kind = Choice("direct", "group", required=True)
    participant_ids = Tuple(UserId(), maximum=MAX_PARTICIPANTS, required=True)
    title = Text(max_chars=MAX_NAME_CHARS, load_default=None, allow_none=True)
    subject = fields.Nested(SubjectRequest, load_default=None, allow_none=True)


class ListPeopleRequest(RequestSchema):
    """People by a part of their name."""

    command = commands.ListPeople
    query = Text(max_chars=100, load_default=None, allow_none=True)
    cursor = _cursor()
    limit = _limit()


class GetHistoryRequest(RequestSchema):
    """A stretch of history; at most one of the anchors."""

    command = commands.GetHistory
    thread_id = Id(required=True)
    before_seq = Int(load_default=None, allow_none=True)
    after_seq = Int(load_default=None, allow_none=True)
    around_seq = Int(load_default=None, allow_none=True)
    limit = _limit()

    @validates_schema
    def one_anchor(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse a request that names two places at once."""
        named = [key for key in ("before_seq", "after_seq", "around_seq") if data.get(key) is not None]
        if len(named) > 1:
            raise ValidationError({key: ["At most one of before_seq, after_seq, around_seq."] for key in named})


class SendMessageRequest(RequestSchema):
    """A message of 1 to `MAX_MESSAGE_CHARS` code points (4,000 unless configured otherwise)."""

    command = commands.SendMessage
    thread_id = Id(required=True)
    content = Text(required=True)
    client_message_id = _client_message_id()


class MarkReadRequest(RequestSchema):
    """A message, or a thread (to its last message)."""

    command = commands.MarkRead
    thread_id = Id(load_default=None)
    message_id = Id(load_default=None)

    @validates_schema
    def something(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse a request that names nothing."""
        if data.get("thread_id") is None and data.get("message_id") is None:
            raise ValidationError({"message_id": ["One of message_id, thread_id is required."]})


class MarkMessagesReadRequest(RequestSchema):
    """Up to 100 messages of one thread."""

    command = commands.MarkMessagesRead
    message_ids = Tuple(Id(), required=True)
    thread_id = Id(load_default=None)


class MarkDeliveredRequest(RequestSchema):
    """How far the device has received."""

    command = commands.MarkDelivered
    thread_id = Id(required=True)
    seq = Int(minimum=1, required=True)


class ListNotificationsRequest(RequestSchema):
    """A page of notifications."""

    command = commands.ListNotifications
    cursor = _cursor()
    limit = _limit()


class NotificationRequest(RequestSchema):
    """A notification."""

    command = commands.NotificationCommand
    notification_id = Id(required=True)


class MarkAllNotificationsReadRequest(RequestSchema):
    """Nothing to say."""

    command = commands.MarkAllNotificationsRead


class GetSettingsRequest(RequestSchema):
    """Nothing to say."""

    command = commands.GetSettings


class UpdateSettingsRequest(RequestSchema):
    """What to change, at least one; what is left out stays. A `locale` of null means the server's own."""

    command = commands.UpdateSettings
    locale = _locale(load_default=UNSET)
    sound = Flag(load_default=UNSET)
    push_messages = Flag(load_default=UNSET)
    push_notifications = Choice("all", "urgent", "none", load_default=UNSET)
    push_preview = Flag(load_default=UNSET)

    @validates_schema
    def something(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse a request that changes nothing."""
        if all(value is UNSET for value in data.values()):
            raise ValidationError({"locale": [f"At least one of {', '.join(self.fields)} is required."]})


class PushKeysRequest(Schema):
    """A browser's keys, as `PushSubscription.toJSON()` has them."""

    p256dh = PushKey(required=True)
    auth = PushAuth(required=True)

    @post_load
    def make_keys(self, data: Mapping[str, Any], **_: Any) -> PushKeys:
        """Build the frozen keys."""
        return PushKeys(**data)


class SubscribePushRequest(RequestSchema):
    """A browser's push subscription, and what to call the device."""

    command = commands.SubscribePush
    endpoint = PushEndpoint(required=True)
    keys = fields.Nested(PushKeysRequest, required=True)
    device_name = Text(max_chars=MAX_DEVICE_NAME_CHARS, load_default=None, allow_none=True)


class UnsubscribePushRequest(RequestSchema):
    """A device, by its id or by its endpoint."""

    command = commands.UnsubscribePush
    endpoint = Text(max_chars=MAX_ENDPOINT_CHARS, load_default=None, allow_none=True)
    device_id = Id(load_default=None, allow_none=True)

    @validates_schema
    def one_device(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse a request that names no device, or two."""
        if (data.get("endpoint") is None) == (data.get("device_id") is None):
            raise ValidationError({"endpoint": ["Exactly one of endpoint, device_id is required."]})


class HeartbeatRequest(RequestSchema):
    """Alive, and whether in sight."""

    command = commands.Heartbeat
    timestamp = Scalar(load_default=None, allow_none=True)
    visible = Flag(load_default=None, allow_none=True)


class GetPresenceRequest(RequestSchema):
    """People to look for."""

    command = commands.GetPresence
    user_ids = Tuple(UserId(), maximum=500, required=True)


class PutUserRequest(RequestSchema):
    """A person's name, picture and language. Left out, there is no picture, and the language stays what it is."""

    command = commands.PutUser
    user_id = UserId(required=True)
    display_name = Text(max_chars=MAX_NAME_CHARS, required=True)
    avatar_url = Link(load_default=None, allow_none=True)
    locale = _locale(load_default=UNSET)


class PostMessageRequest(RequestSchema):
    """A message for a participant, or of the system."""

    command = commands.PostMessage
    thread_id = Id(required=True)
    content = Text(required=True)
    sender_id = UserId(load_default=None, allow_none=True)
    client_message_id = _client_message_id()


class NotifyRequest(RequestSchema):
    """A notification for one user, several, or a thread."""

    command = commands.Notify
    user_id = UserId(load_default=None, allow_none=True)
    user_ids = Tuple(UserId(), maximum=1_000, load_default=None, allow_none=True)
    thread_id = Id(load_default=None, allow_none=True)
    title = Text(max_chars=MAX_NAME_CHARS, required=True)
    message = Text(max_chars=2_000, required=True)
    priority = Choice("low", "medium", "high", "urgent", load_default="medium")
    action_url = Link(load_default=None, allow_none=True)

    @validates_schema
    def one_target(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse a notification for nobody, or for two kinds of addressees."""
        if sum(data.get(key) is not None for key in ("user_id", "user_ids", "thread_id")) != 1:
            raise ValidationError({"user_id": ["Exactly one of user_id, user_ids, thread_id is required."]})


class RevokeTokensRequest(RequestSchema):
    """A token, or a user and a moment."""

    command = commands.RevokeTokens
    jti = Text(max_chars=256, load_default=None, allow_none=True)
    user_id = UserId(load_default=None, allow_none=True)
    issued_before = Timestamp(load_default=None, allow_none=True)

    @validates_schema
    def one_target(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse a revocation of nothing, or of two things."""
        if (data.get("jti") is None) == (data.get("user_id") is None):
            raise ValidationError({"jti": ["Exactly one of jti, user_id is required."]})
        if data.get("jti") is not None and data.get("issued_before") is not None:
            raise ValidationError({"issued_before": ["Goes with user_id only."]})


class UserRequest(RequestSchema):
    """A user."""

    command = commands.DisconnectUser
    user_id = UserId(required=True)


class GetStatsRequest(RequestSchema):
    """Nothing to say."""

    command = commands.GetStats
