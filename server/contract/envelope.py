"""The one form of every answer: `{"ok": true, "data"}` or `{"ok": false, "error"}`."""

from typing import Any

from server.contract.errors import row_of
from server.domain.errors import RealtimeError

Envelope = dict[str, Any]


def success(data: Any) -> Envelope:
    """Wrap the answer of an operation that was done."""
    return {"ok": True, "data": data}


def failure(error: BaseException, *, locale: str, request_id: str) -> Envelope:
    """Describe a refusal in the caller's language; of an unexpected error only the request id is shown."""
    row = row_of(error)
    return {
        "ok": False,
        "error": {
            "code": row.code,
            "message": row.message(locale),
            "details": error.details if isinstance(error, RealtimeError) else {},
            "retryable": row.retryable,
            "request_id": request_id,
        },
    }
