"""What a person chose, and the browsers that get their pushes: kept here, so that all of their devices agree."""

from server.domain.commands import GetSettings, SubscribePush, UnsubscribePush, UpdateSettings
from server.domain.errors import ConflictError
from server.domain.events import SettingsUpdated
from server.domain.ids import new_id
from server.domain.models import Device, Preferences, PushSubscription
from server.domain.results import Done, PushState, UserSettings
from server.services.actor import Actor
from server.services.ports import Clock, Publisher
from server.storage.database import Database
from server.storage.push import NewSubscription
from server.storage.unit_of_work import UnitOfWork


class UserSettingsService:
    """Reads and changes settings; each change is told to the person's own connections."""

    def __init__(self, database: Database, publisher: Publisher, now: Clock, public_key: str | None) -> None:
        self._database = database
        self._publisher = publisher
        self._now = now
        self._public_key = public_key

    async def get(self, actor: Actor, _command: GetSettings) -> UserSettings:
        """Return the actor's settings."""
        return await self._read(actor.user_id)

    async def update(self, actor: Actor, command: UpdateSettings) -> UserSettings:
        """Change those that are named, and tell the actor's connections."""
        user_id, changes = actor.user_id, command.changes

        def job(work: UnitOfWork) -> tuple[Preferences, tuple[Device, ...]]:
            work.users.choose(user_id, changes)
            return work.users.preferences(user_id), work.push.devices(user_id)

        def tell(changed: tuple[Preferences, tuple[Device, ...]]) -> None:
            self._publisher.publish(SettingsUpdated(user_id, self._settings(*changed)))

        return self._settings(*await self._database.write(job, tell))

    async def subscribe(self, actor: Actor, command: SubscribePush) -> Device:
        """Push to a browser from now on; one that was another user's is theirs no longer.

        Raises:
            ConflictError: this server does not push.
        """
        if self._public_key is None:
            raise ConflictError({"push": ["This server does not push: it has no VAPID key."]})
        subscription = PushSubscription(new_id(), actor.user_id, command.endpoint, command.keys)
        new = NewSubscription(subscription, command.device_name, self._now())
        device, former = await self._database.write(lambda work: work.push.subscribe(new))
        await self.tell(actor.user_id)
        if former is not None:
            await self.tell(former)
        return device

    async def unsubscribe(self, actor: Actor, command: UnsubscribePush) -> Done:
        """No longer push to a browser.

        Raises:
            NotFoundError: the actor has no such device.
        """
        user_id, endpoint, device_id = actor.user_id, command.endpoint, command.device_id
        await self._database.write(lambda work: work.push.unsubscribe(user_id, endpoint=endpoint, device_id=device_id))
        await self.tell(user_id)
        return Done()

    async def forget(self, subscription: PushSubscription) -> None:
        """Remove a device whose push service says that it is no more."""
        if await self._database.write(lambda work: work.push.remove(subscription)):
            await self.tell(subscription.user_id)

    async def tell(self, user_id: str) -> None:
        """Tell a person's connections how the settings now are."""
        self._publisher.publish(SettingsUpdated(user_id, await self._read(user_id)))

    async def _read(self, user_id: str) -> UserSettings:
        def job(work: UnitOfWork) -> tuple[Preferences, tuple[Device, ...]]:
            return work.users.preferences(user_id), work.push.devices(user_id)

        return self._settings(*await self._database.read(job))

    def _settings(self, preferences: Preferences, devices: tuple[Device, ...]) -> UserSettings:
        return UserSettings(preferences, PushState(self._public_key, devices))
