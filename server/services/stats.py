"""The figures of the source document's connection statistics."""

from server.domain.commands import GetStats
from server.domain.results import Stats
from server.services.actor import Actor
from server.services.connections import ConnectionService
from server.services.messages import MessageService
from server.services.ports import Clock
from server.services.presence import PresenceService


class StatsService:
    """How busy this process is."""

    def __init__(
        self, connections: ConnectionService, messages: MessageService, presence: PresenceService, now: Clock
    ) -> None:
        self._connections = connections
        self._messages = messages
        self._presence = presence
        self._now = now
        self._started_at = now()

    async def get(self, _actor: Actor, _command: GetStats) -> Stats:
        """Count connections, online users and stored messages, since the process started."""
        return self.read()

    def read(self) -> Stats:
        """Return the same, for `/metrics`."""
        return Stats(
            active_connections=self._connections.count,
            online_users=self._presence.online_here,
            total_messages_sent=self._messages.sent,
            uptime_s=(self._now() - self._started_at) / 1000,
        )
