"""The newest heads: what is looked at for changes that nobody told."""

from client_tests.storage.conftest import make_thread, send
from client_tests.storage.test_notifications import notify
from server.storage.database import Database


async def test_newest_heads_are_of_the_last_active(database: Database) -> None:
    """Threads opened or written to last, centres by their newest notification; `whole` when these are all there are."""
    ids = [await make_thread(database, "1") for _ in range(3)]
    await notify(database, "1")
    heads = await database.read(lambda work: work.activity.newest(10))
    assert (heads.threads, heads.centres, heads.whole) == (dict.fromkeys(ids, 1), {"1": 1}, True)
    await send(database, ids[0], "1")
    heads = await database.read(lambda work: work.activity.newest(1))
    assert (heads.threads, heads.whole) == ({ids[0]: 2, ids[2]: 1}, False)
