"""What goes out: the nouns and answers as JSON objects (dumped, never loaded)."""

from typing import Any, get_args

from marshmallow import Schema, fields

from server.contract.fields import Choice, Flag, Id, Int, Link, Scalar, Text, Timestamp, UserId
from server.domain.models import Locale, Message, MessageKind, PresenceState, Priority, PushNote, Role, ThreadKind


class SubjectSchema(Schema):
    """What a thread is about."""

    type = Text()
    id = Text()
    title = Text()
    url = Link(allow_none=True)
    image_url = Link(allow_none=True)


class MessageSchema(Schema):
    """A message. The last keys are null or empty until the features behind them exist; they are always there."""

    id = Id()
    content = Text()
    sender_id = UserId(allow_none=True)
    sender_name = Text(allow_none=True)
    thread_id = Id()
    sent_at = Timestamp()
    is_read = Flag()
    seq = Int()
    rev = Int()
    kind = Choice(*get_args(MessageKind))
    client_message_id = Text(allow_none=True)
    edited_at = fields.Constant(None)
    deleted_at = fields.Constant(None)
    expires_at = fields.Constant(None)
    reply_to = fields.Constant(None)
    reactions: fields.Constant[list[Any]] = fields.Constant([])
    attachments: fields.Constant[list[Any]] = fields.Constant([])


class ParticipantSchema(Schema):
    """A user's place in a thread."""

    user_id = UserId()
    display_name = Text()
    avatar_url = Link(allow_none=True)
    role = Choice(*get_args(Role))
    read_seq = Int()
    read_at = Timestamp(allow_none=True)
    delivered_seq = Int()
    delivered_at = Timestamp(allow_none=True)
    joined_at = Timestamp()


class ThreadSchema(Schema):
    """A thread as the actor sees it. Of a large thread's participants the first 100 by time of joining are listed."""

    id = Id()
    kind = Choice(*get_args(ThreadKind))
    title = Text(allow_none=True)
    subject = fields.Nested(SubjectSchema, allow_none=True)
    created_by = UserId(allow_none=True)
    created_at = Timestamp()
    activity_at = Timestamp()
    last_seq = Int()
    rev = Int()
    participant_count = Int()
    participants = fields.List(fields.Nested(ParticipantSchema))
    last_message = fields.Nested(MessageSchema, allow_none=True)
    unread_count = Int()


class UserSchema(Schema):
    """A person. When they were last seen is told by presence alone, to those who may know."""

    id = UserId()
    display_name = Text()
    avatar_url = Link(allow_none=True)
    locale = Choice(*get_args(Locale), allow_none=True)


class NotificationSchema(Schema):
    """A notification."""

    id = Id()
    title = Text()
    message = Text()
    priority = Choice(*get_args(Priority))
    action_url = Link(allow_none=True)
    timestamp = Timestamp(attribute="created_at")
    read_at = Timestamp(allow_none=True)
    cleared_at = Timestamp(allow_none=True)
    rev = Int()


class ReceiptSchema(Schema):
    """How far a participant has read and received."""

    user_id = UserId()
    user_name = Text()
    read_seq = Int()
    read_at = Timestamp(allow_none=True)
    delivered_seq = Int()
    delivered_at = Timestamp(allow_none=True)
    rev = Int()


class PresenceSchema(Schema):
    """Whether a person is there."""

    user_id = UserId()
    user_name = Text()
    is_online = Flag()
    last_seen = Timestamp(attribute="last_seen_at", allow_none=True)
    state = Choice(*get_args(PresenceState))


class DoneSchema(Schema):
    """An empty object."""


class PingResultSchema(Schema):
    """Threads in which the client is behind."""

    behind = fields.List(Id())


class TokenAcceptedSchema(Schema):
    """Until when the connection may now live."""

    expires_at = Timestamp()


class ThreadPageSchema(Schema):
    """One page of threads."""

    threads = fields.List(fields.Nested(ThreadSchema))
    next_cursor = Text(allow_none=True)
    total_unread = Int()


class PeoplePageSchema(Schema):
    """One page of people."""

    people = fields.List(fields.Nested(UserSchema))
    next_cursor = Text(allow_none=True)


