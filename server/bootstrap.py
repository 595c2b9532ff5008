"""The composition root: everything is made here, once, by hand, and handed to what needs it."""

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from server.contract.errors import DRAINING_CLOSE_CODE
from server.contract.operations import NAMESPACES
from server.dispatch import Dispatcher
from server.domain.errors import UnavailableError
from server.realtime.cluster import RedisManager
from server.realtime.managers import LocalManager
from server.realtime.poll import newest_heads
from server.realtime.postgres_cluster import PostgresManager
from server.realtime.presence import DatabasePresenceStore, MemoryPresenceStore, RedisPresenceStore
from server.realtime.publisher import Publisher as RoomPublisher
from server.realtime.recovery import Recovery
from server.realtime.relay import Relay
from server.realtime.rows import Rows
from server.realtime.sio import RealtimeServer, create_server
from server.realtime.wakeups import Wakeups
from server.realtime.webpush import WebPush
from server.routes.health import StateCollector
from server.services import connections, presence, push, receipts, revocations
from server.services.auth import TokenVerifier
from server.services.connections import ConnectionService, Hello
from server.services.kept_answers import KeptAnswers
from server.services.limits import Limits
from server.services.messages import MessageService
from server.services.notifications import NotificationService
from server.services.people import PeopleService
from server.services.ports import Clock, Peers, PresenceStore, Publisher, PushSender
from server.services.presence import PresenceService
from server.services.push import PushingPublisher, PushService
from server.services.receipts import ReceiptService
from server.services.revocations import RevocationService
from server.services.stats import StatsService
from server.services.sync import SyncService
from server.services.tasks import Tasks
from server.services.threads import ThreadService
from server.services.typing import TypingService
from server.services.user_settings import UserSettingsService
from server.settings import Settings, redis_options
from server.storage.database import Database
from server.storage.engine import is_postgres, open_database
from server.storage.notices import PostgresNotices


