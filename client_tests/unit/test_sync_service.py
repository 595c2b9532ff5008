"""What `sync` answers while others write: PostgreSQL's reads see what is committed between two statements."""

from types import SimpleNamespace
from typing import Any

from server.services.sync import _thread_changes
from server.storage.threads import Head


def test_sync_never_says_a_rev_that_is_ahead_of_its_unread_count() -> None:
    """A message that came between the two reads is answered, and its event still counts for the client."""
    head = Head(rev=4, info_rev=1, unread_count=3)
    late = SimpleNamespace(rev=5)
    work: Any = SimpleNamespace(
        messages=SimpleNamespace(changed_since=lambda *_: ((late,), False)),
        receipts=SimpleNamespace(changed_since=lambda *_: ()),
    )
    changes = _thread_changes(work, "1", "t", 3, head)
    assert (changes.rev, changes.unread_count, changes.messages) == (4, 3, (late,))
