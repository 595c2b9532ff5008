"""The same chat on Django Channels, one process of daphne with the in-memory channel layer.

    python channels_daphne.py PORT

The protocol is that of node_ws.mjs.
"""

import json
import sys
import time
from typing import Any

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter
from daphne.server import Server
from django.conf import settings

# The layer drops what is beyond its capacity: 100 by default, which a room of 100 with ten senders exceeds.
LAYER = {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 1_000_000}}


class Chat(AsyncWebsocketConsumer):
    """One connection."""

    room = ""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        """Join, or tell all in the room."""
        said = json.loads(text_data or "{}")
        if said["type"] == "join":
            self.room = said["room"]
            await self.channel_layer.group_add(self.room, self.channel_name)
            await self.send('{"type":"joined"}')
            return
        message = {
            "room": self.room,
            "sender": self.channel_name,
            "content": said["content"],
            "sent_at": time.time_ns(),
        }
        # Encoded once for all: the consumers below only pass it on.
        text = json.dumps({"type": "message", **message}, separators=(",", ":"))
        await self.channel_layer.group_send(self.room, {"type": "chat.message", "text": text})
        await self.send(f'{{"type":"ack","id":{said["id"]}}}')

    async def chat_message(self, event: dict[str, Any]) -> None:
        """Pass on what somebody in the room said."""
        await self.send(event["text"])

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        """Leave."""
        if self.room:
            await self.channel_layer.group_discard(self.room, self.channel_name)


def main(port: int) -> None:
    """Serve until the process is ended."""
    settings.configure(CHANNEL_LAYERS={"default": LAYER}, ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None)
    django.setup()
    Server(
        application=ProtocolTypeRouter({"websocket": Chat.as_asgi()}),
        endpoints=[f"tcp:{port}:interface=127.0.0.1:backlog=4096"],
        signal_handlers=True,
        ready_callable=lambda: print(f"ready {port}", flush=True),
    ).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
