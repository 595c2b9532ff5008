"""People: their names, and who may write to whom."""

from collections.abc import Mapping, Sequence
from typing import Literal

from server.domain.commands import UNSET, ListPeople, PutUser
from server.domain.errors import UnavailableError
from server.domain.events import UserUpdated
from server.domain.models import User
from server.domain.results import PeoplePage
from server.services.actor import Actor, Locale
from server.services.auth import Claims
from server.services.batched import Batched
from server.services.ports import Clock, Publisher
from server.services.user_settings import UserSettingsService
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from server.storage.users import Profile

Directory = Literal["shared", "all"]

MAX_KNOWN = 50_000


class PeopleService:
    """Creates and names people."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        settings: UserSettingsService,
        now: Clock,
        directory: Directory,
    ) -> None:
        self._database = database
        self._settings = settings
        self._publisher = publisher
        self._now = now
        self._directory = directory
        # Who was ensured with which name already: spares a write for each connection and request.
        self._known: dict[str, str | None] = {}
        self._profiles: Batched[str, Profile] = Batched(self._load_profiles)

    async def ensure(self, claims: Claims) -> None:
        """Create the person of a token if they are new, and follow a changed `name` claim."""
        if not self._knows(claims):
            await self._take_in(claims, await self._profiles.get(claims.user_id))

    async def meet(self, claims: Claims) -> Locale | None:
        """Do what `ensure` does, and return the language that the person chose, all in one look.

        None if they chose none, or the database is away: whoever is known may connect all the same.
        """
        try:
            profile = await self._profiles.get(claims.user_id)
        except UnavailableError:
            if self._knows(claims):
                return None
            raise
        if not self._knows(claims):
            await self._take_in(claims, profile)
        return profile.locale if profile else None

    def _knows(self, claims: Claims) -> bool:
        return self._known.get(claims.user_id, "") == claims.name

    async def _take_in(self, claims: Claims, profile: Profile | None) -> None:
        if profile is None or profile.would_rename(claims.name):
            await self._create_or_rename(claims)
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[claims.user_id] = claims.name

    async def _create_or_rename(self, claims: Claims) -> None:
        now = self._now()
        user, renamed = await self._database.write(lambda work: work.users.ensure(claims.user_id, claims.name, now))
        if renamed:
            await self._tell(user)

    async def put(self, _actor: Actor, command: PutUser) -> User:
        """Create or rename a person; a language that was put for them is one of their own settings."""
        keep_locale = command.locale is UNSET
        locale = None if command.locale is UNSET else command.locale
        wanted = User(command.user_id, command.display_name, command.avatar_url, locale)
        now = self._now()

        def job(work: UnitOfWork) -> tuple[User, bool, bool]:
            before = work.users.get(wanted.id)
            user, changed = work.users.put(wanted, now, keep_locale=keep_locale)
            return user, changed, before is not None and before.locale != user.locale

        user, changed, chose = await self._database.write(job)
        if changed:
            await self._tell(user)
        if chose:
            await self._settings.tell(user.id)
        return user

    async def list_people(self, actor: Actor, command: ListPeople) -> PeoplePage:
        """Return a page of people: those with whom the actor shares a thread, or everyone."""
        everyone = self._directory == "all"

        def job(work: UnitOfWork) -> PeoplePage:
            return work.users.page(actor.user_id, command.query, command.cursor, command.limit, everyone=everyone)

        return await self._database.read(job)

    async def _load_profiles(self, user_ids: Sequence[str]) -> Mapping[str, Profile]:
        return await self._database.read(lambda work: work.users.profiles(user_ids))

    async def _tell(self, user: User) -> None:
        contacts = await self._database.read(lambda work: work.threads.contacts(user.id))
        self._publisher.publish(UserUpdated(user, (*contacts, user.id)))
