"""The aiohttp application: the three transports on one container."""

from collections.abc import AsyncIterator

from aiohttp import web

from server.bootstrap import Container, build
from server.namespaces.base import Lanes
from server.namespaces.messaging import MessagingNamespace
from server.namespaces.notifications import NotificationsNamespace
from server.namespaces.presence import PresenceNamespace
from server.namespaces.threads import ThreadsNamespace
from server.routes.demo import DemoRoutes
from server.routes.docs import add_docs
from server.routes.health import HealthRoutes
from server.routes.middleware import (
    OriginPolicy,
    log_middleware,
    origin_middleware,
    proxy_middleware,
    security_middleware,
)
from server.routes.rest import MAX_BODY_BYTES, RestRoutes
from server.routes.websocket import PlainRoutes
from server.settings import Settings

CONTAINER: web.AppKey[Container] = web.AppKey("container", Container)


def create_app(settings: Settings, container: Container | None = None) -> web.Application:
    """Return the application; its start-up and clean-up run with it."""
    parts = container or build(settings)
    app = web.Application(
        middlewares=[
            log_middleware,
            proxy_middleware(settings.trusted_proxies),
            security_middleware,
            origin_middleware(
                OriginPolicy(settings.allowed_origins),
                parts.dispatcher,
                parts.services.connections,
                settings.default_locale,
            ),
        ],
        client_max_size=MAX_BODY_BYTES,
    )
    app[CONTAINER] = parts
    _add_namespaces(parts)
    parts.sio.attach(app)
    _add_routes(app, parts)
    app.cleanup_ctx.append(_life)
    app.on_shutdown.append(_drain)
    return app


def _add_namespaces(parts: Container) -> None:
    lanes = Lanes()
    for kind in (MessagingNamespace, ThreadsNamespace, NotificationsNamespace, PresenceNamespace):
        namespace = kind(parts.dispatcher, parts.services.connections, lanes, parts.settings.default_locale)
        parts.sio.register_namespace(namespace)


def _add_routes(app: web.Application, parts: Container) -> None:
    settings, locale = parts.settings, parts.settings.default_locale
    HealthRoutes(
        parts.database,
        parts.manager,
        parts.services.connections,
        parts.dispatcher,
        settings.service_tokens,
        parts.registry,
        locale,
    ).add_to(app)
    if settings.websocket_enabled:
        PlainRoutes(parts.dispatcher, parts.services.connections, parts.manager.hub, parts.tasks, locale).add_to(app)
    if settings.demo and settings.tokens.secret:
        DemoRoutes(parts.services.people, settings.tokens).add_to(app)
    add_docs(app)
    RestRoutes(parts.dispatcher, parts.services.connections, parts.services.kept_answers, locale).add_to(app)


async def _life(app: web.Application) -> AsyncIterator[None]:
    await app[CONTAINER].start()
    yield
    await app[CONTAINER].stop()


async def _drain(app: web.Application) -> None:
    await app[CONTAINER].drain()
