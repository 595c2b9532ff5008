"""Answers kept by `Idempotency-Key`: a repeated request is done once and answered alike.

Only answers that are `ok` are kept: a refused request stored nothing, and may be corrected and tried again.
"""

import json
from dataclasses import dataclass
from typing import Any

from server.domain.errors import ConflictError
from server.services.ports import Clock
from server.storage.database import Database


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether a request is the first of its key; if not, the kept answer (None while the first is under way)."""

    first: bool
    answer: dict[str, Any] | None = None


class KeptAnswers:
    """Kept for 24 hours, by actor, path and key."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    async def claim(self, actor: str, path: str, key: str, fingerprint: str) -> Claim:
        """Claim a key for a request.

        Raises:
            ConflictError: the key was used for another request.
        """
        now = self._now()
        first, kept = await self._database.write(lambda work: work.idempotency.claim(actor, path, key, now))
        if kept is None:
            return Claim(first)
        answer = json.loads(kept)
        if answer["fingerprint"] != fingerprint:
            raise ConflictError({"Idempotency-Key": ["It was used for another request."]})
        return Claim(first, answer["envelope"])

    async def keep(self, actor: str, path: str, key: str, fingerprint: str, envelope: dict[str, Any]) -> None:
        """Keep a good answer; give the key of a refused request back."""
        if envelope["ok"]:
            answer = json.dumps({"fingerprint": fingerprint, "envelope": envelope})
            await self._database.write(lambda work: work.idempotency.keep(actor, path, key, answer))
        else:
            await self._database.write(lambda work: work.idempotency.release(actor, path, key))