class HistoryPageSchema(Schema):
    """A stretch of messages, ascending by `seq`."""

    messages = fields.List(fields.Nested(MessageSchema))
    has_more_before = Flag()
    has_more_after = Flag()


class ReadPositionSchema(Schema):
    """How far the actor has read."""

    thread_id = Id()
    read_seq = Int()
    unread_count = Int()


class DeliveredPositionSchema(Schema):
    """How far the actor's devices have received."""

    thread_id = Id()
    delivered_seq = Int()


class ThreadChangesSchema(Schema):
    """What changed in a thread; `removed`: forget it; `more`: ask again from `rev`."""

    rev = Int()
    thread = fields.Nested(ThreadSchema, allow_none=True)
    messages = fields.List(fields.Nested(MessageSchema))
    receipts = fields.List(fields.Nested(ReceiptSchema))
    unread_count = Int()
    removed = Flag()
    more = Flag()


class NotificationChangesSchema(Schema):
    """What changed in the notification centre; `more`: ask again from `rev`."""

    rev = Int()
    items = fields.List(fields.Nested(NotificationSchema))
    more = Flag()
    unread_count = Int()


class SyncResultSchema(Schema):
    """Changes by thread id, and of the notification centre if asked for (else null)."""

    threads = fields.Dict(keys=Id(), values=fields.Nested(ThreadChangesSchema))
    notifications = fields.Nested(NotificationChangesSchema, allow_none=True)


class NotificationPageSchema(Schema):
    """One page of notifications."""

    notifications = fields.List(fields.Nested(NotificationSchema))
    next_cursor = Text(allow_none=True)
    unread_count = Int()
    rev = Int()


class NotificationsUpdatedSchema(Schema):
    """How the notification centre stands after a change."""

    unread_count = Int()
    rev = Int()


class NotifiedSchema(Schema):
    """The notifications that were stored."""

    notifications = fields.List(fields.Nested(NotificationSchema))


class DeviceSchema(Schema):
    """A browser that gets pushes."""

    id = Id()
    name = Text(allow_none=True)
    created_at = Timestamp()


class PushStateSchema(Schema):
    """The key to subscribe with (null: this server does not push), and the devices that did."""

    public_key = Text(allow_none=True)
    devices = fields.List(fields.Nested(DeviceSchema))


class SettingsSchema(Schema):
    """A person's settings, alike on all of their devices."""

    locale = Choice("es", "en", attribute="preferences.locale", allow_none=True)
    sound = Flag(attribute="preferences.sound")
    push_messages = Flag(attribute="preferences.push_messages")
    push_notifications = Choice("all", "urgent", "none", attribute="preferences.push_notifications")
    push_preview = Flag(attribute="preferences.push_preview")
    push = fields.Nested(PushStateSchema)


class PushPayloadSchema(Schema):
    """What a service worker gets, as the JSON text of a push."""

    type = Choice("message", "notification")
    id = Id()
    thread_id = Id(allow_none=True)
    title = Text()
    body = Text()
    tag = Text()
    url = Link()
    urgent = Flag()
    timestamp = Timestamp()
    locale = Choice("es", "en")


class HeartbeatResultSchema(Schema):
    """The server's clock, and the client's timestamp as given."""

    server_time = Timestamp()
    timestamp = Scalar(allow_none=True)


class PresenceListSchema(Schema):
    """Presence of those who were asked for and may be seen."""

    users = fields.List(fields.Nested(PresenceSchema))


class StatsSchema(Schema):
    """How busy the answering process is."""

    active_connections = Int()
    online_users = Int()
    total_messages_sent = Int()
    uptime_s = fields.Float()


_MESSAGE = MessageSchema()
_PUSH_PAYLOAD = PushPayloadSchema()


def dump_message(message: Message) -> dict[str, Any]:
    """Render a message; events and answers share this one form."""
    return dict(_MESSAGE.dump(message))


def dump_push(note: PushNote) -> dict[str, Any]:
    """Render what a push says."""
    return dict(_PUSH_PAYLOAD.dump(note))
