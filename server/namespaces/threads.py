"""`/threads`: one conversation at a time, joined by `auth.thread_id` or by `join`."""

from typing import Any

from marshmallow import ValidationError

from server.contract.fields import Id
from server.contract.operations import THREADS
from server.domain.errors import InvalidPayloadError
from server.namespaces.base import Namespace

_ID = Id()


class ThreadsNamespace(Namespace):
    """Hears the threads that were joined, typing included."""

    name = THREADS

    def _thread_id(self, auth: dict[str, Any]) -> str | None:
        if "thread_id" not in auth:
            return None
        try:
            return str(_ID.deserialize(auth["thread_id"]))
        except ValidationError as error:
            raise InvalidPayloadError({"thread_id": list(error.messages)}) from None
