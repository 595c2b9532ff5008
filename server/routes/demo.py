"""The demo (`DEMO=1`): a few people with something to talk about, and a token for whoever picks one in the web app."""

import time

from aiohttp import web

from server.domain.commands import PutUser
from server.routes.demo_content import DemoContent
from server.services.actor import Actor
from server.services.auth import issue_token
from server.services.people import PeopleService
from server.services.token_config import TokenConfig

PEOPLE = {
    "1": "María García",
    "2": "Juan Pérez",
    "3": "Lucía Fernández",
    "4": "Fontanería Ríos",
}
TOKEN_TTL_S = 12 * 60 * 60


class DemoRoutes:
    """Serves the demo. Never mounted without `DEMO=1`: it gives everyone a token."""

    def __init__(self, people: PeopleService, content: DemoContent, tokens: TokenConfig, *, fills: bool = True) -> None:
        """`fills`: make the people and what they talk about, if they are not there (one worker of several does)."""
        self._fills = fills
        self._people = people
        self._content = content
        self._tokens = tokens

    def add_to(self, app: web.Application) -> None:
        """Mount the two routes and, at the start, make the people."""
        app.router.add_get("/demo/people", self._list)
        app.router.add_post("/demo/sessions/{user_id}", self._sign_in)
        if self._fills:
            app.on_startup.append(self._make_people)

    async def _make_people(self, _app: web.Application) -> None:
        service = Actor("service", "", "es")
        for user_id, name in PEOPLE.items():
            await self._people.put(service, PutUser(user_id, name))
        await self._content.fill()

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response([{"id": int(user_id), "name": name} for user_id, name in PEOPLE.items()])

    async def _sign_in(self, request: web.Request) -> web.Response:
        user_id = request.match_info["user_id"]
        name = PEOPLE.get(user_id)
        if name is None:
            raise web.HTTPNotFound
        now_ms = time.time_ns() // 1_000_000
        token = issue_token(self._tokens, user_id=user_id, name=name, ttl_s=TOKEN_TTL_S, now_ms=now_ms)
        return web.json_response({"token": token, "user_id": int(user_id), "name": name})
