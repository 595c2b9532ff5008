"""The poll: what was committed and told by nobody is found, once, and not while its notice may be under way."""

from collections.abc import Mapping

import pytest

from server.domain.errors import UnavailableError
from server.realtime.poll import Poll
from server.storage.activity import Heads


class World:
    """The newest heads, and what the poll says of them."""

    def __init__(self) -> None:
        self.threads: dict[str, int] = {}
        self.centres: dict[str, int] = {}
        self.whole = False
        self.wanted = True
        self.away = False
        self.told: list[dict[str, tuple[int, int]]] = []
        self.poll = Poll(self.read, self.behind, lambda: self.wanted)

    async def read(self) -> Heads:
        """Return the heads."""
        if self.away:
            raise UnavailableError
        return Heads(dict(self.threads), dict(self.centres), self.whole)

    def behind(self, heads: Mapping[str, tuple[int, int]]) -> None:
        """Note what is said."""
        self.told.append(dict(heads))


@pytest.fixture
async def world() -> World:
    """A world that the poll has seen once."""
    world = World()
    world.threads = {"a": 3, "b": 7}
    world.centres = {"1": 2}
    await world.poll.look()
    return world


async def test_look_finds_what_nobody_told(world: World) -> None:
    """A look later, from the first rev that is not known; and once."""
    await world.poll.look()
    world.threads["a"], world.centres["1"] = 5, 3
    await world.poll.look()
    assert world.told == []
    await world.poll.look()
    assert world.told == [{"thread:a": (4, 5), "user:1": (3, 3)}]
    await world.poll.look()
    await world.poll.look()
    assert (len(world.told), world.poll.found) == (1, 2)


async def test_look_leaves_alone_what_is_told_meanwhile(world: World) -> None:
    """A notice that comes between two looks says better what is new."""
    world.threads["a"] = 5
    await world.poll.look()
    world.poll.know("thread:a", 5)
    await world.poll.look()
    await world.poll.look()
    assert world.told == []


async def test_look_at_a_thread_that_keeps_moving_tells_what_was_there_a_look_before(world: World) -> None:
    """It is not put off for ever."""
    for rev in (4, 5, 6):
        world.threads["a"] = rev
        await world.poll.look()
    assert world.told == [{"thread:a": (4, 4)}, {"thread:a": (5, 5)}]


async def test_look_at_what_was_never_seen(world: World) -> None:
    """Of a thread that came up from deep below only the last is told; where all are looked at, it is new, and whole."""
    world.threads["deep"] = 100
    await world.poll.look()
    world.whole = True
    await world.poll.look()
    world.threads["new"] = 4
    await world.poll.look()
    await world.poll.look()
    assert world.told == [{"thread:deep": (100, 100)}, {"thread:new": (1, 4)}]


async def test_look_while_nobody_needs_it_tells_nothing_and_remembers(world: World) -> None:
    """As soon as it is needed, what came since the last look but one is told."""
    world.wanted = False
    world.threads["a"] = 4
    await world.poll.look()
    await world.poll.look()
    world.threads["a"] = 5
    await world.poll.look()
    world.wanted = True
    await world.poll.look()
    assert world.told == [{"thread:a": (5, 5)}]


async def test_look_trusting_tells_at_once(world: World) -> None:
    """When it is known that nobody will name what is new; also if the database is away just then."""
    world.threads["a"] = 5
    world.away = True
    world.poll.look_now(trusting=True)
    with pytest.raises(UnavailableError):
        await world.poll.look()
    world.away = False
    await world.poll.look()
    assert world.told == [{"thread:a": (4, 5)}]
