"""The figures of the source document's connection statistics."""

from server.domain.commands import GetStats
from server.domain.results import Stats
from server.services.actor import Actor
from server.services.connections import ConnectionService
from server.services.messages import MessageService
from server.services.ports import Clock, Peers
from server.services.presence import PresenceService


class StatsService:
    """How busy this process is, and its fellow workers."""

    def __init__(
        self,
        connections: ConnectionService,
        messages: MessageService,
        presence: PresenceService,
        now: Clock,
        peers: Peers | None,
    ) -> None:
        self._peers = peers
        self._connections = connections
        self._messages = messages
        self._presence = presence
        self._now = now
        self._started_at = now()

    async def get(self, _actor: Actor, _command: GetStats) -> Stats:
        """Count connections, online users and stored messages, since the start, of all workers behind the port.

        Someone with connections to two of them is counted twice.
        """
        everyone = [self.read(), *(await self._peers.stats() if self._peers is not None else ())]
        return Stats(
            active_connections=sum(stats.active_connections for stats in everyone),
            online_users=sum(stats.online_users for stats in everyone),
            total_messages_sent=sum(stats.total_messages_sent for stats in everyone),
            uptime_s=max(stats.uptime_s for stats in everyone),
        )

    def read(self) -> Stats:
        """Return those of this process alone."""
        return Stats(
            active_connections=self._connections.count,
            online_users=self._presence.online_here,
            total_messages_sent=self._messages.sent,
            uptime_s=(self._now() - self._started_at) / 1000,
        )
