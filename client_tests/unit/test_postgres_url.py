"""`DATABASE_URL` of PostgreSQL, as Heroku and libpq write it, for SQLAlchemy's asyncpg."""

import ssl

import pytest

from server.storage.engine import is_postgres, is_sqlite, open_database, sqlite_path
from server.storage.postgres import asyncpg_dsn

HOST = "//u:p%40ss@h:5432/d"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_asyncpg_dsn_keeps_everything_but_scheme_and_query(scheme: str) -> None:
    """Both names of the scheme; an escaped password stays escaped."""
    assert asyncpg_dsn(f"{scheme}:{HOST}") == (f"postgresql+asyncpg:{HOST}", {})


@pytest.mark.parametrize(("mode", "expected"), [("disable", False), ("allow", "allow"), ("prefer", "prefer")])
def test_asyncpg_dsn_passes_weak_modes_on(mode: str, expected: object) -> None:
    """What asyncpg knows by itself."""
    assert asyncpg_dsn(f"postgres:{HOST}?sslmode={mode}") == (f"postgresql+asyncpg:{HOST}", {"ssl": expected})


@pytest.mark.parametrize(
    ("mode", "verify", "check_hostname"),
    [
        ("require", ssl.CERT_NONE, False),
        ("verify-ca", ssl.CERT_REQUIRED, False),
        ("verify-full", ssl.CERT_REQUIRED, True),
    ],
)
def test_asyncpg_dsn_checks_as_much_as_the_mode_says(
    mode: str, verify: ssl.VerifyMode, *, check_hostname: bool
) -> None:
    """As libpq: `require` encrypts, `verify-ca` checks the certificate, `verify-full` the name too."""
    dsn, args = asyncpg_dsn(f"postgres:{HOST}?sslmode={mode}")
    assert dsn == f"postgresql+asyncpg:{HOST}"
    assert (args["ssl"].verify_mode, args["ssl"].check_hostname) == (verify, check_hostname)


def test_open_database_of_another_kind_is_refused() -> None:
    """The text names the kinds that there are, and not the URL with its password."""
    with pytest.raises(ValueError, match="sqlite") as caught:
        open_database("mysql://u:secret@h/d")
    assert "secret" not in str(caught.value)


def test_urls_are_told_apart() -> None:
    """Each kind by its scheme."""
    assert (is_postgres("postgres://h/d"), is_postgres("postgresql://h/d"), is_postgres("sqlite:///x")) == (
        True,
        True,
        False,
    )
    assert (is_sqlite("sqlite:///x"), is_sqlite("sqlite://x"), is_sqlite("postgres://h")) == (True, False, False)


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///var/a.db", "var/a.db"), ("sqlite:////tmp/a.db", "/tmp/a.db"), ("sqlite:///a%20b.db", "a b.db")],  # noqa: S108
)
def test_sqlite_path_has_three_slashes_before_it(url: str, path: str) -> None:
    """Relative, absolute, and with escaped characters."""
    assert str(sqlite_path(url)) == path
