"""Live connections, as services see them: one class for Socket.IO, one for the plain WebSocket routes."""

import random
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from server.contract.events import render
from server.contract.operations import THREADS
from server.domain.events import ConnectionClosing, Event
from server.realtime.frames import Encoded
from server.realtime.hub import Hub, plain_event
from server.realtime.managers import LocalManager
from server.realtime.rooms import thread_room, typing_room, user_room
from server.realtime.sio import RealtimeServer
from server.realtime.websocket import WebSocket

RECONNECT_AFTER_MS = (500, 1_500)
"""Between these, by chance: those who are sent away together shall not come back together."""


class BaseConnection(ABC):
    """What both kinds share: which rooms a connection hears."""

    def __init__(self, connection_id: str, transport: str, namespace: str, thread_id: str | None) -> None:
        self.id = connection_id
        self.transport = transport
        self.namespace = namespace
        self.thread_id = thread_id

    @property
    def defaults(self) -> dict[str, Any]:
        """Fields that the connection implies in every operation."""
        return {} if self.thread_id is None else {"thread_id": self.thread_id}

    @property
    def is_recovered(self) -> bool:
        """Whether it goes on where another connection broke."""
        return False

    def send(self, event: Event) -> None:
        """Tell something to this connection alone; never waits."""
        self._send(*render(event))

    def expect(self, user_id: str) -> Awaitable[None] | None:
        """Return what to wait for until this process hears a user, and the connection's thread; None if nothing.

        The connection itself hears nothing yet. If it is let hear them next, it misses nothing from then on.
        """
        rooms = [user_room(user_id)] if self.thread_id is None else [user_room(user_id), thread_room(self.thread_id)]
        waits = [wait for room in rooms if (wait := self._heard(room)) is not None]
        return _all(waits) if waits else None

    def hear_user(self, user_id: str) -> Awaitable[None] | None:
        """Hear what concerns a user. Returns what to wait for until that is so on all processes; None if nothing."""
        return self._hear(user_room(user_id), hear=True)

    def hear_thread(self, thread_id: str, *, hear: bool) -> Awaitable[None] | None:
        """Hear a thread, typing included, or no longer. Returns what `hear_user` returns."""
        return self._hear(thread_room(thread_id), hear=hear)

    def hear_typing(self, thread_id: str, *, hear: bool) -> Awaitable[None] | None:
        """Hear who is typing in a thread, or no longer. Returns what `hear_user` returns."""
        room = thread_room(thread_id) if self.namespace == THREADS else typing_room(thread_id)
        return self._hear(room, hear=hear)

    def tell_closing(self, code: str, *, retryable: bool) -> None:
        """Say why the connection is about to be closed; never waits."""
        reconnect_after_ms = random.randint(*RECONNECT_AFTER_MS) if retryable else None  # noqa: S311 - no secret
        self.send(ConnectionClosing(code, retryable, reconnect_after_ms))

    @abstractmethod
    async def settle(self) -> None:
        """Read nothing more from the client, and wait until all that it asked is answered."""

    @abstractmethod
    async def close(self, close_code: int) -> None:
        """Close the transport with a close code; connections that share it are closed too."""

    @abstractmethod
    def _send(self, name: str, payload: dict[str, Any]) -> None: ...

    def _hear(self, room: str, *, hear: bool) -> Awaitable[None] | None:
        self._move(room, enter=hear)
        return self._heard(room) if hear else None

    @abstractmethod
    def _move(self, room: str, *, enter: bool) -> None: ...

    @abstractmethod
    def _heard(self, room: str) -> Awaitable[None] | None: ...


class SocketConnection(BaseConnection):
    """One namespace of a Socket.IO client; its id is the namespace's `sid`."""

    def __init__(self, server: RealtimeServer, sid: str, namespace: str, thread_id: str | None) -> None:
        super().__init__(sid, server.engine_sid_of(sid, namespace) or sid, namespace, thread_id)
        self._server = server

    @property
    def is_recovered(self) -> bool:
        """Whether it goes on where another connection broke."""
        return self._server.recovery is not None and self._server.recovery.is_recovered(self.id)

    def tell_closing(self, code: str, *, retryable: bool) -> None:
        """Say why; a DISCONNECT packet after a revocation, the one end after which the client shall stay away."""
        super().tell_closing(code, retryable=retryable)
        if code == "revoked":
            self._server.send_disconnect(self.id, self.namespace)

    async def settle(self) -> None:
        """Read nothing more from the client, and wait until all that it asked is answered."""
        session = self._server.eio.sockets.get(self.transport)
        if session is not None:
            await session.settle()

    async def close(self, close_code: int) -> None:
        """Close the Engine.IO session."""
        self._server.close_transport(self.transport, close_code)

    def _send(self, name: str, payload: dict[str, Any]) -> None:
        recovery = self._server.recovery
        # From its first event on the client can be recovered, also if nothing else ever comes.
        offset = recovery.offset_of(self.id) if recovery is not None and name == "connection_established" else None
        self._server.send_now(self.id, self.namespace, name, payload, *([] if offset is None else [offset]))

    def _move(self, room: str, *, enter: bool) -> None:
        self._server.move(self.id, self.namespace, room, enter=enter)

    def _heard(self, room: str) -> Awaitable[None] | None:
        manager: LocalManager = self._server.manager
        return manager.heard(room)


class PlainConnection(BaseConnection):
    """A client of one of the plain routes.

    `on_closed` is called once, when it is closed from here; `idle` waits until its operations are answered.
    """

    def __init__(
        self,
        hub: Hub,
        websocket: WebSocket,
        namespace: str,
        thread_id: str | None,
        on_closed: Callable[[], None],
        idle: Callable[[], Awaitable[None]],
    ) -> None:
        own = uuid.uuid4().hex
        super().__init__(own, own, namespace, thread_id)
        self._hub = hub
        self._websocket = websocket
        self._on_closed = on_closed
        self._idle = idle

    def write(self, message: Encoded) -> None:
        """Send a text; never waits. A client that reads too slowly is dropped with its own close code."""
        self._websocket.write(message)

    async def settle(self) -> None:
        """Read nothing more from the client, and wait until all that it asked is answered."""
        self._websocket.pause_reading()
        await self._idle()

    async def close(self, close_code: int) -> None:
        """Send what was written, and close."""
        self._websocket.close(close_code)
        self._on_closed()

    def leave_all(self) -> None:
        """Hear nothing any more."""
        self._hub.leave_all(self)

    def _send(self, name: str, payload: dict[str, Any]) -> None:
        self.write(plain_event(name, orjson.dumps(payload)))

    def _move(self, room: str, *, enter: bool) -> None:
        if enter and not self._websocket.closing:  # an operation may still be under way
            self._hub.enter(self, self.namespace, room)
        else:
            self._hub.leave(self, self.namespace, room)

    def _heard(self, room: str) -> Awaitable[None] | None:
        return self._hub.heard(room)


async def _all(waits: Sequence[Awaitable[None]]) -> None:
    for wait in waits:
        await wait
