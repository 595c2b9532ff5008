"""The aiohttp application: the three transports on one container."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import structlog
from aiohttp import web

from server.bootstrap import Container, build
from server.namespaces.messaging import MessagingNamespace
from server.namespaces.notifications import NotificationsNamespace
from server.namespaces.presence import PresenceNamespace
from server.namespaces.threads import ThreadsNamespace
from server.routes.arrivals import Arrivals, Runner
from server.routes.demo import DemoRoutes
from server.routes.demo_content import DemoContent
from server.routes.docs import add_docs
from server.routes.health import HealthRoutes
from server.routes.metrics import Metrics
from server.routes.middleware import (
    OriginPolicy,
    admit_by_address,
    log_middleware,
    origin_middleware,
    proxy_middleware,
    security_middleware,
)
from server.routes.rest import MAX_BODY_BYTES, RestRoutes
from server.routes.web_app import WebAppRoutes
from server.routes.websocket import PlainRoutes
from server.settings import Settings
from server.supervisor import end_with_supervisor, inherited_sockets

MAX_EXIT_S = 1.0
"""So long may requests that are under way take to end once all clients were sent away; then as long to be cancelled."""
BACKLOG = 4096

CONTAINER: web.AppKey[Container] = web.AppKey("container", Container)
ARRIVALS: web.AppKey[Arrivals] = web.AppKey("arrivals", Arrivals)


def create_app(settings: Settings, container: Container | None = None) -> web.Application:
    """Return the application; its start-up and clean-up run with it."""
    parts = container or build(settings)
    policy = OriginPolicy(settings.allowed_origins)
    app = web.Application(
        middlewares=[
            log_middleware,
            proxy_middleware(settings.trusted_proxies),
            security_middleware,
            origin_middleware(
                policy,
                parts.dispatcher,
                parts.services.connections,
                settings.default_locale,
            ),
        ],
        client_max_size=MAX_BODY_BYTES,
    )
    app[CONTAINER] = parts
    app[ARRIVALS] = Arrivals(parts.sio.eio, policy, parts.services.connections, parts.limits, settings.trusted_proxies)
    _add_namespaces(parts)
    app.on_shutdown.append(_drain)  # before Socket.IO's own: clients are told why
    parts.sio.attach(app)
    parts.sio.eio.admit = admit_by_address(parts.limits, parts.dispatcher, settings.default_locale)
    parts.sio.eio.left = parts.limits.leave_from
    if parts.relay is not None:
        parts.relay.add_to(app, parts.sio.eio.sockets)
    _add_routes(app, parts)
    app.cleanup_ctx.append(_life)
    return app


def _add_namespaces(parts: Container) -> None:
    for kind in (MessagingNamespace, ThreadsNamespace, NotificationsNamespace, PresenceNamespace):
        namespace = kind(parts.dispatcher, parts.services.connections, parts.settings.default_locale)
        parts.sio.register_namespace(namespace)


def _add_routes(app: web.Application, parts: Container) -> None:
    settings, locale = parts.settings, parts.settings.default_locale
    HealthRoutes(
        parts.database,
        parts.manager,
        parts.services.connections,
        parts.dispatcher,
        settings.service_tokens,
        Metrics(parts.registry, parts.services.stats, parts.relay),
        locale,
    ).add_to(app)
    if settings.websocket_enabled:
        PlainRoutes(
            parts.dispatcher,
            parts.services.connections,
            parts.sio.eio.websockets,
            parts.manager.hub,
            parts.tasks,
            parts.limits,
            locale,
        ).add_to(app)
    if settings.demo and settings.tokens.secret:
        services = parts.services
        content = DemoContent(services.threads, services.messages, services.receipts, services.notifications)
        is_first = settings.worker is None or settings.worker.number == 0
        DemoRoutes(services.people, content, settings.tokens, fills=is_first).add_to(app)
    WebAppRoutes().add_to(app)
    add_docs(app)
    RestRoutes(parts.dispatcher, parts.services.connections, parts.services.kept_answers, locale).add_to(app)


async def _life(app: web.Application) -> AsyncIterator[None]:
    await app[CONTAINER].start()
    yield
    await app[CONTAINER].stop()


async def _drain(app: web.Application) -> None:
    await app[CONTAINER].drain()


def run(app: web.Application, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    app.on_startup.append(_announce)
    loop = _event_loop()
    asyncio.set_event_loop(loop)
    serving = loop.create_task(_serve(app, settings))
    _stop_on_signals(loop, serving)
    try:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(serving)
    except KeyboardInterrupt:  # where the loop takes no signals (Windows)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(serving)
    finally:
        _cancel_all(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _stop_on_signals(loop: asyncio.AbstractEventLoop, serving: asyncio.Task[None]) -> None:
    """Shut down at the first SIGTERM or SIGINT. A second SIGTERM is ignored, a second SIGINT ends at once.

    systemd and Heroku send SIGTERM to every process, so a worker gets it from them and from its supervisor: the second
    must not cut short what the first began.
    """

    def stop(number: int) -> None:
        if not serving.cancelling():
            serving.cancel()
        elif number == signal.SIGINT:
            raise web.GracefulExit

    with suppress(NotImplementedError):
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop, number)


async def _serve(app: web.Application, settings: Settings) -> None:
    runner = Runner(app, app[ARRIVALS], shutdown_timeout=MAX_EXIT_S)
    await runner.setup()
    try:
        for site in _sites(runner, settings):
            await site.start()
        relay = app[CONTAINER].relay
        if relay is not None:
            relay.start(runner.server)
            structlog.get_logger().info("worker ready", worker=relay.worker.number)
        await asyncio.Event().wait()
    finally:
        await stop(runner, app[CONTAINER])


async def stop(runner: web.AppRunner, parts: Container) -> None:
    """Accept nobody, send all clients elsewhere, then end the rest.

    Connections that are there go on meanwhile, and other workers still come over the UNIX socket: a client that polls
    has to fetch what it is told.
    """
    for site in list(runner.sites):
        if not isinstance(site, web.UnixSite):
            await site.stop()
    await parts.drain()
    await runner.cleanup()


def _sites(runner: web.AppRunner, settings: Settings) -> list[web.BaseSite]:
    worker = settings.worker
    if worker is None:
        return [web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG)]
    with suppress(FileNotFoundError):
        worker.http_path.unlink()  # of a worker that died
    own = web.UnixSite(runner, str(worker.http_path), backlog=BACKLOG)
    return [own, *(web.SockSite(runner, inherited, backlog=BACKLOG) for inherited in inherited_sockets())]


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


async def _announce(app: web.Application) -> None:
    settings, log = app[CONTAINER].settings, structlog.get_logger()
    _settle_garbage_collector()
    if settings.worker is not None:
        end_with_supervisor()
        return
    if settings.demo:
        log.warning("demo: everyone who asks gets a token; never run this where it matters")
    shown = "localhost" if settings.host == "0.0.0.0" else settings.host  # noqa: S104
    log.info("serving", url=f"http://{shown}:{settings.port}", demo=settings.demo)


def _settle_garbage_collector() -> None:
    """Leave what was made at the start out of every later collection, and collect less often.

    Most of what the server makes dies by reference count at once. With the default thresholds a third of a message's
    CPU went into walks over everything that lives (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - not there on Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
