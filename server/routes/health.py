"""Is it alive, is it ready, how is it doing."""

from collections.abc import Callable, Iterator, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from server.dispatch import Dispatcher
from server.domain.errors import ForbiddenError, UnavailableError
from server.realtime.cluster import RedisManager
from server.realtime.managers import LocalManager
from server.realtime.publisher import Publisher
from server.realtime.recovery import Recovery
from server.routes.credentials import bearer_token
from server.routes.metrics import Metrics
from server.routes.rest import is_loopback, respond
from server.services.actor import Locale
from server.services.auth import ServiceTokens
from server.services.connections import ConnectionService
from server.services.limits import Limits
from server.services.push import PushService
from server.services.stats import StatsService
from server.storage.database import Database


class HealthRoutes:
    """`/healthz`, `/readyz` and `/metrics`."""

    def __init__(
        self,
        database: Database,
        manager: LocalManager,
        connections: ConnectionService,
        dispatcher: Dispatcher,
        service_tokens: ServiceTokens,
        metrics: Metrics,
        default_locale: Locale,
    ) -> None:
        self._database = database
        self._manager = manager
        self._connections = connections
        self._dispatcher = dispatcher
        self._service_tokens = service_tokens
        self._shown = metrics
        self._default_locale = default_locale

    def add_to(self, app: web.Application) -> None:
        """Mount the routes."""
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._shown.add_to(app)

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _request: web.Request) -> web.Response:
        try:
            await self._database.ping()
            database = "ok"
        except UnavailableError:
            database = "away"
        draining = self._connections.draining
        status = 200 if database == "ok" and not draining else 503
        cluster = self._manager.cluster_state
        redis = cluster if isinstance(self._manager, RedisManager) else "off"
        parts = {"database": database, "cluster": cluster, "redis": redis, "draining": draining}
        return web.json_response({"status": "ready" if status == 200 else "not ready", **parts}, status=status)  # noqa: PLR2004

    async def _metrics(self, request: web.Request) -> web.Response:
        token = bearer_token(request)
        if not (is_loopback(request) if token is None else self._service_tokens.matches(token)):
            return respond(self._dispatcher.refuse(ForbiddenError(), self._default_locale, "metrics"))
        return web.Response(body=await self._shown.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


class StateCollector(Collector):
    """Reads, when scraped, what the parts of the process count anyway."""

    def __init__(
        self,
        database: Database,
        manager: LocalManager,
        publisher: Publisher,
        recovery: Recovery,
        stats: StatsService,
        limits: Limits,
        push: PushService | None,
    ) -> None:
        self._recovery = recovery
        self._limits = limits
        self._push = push
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "verihome_connections": ("Open connections.", lambda: stats.read().active_connections),
            "verihome_online_users": ("Users with a connection here.", lambda: stats.read().online_users),
            "verihome_write_queue_depth": ("Writes that wait to be committed.", lambda: database.writer.depth),
            "verihome_read_queue_depth": ("Reads that wait for a connection.", lambda: database.reader.depth),
            "verihome_cluster_up": (
                "1 while other processes are heard, and hear this one.",
                lambda: float(manager.cluster_state == "ok"),
            ),
        }
        self._counters: dict[str, tuple[str, Callable[[], float]]] = {
            "verihome_messages": ("Messages stored.", lambda: stats.read().total_messages_sent),
            "verihome_deliveries": ("Events handed to connections.", lambda: manager.deliveries),
            "verihome_write_batches": ("Batches of writes committed.", lambda: database.writer.batches),
            "verihome_writes": ("Writes committed.", lambda: database.writer.works),
            "verihome_read_batches": ("Trips to the database to read.", lambda: database.reader.trips),
            "verihome_reads": ("Reads done.", lambda: database.reader.jobs),
            "verihome_cluster_received": ("Messages of other processes.", lambda: manager.received),
            "verihome_cluster_dropped": ("Events not told to other processes.", lambda: manager.dropped),
            "verihome_order_filled": (
                "Events read from the database since they did not come.",
                lambda: manager.order.filled,
            ),
            "verihome_publish_failures": ("Events that could not be told.", lambda: publisher.failures),
        }

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        for name, (text, read) in self._gauges.items():
            yield GaugeMetricFamily(name, text, value=read())
        for name, (text, read) in self._counters.items():
            yield CounterMetricFamily(name, text, value=read())
        yield _counter("verihome_limited_operations", "Operations refused as too many.", "limit", self._limits.limited)
        yield _counter(
            "verihome_refused_connections", "Connections refused as too many.", "limit", self._limits.refused
        )
        outcomes = {"recovered": self._recovery.recovered, "refused": self._recovery.refused}
        yield _counter("verihome_recoveries", "Clients that came back to go on where they were.", "outcome", outcomes)
        if self._push is not None:
            yield GaugeMetricFamily("verihome_push_queue_depth", "Pushes that wait.", value=self._push.depth)
            yield _counter("verihome_pushes", "What became of pushes.", "outcome", self._push.outcomes)


def _counter(name: str, text: str, label: str, values: Mapping[str, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=(label,))
    for value, number in values.items():
        family.add_metric((value,), number)
    return family
