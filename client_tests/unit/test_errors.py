"""Errors: every class of the tree has its row, and an envelope that tells no secrets."""

from collections.abc import Iterator

import pytest

from server.contract.envelope import failure, success
from server.contract.errors import ERROR_ROWS, INTERNAL, row_of
from server.domain.errors import InvalidPayloadError, RateLimitedError, RealtimeError


def subclasses(kind: type[RealtimeError]) -> Iterator[type[RealtimeError]]:
    """Walk down the tree."""
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_error_has_a_row() -> None:
    """Each class, and nothing else, is in the table."""
    tree = list(subclasses(RealtimeError))
    assert len(tree) == len(set(tree)) == 11
    assert set(ERROR_ROWS) == set(tree)


def test_every_code_is_its_own() -> None:
    """Clients branch on the code alone, so no two classes share one, nor `internal`."""
    codes = [row.code for row in (*ERROR_ROWS.values(), INTERNAL)]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("row", [*ERROR_ROWS.values(), INTERNAL], ids=lambda row: row.code)
def test_row_is_complete(row: object) -> None:
    """A status for HTTP, a code to close with, a sentence in both languages."""
    assert row.code.replace("_", "").isalpha()
    assert 400 <= row.http_status < 600
    assert 4000 <= row.close_code < 5000 or row.close_code in (1009, 1011)
    assert row.es.endswith(".")
    assert row.en.endswith(".")
    assert row.es != row.en
    assert (row.message("es"), row.message("en"), row.message("fr")) == (row.es, row.en, row.es)


def test_only_passing_troubles_are_retryable() -> None:
    """A client may repeat what was refused for being too much or too early."""
    assert {row.code for row in ERROR_ROWS.values() if row.retryable} == {"rate_limited", "unavailable"}
    assert not INTERNAL.retryable


@pytest.mark.parametrize("locale", ["es", "en"])
@pytest.mark.parametrize("kind", list(ERROR_ROWS))
def test_failure_tells_an_error_in_the_callers_language(kind: type[RealtimeError], locale: str) -> None:
    """Code, text and details of the error; the request id as given."""
    error = RateLimitedError(1.5) if kind is RateLimitedError else kind({"field": ["why"]})
    envelope = failure(error, locale=locale, request_id="r")
    row = row_of(error)
    assert envelope == {
        "ok": False,
        "error": {
            "code": row.code,
            "message": getattr(row, locale),
            "details": {"retry_after_s": 1.5} if kind is RateLimitedError else {"field": ["why"]},
            "retryable": row.retryable,
            "request_id": "r",
        },
    }


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("secret"), RecursionError("secret")])
def test_failure_hides_an_unexpected_error(error: Exception) -> None:
    """Its text never leaves the process."""
    envelope = failure(error, locale="en", request_id="r")
    assert "secret" not in str(envelope)
    assert envelope["error"]["code"] == "internal"


def test_error_keeps_its_own_details() -> None:
    """What the caller's mapping becomes later does not change what is told."""
    details = {"a": 1}
    error = InvalidPayloadError(details)
    details["b"] = 2
    assert error.details == {"a": 1}
    assert InvalidPayloadError().details == {}


def test_success_wraps_data_as_it_is() -> None:
    """Null included."""
    assert success(None) == {"ok": True, "data": None}
