"""Unread counts against a naive count."""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from client_tests.storage.conftest import get_thread, make_thread, send
from server.storage.database import Database

USERS = ("1", "2", "3")
Step = tuple[str, str, int]

STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.sampled_from(["send", "send", "system", "read"]), st.sampled_from(USERS), st.integers(-1, 3)),
    min_size=4,
    max_size=20,
)
"""What is done, by whom, and how many messages before the last one a reader stops."""

ONLY_OWN_LEFT: list[Step] = [("send", "2", 0), ("send", "1", 0), ("read", "1", 1), ("send", "1", 0)]
OWN_AMONG_UNREAD: list[Step] = [*ONLY_OWN_LEFT[:2], ("send", "3", 0), ("send", "1", 0), ("read", "1", 3)]


@dataclass
class Model:
    """A thread as a list of senders, and how far each has read."""

    senders: list[str | None] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=lambda: dict.fromkeys(USERS, 0))

    def unread(self, user_id: str) -> int:
        """Count the others' messages above the position."""
        return sum(sender != user_id for sender in self.senders[self.read[user_id] :])

    def send(self, sender: str | None) -> None:
        """One who has read everything has read their own message."""
        read_all = sender is not None and self.unread(sender) == 0
        self.senders.append(sender)
        if read_all and sender is not None:
            self.read[sender] = len(self.senders)

    def mark(self, user_id: str, seq: int) -> None:
        """A position moves forward only, and not past the last message."""
        self.read[user_id] = max(self.read[user_id], min(seq, len(self.senders)))


@example(steps=ONLY_OWN_LEFT)
@example(steps=OWN_AMONG_UNREAD)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_unread_count_after_any_history_equals_a_naive_count(database: Database, steps: list[Step]) -> None:
    """Whatever is sent and read, the stored counters say what counting the messages would."""
    thread_id, model = await make_thread(database, *USERS), Model()
    for kind, user_id, back in steps:
        if kind == "read":
            seq = max(len(model.senders) - back, 0)
            await _mark(database, thread_id, user_id, seq)
            model.mark(user_id, seq)
        else:
            sender = user_id if kind == "send" else None
            await send(database, thread_id, sender)
            model.send(sender)
    for user_id in USERS:
        thread = await get_thread(database, thread_id, user_id)
        position = next(place.read_seq for place in thread.participants if place.user_id == user_id)
        assert (position, thread.unread_count) == (model.read[user_id], model.unread(user_id))


async def _mark(database: Database, thread_id: str, user_id: str, seq: int) -> None:
    await database.write(lambda work: work.receipts.move("read", thread_id, user_id, seq, 1, tell=True))
