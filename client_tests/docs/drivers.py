"""The modules of the pages, driven alike: `JavaScriptClient` (Node, see driver.mjs) and `PythonClient`."""

import asyncio
import importlib.util
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from client_tests.clients import Ears, Event
from client_tests.docs.pages import Page
from client_tests.js import HERE as NODE_FOLDER
from client_tests.js import NodeScript

TOLD = (
    "connection_established",
    "connection_closing",
    "token_expiring",
    "message",
    "thread",
    "recovered",
    "refused",
    "signed_out",
    "typing",
    "receipt",
)


class JavaScriptClient(NodeScript):
    """javascript.md. It hears what its app would be told."""

    script = str(Path(__file__).parent / "driver.mjs")

    @classmethod
    async def open(cls, folder: Path, url: str) -> Self:
        """Take the page's module and make its parts; nothing is connected yet."""
        packages = folder / "node_modules"
        if not packages.exists():
            packages.symlink_to(NODE_FOLDER / "node_modules")
        module = Page.read("javascript.md").write_module("js", folder / "realtime.mjs")
        client = await cls().start()
        await client._ask("load", path=str(module), url=url)
        return client

    async def token(self, value: str | None) -> None:
        """What `getToken` answers from now on."""
        await self._ask("token", value=value)

    async def connect(self) -> None:
        """Begin to connect."""
        await self._ask("start")

    async def ask(self, namespace: str, op: str, payload: Event) -> Any:
        """Ask any operation; fails if it is refused."""
        return await self._ask("ask", namespace=namespace, op=op, payload=payload)

    async def load(self, thread_id: str) -> None:
        """Load the newest messages."""
        await self._ask("load_history", thread_id=thread_id)

    async def send(self, thread_id: str, content: str, client_message_id: str | None = None) -> Event:
        """Send a message, however long it takes."""
        extra = {} if client_message_id is None else {"key": client_message_id}
        return dict(await self._ask("send", thread_id=thread_id, content=content, **extra))

    async def mark_read(self, thread_id: str) -> Event:
        """Read all of a thread."""
        return dict(await self._ask("mark_read", thread_id=thread_id))

    async def open_thread(self, thread_id: str) -> None:
        """Hear typing."""
        await self._ask("open", thread_id=thread_id)

    async def type(self, thread_id: str) -> None:
        """Press a key."""
        await self._ask("keystroke", thread_id=thread_id)

    async def typists(self, thread_id: str) -> list[str]:
        """Who types, as shown."""
        return list(await self._ask("typists", thread_id=thread_id))

    async def ping(self) -> None:
        """Look for what was lost."""
        await self._ask("ping")

    async def held(self, thread_id: str) -> Event:
        """A thread as shown: `{thread, rev, messages, states}`."""
        return dict(await self._ask("held", thread_id=thread_id))

    async def known(self) -> list[str]:
        """Ids of the threads that it holds."""
        return list(await self._ask("known"))

    async def lose(self, thread_id: str) -> None:
        """As if the newest event had been lost."""
        await self._ask("lose", thread_id=thread_id)

    async def reconnect(self) -> None:
        """Give up the line."""
        await self._ask("reconnect")

    async def cut(self) -> None:
        """Break the line, as a network does."""
        await self._ask("cut")

    async def unread(self) -> int:
        """How many notifications are unread, as shown."""
        return int(await self._ask("unread"))

    async def notifications(self) -> list[Event]:
        """The notifications, as shown."""
        return list(await self._ask("notifications"))

    async def read_notification(self, notification_id: str) -> None:
        """Read one."""
        await self._ask("read_notification", key=notification_id)

    async def visible(self, *, value: bool) -> None:
        """Say whether a person can see the app."""
        await self._ask("visible", value=value)

    async def online(self) -> list[Any]:
        """Ids of those who are online, as shown."""
        return list(await self._ask("online"))


class PythonClient(Ears):
    """python.md, in this process."""

    def __init__(self, module: Any, url: str) -> None:
        super().__init__()
        self._module = module
        self._token: str | None = None
        self._running: asyncio.Task[None] | None = None
        self.connection = module.Connection(url, self._get_token)
        self.inbox = module.Inbox(self.connection)
        self.typing = module.Typing(self.connection)
        for name in TOLD:
            self.connection.on(name, lambda payload, _namespace, name=name: self.note(name, payload))

    @classmethod
    async def open(cls, folder: Path, url: str) -> Self:
        """Take the page's module and make its parts; nothing is connected yet."""
        path = Page.read("python.md").write_module("python", folder / "realtime.py")
        spec = importlib.util.spec_from_file_location("realtime_of_the_page", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return cls(module, url)

    async def token(self, value: str | None) -> None:
        """What `get_token` answers from now on."""
        self._token = value

    async def connect(self) -> None:
        """Begin to connect."""
        self._running = asyncio.create_task(self.connection.run())

    async def close(self) -> None:
        """Leave."""
        await self.connection.stop()
        if self._running is not None:
            await asyncio.wait_for(self._running, 10)

    async def ask(self, namespace: str, op: str, payload: Event) -> Any:
        """Ask any operation; fails if it is refused."""
        return await self.connection.ask(namespace, op, payload)

    async def load(self, thread_id: str) -> None:
        """Load the newest messages."""
        await self.inbox.load(thread_id)

    async def send(self, thread_id: str, content: str, client_message_id: str | None = None) -> Event:
        """Send a message, however long it takes."""
        return dict(await self._module.send(self.connection, thread_id, content, client_message_id))

    async def mark_read(self, thread_id: str) -> Event:
        """Read all of a thread."""
        return dict(await self._module.mark_read(self.connection, thread_id))

    async def open_thread(self, thread_id: str) -> None:
        """Hear typing."""
        await self.typing.open(thread_id)

    async def type(self, thread_id: str) -> None:
        """Press a key."""
        await self.typing.start(thread_id)

    async def typists(self, thread_id: str) -> list[str]:
        """Who types, as shown."""
        return list(self.typing.who(thread_id))

    async def ping(self) -> None:
        """Look for what was lost."""
        await self.inbox.ping()

    async def held(self, thread_id: str) -> Event:
        """A thread as shown: `{thread, rev, messages, states}`."""
        held = self.inbox.threads[thread_id]
        messages = [message for _, message in sorted(held.messages.items())]
        states = [self._module.state_of(message, held.thread) for message in messages]
        return {"thread": held.thread, "rev": held.rev, "messages": messages, "states": states}

    async def known(self) -> list[str]:
        """Ids of the threads that it holds."""
        return list(self.inbox.threads)

    async def lose(self, thread_id: str) -> None:
        """As if the newest event had been lost."""
        held = self.inbox.threads[thread_id]
        del held.messages[max(held.messages)]
        held.rev -= 1

    async def _get_token(self, reason: str) -> str | None:
        self.note("token_wanted", {"reason": reason})
        return self._token


DocClient = JavaScriptClient | PythonClient


class DocClients:
    """Opens clients of one page and closes them at the end."""

    def __init__(self, kind: type[JavaScriptClient] | type[PythonClient], folder: Path) -> None:
        self._kind = kind
        self._folder = folder
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def idle(self, url: str, token: str | None) -> DocClient:
        """Open a client that has not begun to connect."""
        client = await self._kind.open(self._folder, url)
        self._stack.push_async_callback(client.close)
        await client.token(token)
        return client

    async def online(self, url: str, token: str) -> DocClient:
        """Open a client and wait until it has recovered."""
        client = await self.idle(url, token)
        await client.connect()
        await client.heard("recovered")
        return client
