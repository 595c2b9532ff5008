"""People: names and where they come from, search, contacts."""

import asyncio
from collections.abc import Iterable

import pytest

from client_tests.storage.conftest import make_thread, make_users
from server.domain.errors import InvalidPayloadError
from server.domain.models import CONTACT_THREAD_PARTICIPANTS, Preferences, User
from server.storage.database import Database
from server.storage.users import fold


async def put(database: Database, user_id: str, name: str, avatar_url: str | None = None) -> tuple[User, bool]:
    """Create or rename someone, as the users' own backend does."""
    return await database.write(lambda work: work.users.put(User(user_id, name, avatar_url), 1))


async def ensure(database: Database, user_id: str, name: str | None) -> tuple[User, bool]:
    """Let someone connect with a `name` claim."""
    return await database.write(lambda work: work.users.ensure(user_id, name, 1))


async def search(database: Database, query: str | None, *, everyone: bool = True) -> list[str]:
    """Return the ids of those whom user `me` finds."""
    page = await database.read(lambda work: work.users.page("me", query, None, 100, everyone=everyone))
    return [person.id for person in page.people]


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("José Ñandú", "jose nandu"),
        ("JOSE\u0301", "jose"),
        ("Straße", "strasse"),
        ("\ufb01ne", "fine"),
        ("Αθήνα", "αθηνα"),
        ("山田", "山田"),
    ],
)
def test_fold_takes_case_and_accents_away(name: str, folded: str) -> None:
    """Names that people write alike are folded alike."""
    assert fold(name) == folded


async def test_ensure_names_a_new_person_by_claim_or_id(database: Database) -> None:
    """The first connection creates the person; without a claim the id is the name."""
    assert await ensure(database, "1", "Ana") == (User("1", "Ana"), False)
    assert await ensure(database, "2", None) == (User("2", "2"), False)
    assert await database.read(lambda work: work.users.get("1")) == User("1", "Ana")


async def test_ensure_follows_the_claim_until_a_name_is_put(database: Database) -> None:
    """A changed claim renames; once PUT, the name is the backend's alone."""
    await ensure(database, "1", "Ana")
    assert await ensure(database, "1", "Ana") == (User("1", "Ana"), False)
    assert await ensure(database, "1", "Anna") == (User("1", "Anna"), True)
    assert await ensure(database, "1", None) == (User("1", "Anna"), False)
    assert await search(database, "anna") == ["1"]
    await put(database, "1", "Ana Put")
    assert await ensure(database, "1", "Claim") == (User("1", "Ana Put"), False)


async def test_put_tells_whether_others_see_a_change(database: Database) -> None:
    """A new person, a name and a picture are changes; the same again is none."""
    assert await put(database, "1", "Ana") == (User("1", "Ana"), True)
    assert (await put(database, "1", "Ana"))[1] is False
    assert (await put(database, "1", "Eva"))[1] is True
    assert (await put(database, "1", "Eva", "/eva.png"))[1] is True
    assert await search(database, "ana") == []


async def test_put_racing_on_two_processes_keeps_one_person(pair: tuple[Database, Database]) -> None:
    """Two processes that create the same person at once both succeed."""
    await asyncio.gather(*(put(pair[n % 2], "1", "Ana") for n in range(10)), ensure(pair[0], "1", "x"))
    assert await pair[0].read(lambda work: work.users.get("1")) == User("1", "Ana")


async def test_page_finds_names_without_case_and_accents(database: Database) -> None:
    """Either side may leave accents out; a part of a name is enough; oneself is never found."""
    for user_id, name in (("1", "José Pérez"), ("2", "Jose Luis"), ("3", "Ana"), ("me", "José Yo")):
        await put(database, user_id, name)
    assert await search(database, "JOSÉ") == ["2", "1"]
    assert await search(database, " perez ") == ["1"]
    assert await search(database, None) == ["3", "2", "1"]
    assert await search(database, "nobody") == []


async def test_page_takes_wildcards_literally(database: Database) -> None:
    """What LIKE would take for a pattern is text like any other."""
    for user_id, name in (("1", "100% sure"), ("2", "snake_case"), ("3", "back\\slash"), ("4", "plain")):
        await put(database, user_id, name)
    for query, found in (("%", ["1"]), ("_", ["2"]), ("\\", ["3"]), ("%_", []), ("\\%", []), ("'", [])):
        assert await search(database, query) == found