def wall_clock() -> int:
    """Return milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Services:
    """One service for each noun."""

    people: PeopleService
    presence: PresenceService
    threads: ThreadService
    messages: MessageService
    receipts: ReceiptService
    typing: TypingService
    notifications: NotificationService
    revocations: RevocationService
    sync: SyncService
    connections: ConnectionService
    stats: StatsService
    kept_answers: KeptAnswers
    settings: UserSettingsService
    push: PushService | None


@dataclass(frozen=True, slots=True)
class Container:
    """The parts of a running process."""

    settings: Settings
    database: Database
    tasks: Tasks
    limits: Limits
    manager: LocalManager
    sio: RealtimeServer
    publisher: RoomPublisher
    services: Services
    dispatcher: Dispatcher
    relay: Relay | None
    registry: CollectorRegistry

    async def start(self) -> None:
        """Begin to listen to other processes and to look after connections."""
        self.manager.on_control = self._on_control
        self.manager.on_state = self._on_cluster_state
        self.manager.initialize()
        self.sio.manager_initialized = True
        await self.services.presence.tick()
        with suppress(UnavailableError):  # the database is away: the poll below goes on trying
            await self.services.revocations.poll()
        self.tasks.every(connections.CHECK_EVERY_S, self.services.connections.check_all, "check connections")
        self.tasks.every(revocations.POLL_S, self.services.revocations.poll, "poll revocations")
        self.tasks.every(presence.TICK_S, self.services.presence.tick, "presence tick")
        self.tasks.every(receipts.SWEEP_S, self.services.receipts.sweep, "sweep receipts")
        if self.services.push is not None:
            self.tasks.every(push.TICK_S, self.services.push.tick, "push tick")

    async def drain(self) -> None:
        """Let nobody in, and send all clients elsewhere. Nothing happens the second time."""
        if self.services.connections.draining:
            return
        await self.services.connections.drain(DRAINING_CLOSE_CODE, self.settings.drain_s)
        if self.relay is not None:  # not before: the other workers may be going too, and have clients to tell
            await self.relay.drain()
        await self.sio.shutdown()

    async def stop(self) -> None:
        """Commit what is queued, and let go of everything."""
        if self.services.push is not None:
            await self.services.push.close()
        with suppress(UnavailableError):  # the shutdown goes on although the database may be away
            await self.services.presence.close()
        if self.relay is not None:
            await self.relay.close()
        await self.tasks.close()
        if self.sio.recovery is not None:
            self.sio.recovery.close()
        await self.manager.close()
        await self.database.close()

    def _on_cluster_state(self, state: str) -> None:
        self.services.connections.set_degraded("cluster" if state == "degraded" else None)

    def _on_control(self, event: str, payload: dict[str, Any]) -> None:
        if event == "user_disconnected":
            self.tasks.start(self.services.connections.end_connections_of(payload["user_id"]), "disconnect user")


def build(
    settings: Settings,
    *,
    database: Database | None = None,
    now: Clock = wall_clock,
    push_sender: PushSender | None = None,
) -> Container:
    """Make all parts of a process; those that are named can be put in their place for tests and benchmarks."""
    database = database or open_database(settings.database_url, sqlite_synchronous=settings.sqlite_synchronous)
    tasks, registry = Tasks(), CollectorRegistry()
    manager, store = _cluster(settings, database)
    sio = create_server(
        client_manager=manager,
        namespaces=list(NAMESPACES),  # python-socketio's own would be `/`
        cors_allowed_origins=[],  # origins are checked for all routes alike, by a middleware
        keeps_environ=False,
        websocket_deflate=settings.websocket_deflate,
    )
    sio.default_locale = settings.default_locale
    relay = Relay(settings.worker) if settings.worker is not None else None
    if relay is not None:
        sio.eio.tag, sio.eio.relay = relay.worker.tag, relay.relay
    manager.rows = rows = Rows(database, manager.hears)
    sio.recovery = recovery = Recovery(manager, rows)
    publisher = RoomPublisher(manager)
    if push_sender is None and settings.vapid is not None:
        push_sender = WebPush(settings.vapid, now)
    limits = Limits(
        operations_per_s=settings.operations_per_s,
        connections_per_user=settings.connections_per_user,
        connections_per_address=settings.connections_per_address,
    )
    services = _make_services(settings, database, publisher, store, tasks, now, push_sender, limits=limits, peers=relay)
    registry.register(StateCollector(database, manager, publisher, recovery, services.stats, limits, services.push))
    return Container(
        settings=settings,
        database=database,
        tasks=tasks,
        limits=limits,
        manager=manager,
        sio=sio,
        publisher=publisher,
        services=services,
        dispatcher=Dispatcher(
            handlers(services), settling_handlers(services), services.connections.check_token, tasks, registry
        ),
        relay=relay,
        registry=registry,
    )


def settling_handlers(services: Services) -> Mapping[str, Callable[..., None]]:
    """Return the service methods that take no task: they begin at once, and settle later."""
    return {"send_message": services.messages.send, "post_message": services.messages.post}


def handlers(services: Services) -> Mapping[str, Callable[..., Any]]:
    """Return the service method of every other operation."""
    return {
        "ping": services.sync.ping,
        "refresh_token": services.connections.refresh_token,
        "sync": services.sync.sync,
        "list_threads": services.threads.list_threads,
        "get_thread": services.threads.get,
        "create_thread": services.threads.create,
        "open_thread": services.threads.open,
        "list_people": services.people.list_people,
        "get_history": services.messages.history,
        "join_conversation": services.threads.join_conversation,
        "leave_conversation": services.threads.leave_conversation,
        "join": services.threads.join,
        "leave": services.threads.leave,
        "mark_as_read": services.receipts.mark_read,
        "mark_messages_read": services.receipts.mark_messages_read,
        "mark_delivered": services.receipts.mark_delivered,
        "typing_start": services.typing.start,
        "typing_stop": services.typing.stop,
        "list_notifications": services.notifications.list_notifications,
        "mark_notification_read": services.notifications.mark_read,
        "mark_all_notifications_read": services.notifications.mark_all_read,
        "clear_notification": services.notifications.clear,
        "notify": services.notifications.notify,
        "heartbeat": services.presence.heartbeat,
        "get_presence": services.presence.get,
        "put_user": services.people.put,
        "revoke_tokens": services.revocations.revoke,
        "disconnect_user": services.connections.disconnect_user,
        "get_settings": services.settings.get,
        "update_settings": services.settings.update,
        "subscribe_push": services.settings.subscribe,
        "unsubscribe_push": services.settings.unsubscribe,
        "get_stats": services.stats.get,
    }


def _make_services(  # noqa: PLR0913 - all parts that services are made of
    settings: Settings,
    database: Database,
    publisher: Publisher,
    store: PresenceStore,
    tasks: Tasks,
    now: Clock,
    push_sender: PushSender | None,
    *,
    limits: Limits,
    peers: Peers | None,
) -> Services:
    public_key = settings.vapid.public if settings.vapid else None
    user_settings = UserSettingsService(database, publisher, now, public_key)
    people = PeopleService(database, publisher, user_settings, now, settings.directory)
    presence_service = PresenceService(database, publisher, store, now, tasks, settings.presence_grace_s)
    push_service, told = None, publisher
    if push_sender is not None:
        push_service = PushService(
            database, presence_service, user_settings, push_sender, now, tasks, settings.default_locale
        )
        told = PushingPublisher(publisher, push_service)
    threads = ThreadService(database, publisher, presence_service, now, settings.thread_creation)
    messages = MessageService(database, told, now, settings.max_message_chars)
    typing = TypingService(database, publisher)
    revocation_service = RevocationService(database, now)
    connection_service = ConnectionService(
        verifier=TokenVerifier(settings.tokens, now),
        service_tokens=settings.service_tokens,
        revocations=revocation_service,
        people=people,
        presence=presence_service,
        typing=typing,
        threads=threads,
        publisher=publisher,
        limits=limits,
        now=now,
        hello=Hello(settings.heartbeat_interval_s, settings.reconnect_attempts),
    )
    return Services(
        people=people,
        presence=presence_service,
        threads=threads,
        messages=messages,
        receipts=ReceiptService(database, publisher, now, tasks),
        typing=typing,
        notifications=NotificationService(database, told, now),
        revocations=revocation_service,
        sync=SyncService(database),
        connections=connection_service,
        stats=StatsService(connection_service, messages, presence_service, now, peers),
        kept_answers=KeptAnswers(database, now),
        settings=user_settings,
        push=push_service,
    )


def _cluster(settings: Settings, database: Database) -> tuple[LocalManager, PresenceStore]:
    """Return what makes one of several processes: Redis if there is one, else a PostgreSQL."""
    url, prefix, process_id = settings.redis_url, settings.redis_prefix, uuid.uuid4().hex
    notices = PostgresNotices(settings.database_url, prefix) if is_postgres(settings.database_url) else None
    newest = partial(newest_heads, database)
    if url is not None:
        options = redis_options(url)
        manager = RedisManager(url, options, prefix)
        manager.wakeups = Wakeups(notices, manager, newest)
        return manager, RedisPresenceStore(Redis.from_url(url, **options), process_id, prefix)
    if notices is not None:
        return PostgresManager(notices, newest), DatabasePresenceStore(database, process_id)
    return LocalManager(), MemoryPresenceStore()
