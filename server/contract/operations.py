"""Every operation, one row each: where it can be asked, what it takes, what it answers.

Namespaces, plain WebSocket routes, the HTTP API and the exported documents are all built from this table. To add an
operation: a command, a request schema, a row here, a service method, a line in `bootstrap.handlers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from marshmallow import Schema

from server.contract import requests, schemas
from server.contract.requests import RequestSchema

MESSAGING = "/messaging"
THREADS = "/threads"
NOTIFICATIONS = "/notifications"
PRESENCE = "/presence"
NAMESPACES = (MESSAGING, THREADS, NOTIFICATIONS, PRESENCE)

_ALL = frozenset(NAMESPACES)
_CHAT = frozenset({MESSAGING, THREADS})
_INBOX = frozenset({MESSAGING})
_ROOM = frozenset({THREADS})
_CENTRE = frozenset({NOTIFICATIONS})
_STATUS = frozenset({PRESENCE})


@dataclass(frozen=True, slots=True)
class Operation:
    """One row. `http` is `METHOD /path` below `/api/v1`; `concurrent` operations need not wait for one another.

    `loopback`: over HTTP from the same machine it needs no token.
    """

    name: str
    summary: str
    request: type[RequestSchema]
    response: type[Schema]
    namespaces: frozenset[str] = frozenset()
    http: str | None = None
    actor: Literal["user", "service"] = "user"
    concurrent: bool = False
    loopback: bool = False

    @property
    def method(self) -> str:
        """The HTTP method."""
        return (self.http or "").partition(" ")[0]

    @property
    def path(self) -> str:
        """The HTTP path below `/api/v1`."""
        return (self.http or "").partition(" ")[2]


_ROWS = (
    Operation(
        "ping",
        "Check the connection, and whether the client is up to date.",
        requests.PingRequest,
        schemas.PingResultSchema,
        _ALL,
    ),
    Operation(
        "refresh_token",
        "Go on with a newer token of the same user.",
        requests.RefreshTokenRequest,
        schemas.TokenAcceptedSchema,
        _ALL,
    ),
    Operation(
        "sync",
        "What changed since the revisions that the client holds.",
        requests.SyncRequest,
        schemas.SyncResultSchema,
        _CHAT | _CENTRE,
        "POST /sync",
    ),
    Operation(
        "list_threads",
        "The actor's threads, newest activity first.",
        requests.ListThreadsRequest,
        schemas.ThreadPageSchema,
        _INBOX,
        "GET /threads",
    ),
    Operation(
        "get_thread",
        "One thread.",
        requests.ThreadRequest,
        schemas.ThreadSchema,
        _CHAT,
        "GET /threads/{thread_id}",
    ),
    Operation(
        "create_thread",
        "Open a thread, or find the direct one that exists.",
        requests.CreateThreadRequest,
        schemas.ThreadSchema,
        _INBOX,
        "POST /threads",
    ),
    Operation(
        "list_people",
        "People whom the actor may write to.",
        requests.ListPeopleRequest,
        schemas.PeoplePageSchema,
        _INBOX,
        "GET /people",
    ),
    Operation(
        "get_history",
        "A stretch of a thread's messages, ascending.",
        requests.GetHistoryRequest,
        schemas.HistoryPageSchema,
        _CHAT,
        "GET /threads/{thread_id}/messages",
    ),
    Operation(
        "join_conversation",
        "Hear who is typing in a thread.",
        requests.ThreadRequest,
        schemas.DoneSchema,
        _INBOX,
    ),
    Operation(
        "leave_conversation",
        "No longer hear who is typing in a thread.",
        requests.ThreadRequest,
        schemas.DoneSchema,
        _INBOX,
    ),
    Operation("join", "Hear a thread.", requests.ThreadRequest, schemas.ThreadSchema, _ROOM),
    Operation("leave", "No longer hear a thread.", requests.ThreadRequest, schemas.DoneSchema, _ROOM),
    Operation(
        "send_message",
        "Write into a thread.",
        requests.SendMessageRequest,
        schemas.MessageSchema,
        _CHAT,
        "POST /threads/{thread_id}/messages",
        concurrent=True,
    ),
    Operation(
        "mark_as_read",
        "Read up to a message, or to the thread's last.",
        requests.MarkReadRequest,
        schemas.ReadPositionSchema,
        _CHAT,
        "POST /threads/{thread_id}/read",
    ),
    Operation(
        "mark_messages_read",
        "Read up to the newest of these messages.",
        requests.MarkMessagesReadRequest,
        schemas.ReadPositionSchema,
        _CHAT,
    ),
    Operation(
        "mark_delivered",
        "Everything up to a message has reached the device.",
        requests.MarkDeliveredRequest,
        schemas.DeliveredPositionSchema,
        _CHAT,
        "POST /threads/{thread_id}/delivered",
    ),
    Operation(
        "typing_start",
        "The actor is typing; renew within 6 seconds.",
        requests.ThreadRequest,
        schemas.DoneSchema,
        _CHAT,
    ),
    Operation("typing_stop", "The actor stopped typing.", requests.ThreadRequest, schemas.DoneSchema, _CHAT),
    Operation(
        "list_notifications",
        "The actor's notifications, newest first.",
        requests.ListNotificationsRequest,
        schemas.NotificationPageSchema,
        _CENTRE,
        "GET /notifications",
    ),
    Operation(
        "mark_notification_read",
        "Read a notification.",
        requests.NotificationRequest,
        schemas.NotificationsUpdatedSchema,
        _CENTRE,
        "POST /notifications/{notification_id}/read",
    ),
    Operation(
        "mark_all_notifications_read",
        "Read all notifications.",
        requests.MarkAllNotificationsReadRequest,
        schemas.NotificationsUpdatedSchema,
        _CENTRE,
        "POST /notifications/read-all",
    ),
    Operation(
        "clear_notification",
        "Remove a notification from the centre.",
        requests.NotificationRequest,
        schemas.NotificationsUpdatedSchema,
        _CENTRE,
        "DELETE /notifications/{notification_id}",
    ),
    Operation(
        "get_settings",
        "The actor's settings, and the devices that get their pushes.",
        requests.GetSettingsRequest,
        schemas.SettingsSchema,
        _CENTRE,
        "GET /settings",
    ),
    Operation(
        "update_settings",
        "Change some of the actor's settings.",
        requests.UpdateSettingsRequest,
        schemas.SettingsSchema,
        _CENTRE,
        "PATCH /settings",
    ),
    Operation(
        "subscribe_push",
        "Push to this browser from now on.",
        requests.SubscribePushRequest,
        schemas.DeviceSchema,
        _CENTRE,
        "POST /push/subscriptions",
    ),
    Operation(
        "unsubscribe_push",
        "No longer push to a browser.",
        requests.UnsubscribePushRequest,
        schemas.DoneSchema,
        _CENTRE,
        # Not DELETE: that would put the endpoint, which is a secret, into the address.
        "POST /push/subscriptions/remove",
    ),
    Operation(
        "heartbeat",
        "The client is alive, and in sight or not.",
        requests.HeartbeatRequest,
        schemas.HeartbeatResultSchema,
        _STATUS,
    ),
    Operation(
        "get_presence",
        "Who of these is there; people with whom the actor shares no thread are left out.",
        requests.GetPresenceRequest,
        schemas.PresenceListSchema,
        _STATUS,
        "GET /presence",
    ),
    Operation(
        "put_user",
        "Create or rename a person.",
        requests.PutUserRequest,
        schemas.UserSchema,
        http="PUT /users/{user_id}",
        actor="service",
    ),
    Operation(
        "notify",
        "Notify one user, several, or everyone in a thread.",
        requests.NotifyRequest,
        schemas.NotifiedSchema,
        http="POST /notifications",
        actor="service",
    ),
    Operation(
        "open_thread",
        "Open a thread for others; unknown users are created.",
        requests.CreateThreadRequest,
        schemas.ThreadSchema,
        http="POST /threads",
        actor="service",
    ),
    Operation(
        "post_message",
        "Write for a participant, or as the system.",
        requests.PostMessageRequest,
        schemas.MessageSchema,
        http="POST /threads/{thread_id}/messages",
        actor="service",
        concurrent=True,
    ),
    Operation(
        "revoke_tokens",
        "Revoke a token, or a user's tokens.",
        requests.RevokeTokensRequest,
        schemas.DoneSchema,
        http="POST /tokens/revoke",
        actor="service",
    ),
    Operation(
        "disconnect_user",
        "Close a user's connections.",
        requests.UserRequest,
        schemas.DoneSchema,
        http="DELETE /users/{user_id}/connections",
        actor="service",
    ),
    Operation(
        "get_stats",
        "How busy the server is (service token or loopback).",
        requests.GetStatsRequest,
        schemas.StatsSchema,
        http="GET /stats",
        actor="service",
        loopback=True,
    ),
)

OPERATIONS: Mapping[str, Operation] = {row.name: row for row in _ROWS}
