"""The metrics of this process, and of several workers as one."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from server.realtime.relay import METRICS_PATH, STATS_PATH, Relay, is_from_worker
from server.services.stats import StatsService

_SUMMED = frozenset({"counter", "histogram", "summary"})


class Metrics:
    """What `/metrics` shows. `relay`: where the other workers behind the port are asked for theirs."""

    def __init__(self, registry: CollectorRegistry, stats: StatsService, relay: Relay | None) -> None:
        self._registry = registry
        self._stats = stats
        self._relay = relay

    def add_to(self, app: web.Application) -> None:
        """Mount what only other workers may ask."""
        if self._relay is not None:
            app.router.add_get(METRICS_PATH, self._own_metrics)
            app.router.add_get(STATS_PATH, self._own_stats)

    async def text(self) -> bytes:
        """Return the metrics of all workers, in the Prometheus text format."""
        own = generate_latest(self._registry)
        if self._relay is None:
            return own
        texts = {self._relay.worker.number: own, **await self._relay.gather(METRICS_PATH)}
        return merge_metrics({number: text.decode() for number, text in texts.items()})

    async def _own_metrics(self, request: web.Request) -> web.Response:
        _only_for_workers(request)
        return web.Response(body=generate_latest(self._registry))

    async def _own_stats(self, request: web.Request) -> web.Response:
        _only_for_workers(request)
        return web.Response(body=orjson.dumps(asdict(self._stats.read())), content_type="application/json")


def _only_for_workers(request: web.Request) -> None:
    if not is_from_worker(request):
        raise web.HTTPNotFound


def merge_metrics(texts: Mapping[int, str]) -> bytes:
    """Add up the counters and histograms of workers; their gauges stand side by side, each with its `worker`.

    `texts` is what each exposes, by its number, in the Prometheus text format.
    """
    merged = _Merged()
    for number, text in sorted(texts.items()):
        for family in text_string_to_metric_families(text):
            merged.add(number, family)
    registry = CollectorRegistry()
    registry.register(merged)
    return generate_latest(registry)


class _Merged(Collector):
    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}
        self._sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}

    def add(self, number: int, family: Metric) -> None:
        """Add what one worker says of one metric."""
        if family.type not in _SUMMED:
            known = self._families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                known.add_sample(sample.name, {**sample.labels, "worker": str(number)}, sample.value)
            return
        self._families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
        sums = self._sums.setdefault(family.name, {})
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            sums[key] = sums.get(key, 0) + sample.value

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        for name, family in self._families.items():
            for (sample, labels), value in self._sums.get(name, {}).items():
                family.add_sample(sample, dict(labels), value)
            yield family
