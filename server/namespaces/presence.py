"""`/presence`: who is there."""

from server.contract.operations import PRESENCE
from server.namespaces.base import Namespace
from server.realtime.connections import SocketConnection


class PresenceNamespace(Namespace):
    """Hears contacts come and go; is told at once who of them is online."""

    name = PRESENCE

    async def _greet(self, connection: SocketConnection) -> None:
        await self._service.greet(connection)
