"""The metrics of several workers as one."""

import math

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from server.routes.metrics import merge_metrics

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Process:
    """A worker with a metric of each kind that we have."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = Counter("events", "Events.", ["kind"], registry=self.registry)
        self.plain = Counter("plain", "Without labels.", registry=self.registry)
        self.open = Gauge("open_connections", "Open.", ["transport"], registry=self.registry)
        self.lag = Gauge("lag_seconds", "Lag.", registry=self.registry)
        self.took = Histogram("took_seconds", "Took.", ["op"], buckets=(0.1, 1.0), registry=self.registry)

    @property
    def text(self) -> str:
        """What it exposes."""
        return generate_latest(self.registry).decode()


def samples(text: str) -> Samples:
    """Read all samples; the test fails if one stands there twice."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def merged(*processes: Process) -> Samples:
    """Merge the metrics of workers 0, 1, ..."""
    return samples(merge_metrics({number: process.text for number, process in enumerate(processes)}).decode())


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """Name a sample."""
    return name, frozenset(labels.items())


def test_counters_are_added_up() -> None:
    """By their labels; what one worker has not counted yet is what the others did."""
    one, two, three = Process(), Process(), Process()
    one.events.labels("a").inc(2)
    two.events.labels("a").inc(3)
    two.events.labels("b").inc()
    for process in (one, two, three):
        process.plain.inc(5)
    found = merged(one, two, three)
    assert found[key("events_total", kind="a")] == 5
    assert found[key("events_total", kind="b")] == 1
    assert found[key("plain_total")] == 15


def test_histograms_are_added_up() -> None:
    """Bucket by bucket, with sum and count; the last bucket holds all."""
    one, two = Process(), Process()
    one.took.labels("ping").observe(0.05)
    one.took.labels("ping").observe(5)
    two.took.labels("ping").observe(0.5)
    two.took.labels("sync").observe(0.05)
    found = merged(one, two)
    assert [found[key("took_seconds_bucket", op="ping", le=le)] for le in ("0.1", "1.0", "+Inf")] == [1, 2, 3]
    assert found[key("took_seconds_count", op="ping")] == 3
    assert math.isclose(found[key("took_seconds_sum", op="ping")], 5.55)
    assert found[key("took_seconds_count", op="sync")] == 1


def test_gauges_stand_side_by_side() -> None:
    """Each with its worker beside its own labels: a sum of lags would mean nothing."""
    one, two = Process(), Process()
    one.open.labels("polling").set(3)
    two.open.labels("polling").set(4)
    two.open.labels("websocket").set(-1)
    one.lag.set(0.5)
    two.lag.set(math.inf)
    found = merged(one, two)
    assert found[key("open_connections", transport="polling", worker="0")] == 3
    assert found[key("open_connections", transport="polling", worker="1")] == 4
    assert found[key("open_connections", transport="websocket", worker="1")] == -1
    assert found[key("lag_seconds", worker="0")] == 0.5
    assert found[key("lag_seconds", worker="1")] == math.inf
    assert key("open_connections", transport="polling") not in found


def test_types_and_texts_are_kept() -> None:
    """What Prometheus reads is of the same kind and says the same as of one worker; nothing is there twice."""
    one, two = Process(), Process()
    one.took.labels("ping").observe(1)
    text = merge_metrics({3: one.text, 1: two.text}).decode()
    for line in (
        "# HELP events_total Events.",
        "# TYPE events_total counter",
        "# TYPE open_connections gauge",
        "# TYPE took_seconds histogram",
    ):
        assert text.count(line + "\n") == 1
    own = {family.name for family in text_string_to_metric_families(one.text)}
    assert {family.name for family in text_string_to_metric_families(text)} == own


def test_one_worker_alone_is_as_it_was() -> None:
    """But for the labels of its gauges; a label may hold anything."""
    process = Process()
    odd = 'a"b\\c\nd{e="f"},ñ'
    process.events.labels(odd).inc(2)
    process.took.labels(odd).observe(0.5)
    process.open.labels(odd).set(1)
    found = merged(process)
    assert found[key("events_total", kind=odd)] == 2
    assert found[key("took_seconds_count", op=odd)] == 1
    assert found[key("open_connections", transport=odd, worker="0")] == 1


def test_no_worker_answers() -> None:
    """Then there is nothing to tell."""
    assert merge_metrics({}) == b""
    assert merge_metrics({0: ""}) == b""
