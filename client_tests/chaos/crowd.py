"""Many connections that only listen, as light as can be."""

import asyncio

import aiohttp

from client_tests.chaos.world import token_of
from client_tests.reference_wire import Event, Wire

FIRST_USER = 1_000
USERS = 100
AT_ONCE = 50


class Crowd:
    """Connections to one server; `told` counts those who heard why they were closed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._wires: list[Wire] = []
        self._listening: list[asyncio.Task[None]] = []
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.told = 0

    @property
    def size(self) -> int:
        """How many there are, or were."""
        return len(self._wires)

    @property
    def close_codes(self) -> list[int | None]:
        """How those who are gone were closed."""
        return [wire.close_code for wire in self._wires]

    async def join(self, count: int) -> None:
        """Connect so many."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        await asyncio.gather(*(self._join(number) for number in range(count)))

    async def until_gone(self) -> None:
        """Wait until all are closed."""
        await asyncio.gather(*self._listening)

    async def leave(self) -> None:
        """Close those who are still there."""
        for wire in self._wires:
            wire.abort()
        await asyncio.gather(*self._listening)
        await self._session.close()

    async def _join(self, number: int) -> None:
        async with self._turns:
            wire = await Wire.open(self._session, self._url, self._hear)
            self._wires.append(wire)
            self._listening.append(asyncio.create_task(wire.listen()))
            await wire.join("/messaging", {"token": token_of(FIRST_USER + number % USERS)(), "recovery": False})

    def _hear(self, _namespace: str, name: str, _payload: Event) -> None:
        self.told += name == "connection_closing"
