"""The real application on a free port, in the test's own process or in a child."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from client_tests import push
from client_tests.services import LOOPBACK, free_port
from server.app import ARRIVALS, CONTAINER, create_app, stop
from server.bootstrap import Container, build, wall_clock
from server.routes.arrivals import Runner
from server.services.ports import Clock, PushSender
from server.settings import Settings, load_settings
from server.storage.database import Database

SECRET = "a secret of the tests that is long enough for HS256"
SERVICE_TOKEN = "service-token-of-the-tests"
ROOT = Path(__file__).parent.parent

ENVIRONMENT: Mapping[str, str] = {
    "HOST": LOOPBACK,
    "PORT": "0",
    "JWT_SECRET": SECRET,
    "SERVICE_TOKENS": SERVICE_TOKEN,
    "SQLITE_SYNCHRONOUS": "OFF",
    "PRESENCE_GRACE_S": "0.2",
}


def make_settings(environment: Mapping[str, str]) -> Settings:
    """Return settings for tests; `environment` adds to and overrides `ENVIRONMENT`."""
    # A demo without a key would make itself one, in this very folder.
    key = push.ENVIRONMENT if "DEMO" in environment else {}
    return load_settings({**ENVIRONMENT, **key, **environment})


@dataclass
class Server:
    """A running application. `parts` and `runner` are its inside, for tests that look at tables and counters."""

    url: str
    parts: Container
    runner: Runner

    @classmethod
    async def start(
        cls,
        settings: Settings,
        *,
        database: Database | None = None,
        now: Clock = wall_clock,
        push_sender: PushSender | None = None,
    ) -> "Server":
        """Start the application in this event loop, on a port that the system chooses; `now` is its clock."""
        app = create_app(settings, build(settings, database=database, now=now, push_sender=push_sender))
        runner = Runner(app, app[ARRIVALS], shutdown_timeout=2)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0).start()
        port = runner.addresses[0][1]
        return cls(f"http://{LOOPBACK}:{port}", app[CONTAINER], runner)

    async def stop(self) -> None:
        """Shut down as SIGTERM does."""
        await stop(self.runner, self.parts)


@dataclass
class ServerProcess:
    """`python -m server serve` as a child, to kill."""

    url: str
    process: asyncio.subprocess.Process

    @classmethod
    async def start(
        cls,
        environment: Mapping[str, str],
        *arguments: str,
        log: Path | None = None,
        port: int | None = None,
        program: str = "server",
    ) -> "ServerProcess":
        """Start it, on a free port unless told which, and return when it is ready; `arguments` are those of `serve`.

        `program`: a module with another `serve` (client_tests/chaos/launch.py).
        """
        port = port or free_port()
        env = {**os.environ, **ENVIRONMENT, **environment, "PORT": str(port), "PYTHONPATH": str(ROOT)}
        with log.open("ab") if log else Path(os.devnull).open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", program, "serve", *arguments, cwd=ROOT, env=env, stdout=output, stderr=output
            )
        server = cls(f"http://{LOOPBACK}:{port}", process)
        await server.until_alive()
        return server

    async def until_alive(self) -> None:
        """Return when `/healthz` answers."""
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            while True:
                assert self.process.returncode is None, "the server ended while it started"
                try:
                    async with session.get(f"{self.url}/healthz") as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """SIGKILL: it has no time to say goodbye."""
        self.process.kill()
        await self.process.wait()

    async def terminate(self) -> int:
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 20)

    async def end(self) -> None:
        """End it, whatever state it is in."""
        if self.process.returncode is None:
            await self.kill()
