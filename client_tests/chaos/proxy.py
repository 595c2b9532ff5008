"""A TCP proxy between clients and a server: the network, to cut."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

from client_tests.services import LOOPBACK

CHUNK = 65_536


class Proxy:
    """Passes bytes on; `swallow` stops that silently, `drop` cuts all connections, `mend` ends both."""

    def __init__(self, target: str) -> None:
        self._host, self._port = urlsplit(target).hostname, urlsplit(target).port
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.url = f"http://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    def swallow(self) -> None:
        """Pass nothing on; connections stay open, new ones too, and nobody is told. What came waits for `mend`."""
        self._flows.clear()

    def drop(self) -> None:
        """Cut all connections, and new ones at once."""
        self._refuses = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        """Pass bytes on again."""
        self._refuses = False
        self._flows.set()

    async def close(self) -> None:
        """End it."""
        self._server.close()
        self.drop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._connect(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            return
        await self._flows.wait()
        with suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(self._host, self._port)
            both = {writer, there_writer}
            self._writers |= both
            try:
                await asyncio.gather(self._pump(reader, there_writer), self._pump(there_reader, writer))
            finally:
                self._writers -= both
                there_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        writer.close()
