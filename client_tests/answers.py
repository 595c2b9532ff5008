"""What tests ask of answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from client_tests.clients import Event

WAIT_S = 10.0


async def ok(answer: Awaitable[Event]) -> Any:
    """Return the data of an answer that must be good."""
    envelope = await answer
    assert envelope["ok"] is True, envelope
    assert envelope.keys() == {"ok", "data"}
    return envelope["data"]


async def code(answer: Awaitable[Event]) -> str:
    """Return the error code of an answer that must be a refusal, in the form that all refusals have."""
    envelope = await answer
    assert envelope["ok"] is False, envelope
    assert envelope.keys() == {"ok", "error"}
    error = envelope["error"]
    assert error.keys() == {"code", "message", "details", "retryable", "request_id"}
    assert error["message"]
    assert "Traceback" not in str(error)
    return str(error["code"])


async def until(condition: Callable[[], bool], seconds: float = WAIT_S) -> None:
    """Wait until something holds: of what a server does after a client has gone, nobody is told."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - no event exists for it
            await asyncio.sleep(0.01)
