"""What a process queues for the others while Redis is away."""

import json

import pytest

from server.realtime import managers
from server.realtime.managers import RedisManager


async def test_broadcast_while_redis_is_away_for_long_drops_the_oldest_and_counts_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory stays bounded; the newest events are kept for when Redis comes back."""
    monkeypatch.setattr(managers, "MAX_OUTBOX", 2)
    manager = RedisManager("redis://127.0.0.1:1/4", {})
    for number in range(5):
        manager.broadcast("new_message", {"n": number}, "/messaging", ["user:1"])
    assert manager.dropped == 3
    assert [json.loads(message)["data"] for message in manager._outbox] == [[{"n": 3}], [{"n": 4}]]
