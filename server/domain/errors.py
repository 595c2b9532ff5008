"""The error tree: everything that a caller can be told.

    RealtimeError
    ├── InvalidPayloadError       the request itself is wrong (`details`: field -> reasons)
    ├── UnknownOperationError     no such operation here
    ├── UnauthenticatedError      who are you?
    │   ├── TokenExpiredError     the token's time is over
    │   └── RevokedError          the token, or the user's sessions, were revoked
    ├── ForbiddenError            a visible thing that one's role may not do
    ├── NotFoundError             unknown, or not one's to see (never told apart)
    ├── ConflictError             contradicts what is stored or under way
    ├── PayloadTooLargeError      over a size limit
    ├── RateLimitedError          too much, too fast (`retry_after_s`)
    └── UnavailableError          a passing trouble: try again

Code, HTTP status, close code and texts of each stand in `contract/errors.py`, one row a class.
"""

from collections.abc import Mapping
from typing import Any


class RealtimeError(Exception):
    """Base of all errors that are told to a caller; `details` is JSON and safe to show."""

    def __init__(self, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(type(self).__name__, details)
        self.details = dict(details or {})


class InvalidPayloadError(RealtimeError):
    """The request is not of the operation's form."""


class UnknownOperationError(RealtimeError):
    """There is no such operation at this place."""


class UnauthenticatedError(RealtimeError):
    """The token is missing or not to be trusted."""


class TokenExpiredError(UnauthenticatedError):
    """The token was good once."""


class RevokedError(UnauthenticatedError):
    """The token was revoked before its time."""


class ForbiddenError(RealtimeError):
    """The thing is visible, but not in the actor's role to do."""


class NotFoundError(RealtimeError):
    """Unknown, or not the actor's to see."""


class ConflictError(RealtimeError):
    """The request contradicts what is stored or under way."""


class PayloadTooLargeError(RealtimeError):
    """The request is over a size limit."""


class RateLimitedError(RealtimeError):
    """Too many requests; `retry_after_s` seconds until the next may pass."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__({"retry_after_s": retry_after_s})
        self.retry_after_s = retry_after_s


class UnavailableError(RealtimeError):
    """A passing trouble (database away, queue full, draining): the same request may succeed later."""
