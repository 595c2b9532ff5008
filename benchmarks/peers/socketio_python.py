"""The same chat on stock python-socketio, as its guide shows it, on aiohttp and uvloop with orjson.

    python socketio_python.py PORT [--redis URL] [--database FILE]

With `--redis`, rooms span processes; with `--database`, every message is inserted before anybody hears it.
"""

import argparse
import sqlite3
import time
from typing import Any

import orjson
import socketio
import uvloop
from aiohttp import web

SCHEMA = """
CREATE TABLE messages (
  id INTEGER PRIMARY KEY, room TEXT NOT NULL, seq INTEGER NOT NULL, sender TEXT NOT NULL,
  content TEXT NOT NULL, sent_at INTEGER NOT NULL, UNIQUE (room, seq)
)
"""


class Json:
    """What python-socketio takes for a JSON module."""

    @staticmethod
    def dumps(value: Any, **_options: Any) -> str:
        """Return JSON text."""
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_options: Any) -> Any:
        """Read JSON text."""
        return orjson.loads(text)


class Chat(socketio.AsyncNamespace):
    """Rooms, and a message to all in one."""

    def __init__(self, database: sqlite3.Connection | None) -> None:
        super().__init__("/messaging")
        self._database = database
        self._rooms: dict[str, str] = {}
        self._last_seq: dict[str, int] = {}

    async def on_join(self, sid: str, room: str) -> dict[str, Any]:
        """Enter a room."""
        self._rooms[sid] = room
        await self.enter_room(sid, room)
        return {"ok": True}

    async def on_send_message(self, sid: str, said: dict[str, Any]) -> dict[str, Any]:
        """Tell all in the sender's room."""
        room = self._rooms[sid]
        self._last_seq[room] = seq = self._last_seq.get(room, 0) + 1
        message = {"seq": seq, "room": room, "sender": sid, "content": said["content"], "sent_at": time.time_ns()}
        if self._database is not None:
            statement = "INSERT INTO messages (seq, room, sender, content, sent_at) VALUES (?, ?, ?, ?, ?)"
            self._database.execute(statement, tuple(message.values()))
        await self.emit("new_message", message, room=room)
        return {"ok": True, "seq": seq}

    async def on_disconnect(self, sid: str, _reason: str) -> None:
        """Forget a client."""
        self._rooms.pop(sid, None)


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--redis")
    parser.add_argument("--database")
    options = parser.parse_args()
    manager = socketio.AsyncRedisManager(options.redis) if options.redis else None
    sio = socketio.AsyncServer(async_mode="aiohttp", json=Json, client_manager=manager)
    sio.register_namespace(Chat(_open(options.database) if options.database else None))
    app = web.Application()
    sio.attach(app)

    def announce(_text: str) -> None:
        print(f"ready {options.port}", flush=True)

    # `print` is called once it listens; `on_startup` would be before that.
    loop = uvloop.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=options.port, access_log=None, print=announce, backlog=4096, loop=loop)


def _open(file: str) -> sqlite3.Connection:
    database = sqlite3.connect(file, isolation_level=None)  # every insert is a transaction of its own
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(SCHEMA)
    return database


if __name__ == "__main__":
    main()