async def test_page_with_equal_names_shows_everyone_once(database: Database) -> None:
    """Namesakes are neither skipped nor repeated between pages."""
    await make_users(database, "me")
    for n in range(7):
        await put(database, f"u{n}", "Ana")
    found, cursor = [], None
    for _ in range(3):
        at = cursor
        page = await database.read(lambda work, at=at: work.users.page("me", None, at, 3, everyone=True))
        found += [person.id for person in page.people]
        cursor = page.next_cursor
    assert (found, cursor) == ([f"u{n}" for n in range(7)], None)
    with pytest.raises(InvalidPayloadError):
        await database.read(lambda work: work.users.page("me", None, "forged", 3, everyone=True))


async def test_page_of_acquaintances_leaves_strangers_out(database: Database) -> None:
    """Only those with whom one shares a thread, each once."""
    await make_users(database, "stranger")
    await make_thread(database, "me", "a")
    await make_thread(database, "me", "a", "b")
    await make_thread(database, "a", "c")
    assert await search(database, None, everyone=False) == ["a", "b"]
    assert await search(database, "b", everyone=False) == ["b"]


async def test_contacts_share_a_thread_that_is_not_too_large(database: Database) -> None:
    """Up to 100 participants are contacts; more are acquainted, but not contacts."""
    small = [f"s{n}" for n in range(CONTACT_THREAD_PARTICIPANTS - 1)]
    large = [f"l{n}" for n in range(CONTACT_THREAD_PARTICIPANTS)]
    await make_thread(database, "me", *small)
    await make_thread(database, "me", *large)
    await make_thread(database, "x", "y")
    assert sorted(await database.read(lambda work: work.threads.contacts("me"))) == sorted(small)
    assert await acquainted(database, ["s0", "l0", "x", "me", "unknown"]) == {"s0", "l0", "me"}
    assert await acquainted(database, []) == set()


async def acquainted(database: Database, others: Iterable[str]) -> set[str]:
    """Return those of the others whom `me` knows."""
    return await database.read(lambda work: work.threads.acquainted("me", others))


async def test_seen_records_when(database: Database) -> None:
    """Those named were last seen now; others were not."""
    await make_users(database, "1", "2", "3")
    await database.write(lambda work: work.users.seen(["1", "3", "unknown"], 77))
    found = await database.read(lambda work: work.users.get_many(["1", "2", "3"]))
    assert {user_id: user.last_seen_at for user_id, user in found.items()} == {"1": 77, "2": None, "3": 77}


async def test_preferences_are_the_defaults_until_chosen(database: Database) -> None:
    """Changing one leaves the others; of one who does not exist they are the defaults, too."""
    await make_users(database, "1", "2")
    assert await database.read(lambda work: work.users.preferences("1")) == Preferences()
    await database.write(lambda work: work.users.choose("1", {"sound": False, "push_notifications": "urgent"}))
    await database.write(lambda work: work.users.choose("1", {"locale": "en", "push_messages": False}))
    expected = Preferences("en", sound=False, push_messages=False, push_notifications="urgent")
    assert await database.read(lambda work: work.users.preferences("1")) == expected
    assert await database.read(lambda work: work.users.preferences("2")) == Preferences()
    assert await database.read(lambda work: work.users.preferences("unknown")) == Preferences()


async def test_put_writes_the_locale_that_the_person_chose(database: Database) -> None:
    """There is one language of a person, whoever chooses it; a PUT without one leaves it."""
    await put(database, "1", "Ana")
    await database.write(lambda work: work.users.choose("1", {"locale": "en"}))
    user, changed = await database.write(lambda work: work.users.put(User("1", "Ana"), 2, keep_locale=True))
    assert (user.locale, changed) == ("en", False)
    await database.write(lambda work: work.users.put(User("1", "Ana", locale="es"), 3))
    assert (await database.read(lambda work: work.users.preferences("1"))).locale == "es"
    await put(database, "1", "Ana")
    assert (await database.read(lambda work: work.users.preferences("1"))).locale is None
