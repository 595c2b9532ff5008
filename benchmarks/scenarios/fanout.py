"""What a delivery costs: one message, many recipients."""

from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median

from benchmarks.bench import Bench
from benchmarks.load import Sample
from benchmarks.report import Chart, Outcome, Table, Verdict, plain, ratio, ratios, spread
from benchmarks.targets import (
    Target,
    start_channels,
    start_floor,
    start_node_ws,
    start_socketio_node,
    start_socketio_python,
)

FLOOR = "C floor"
NODE_WS = "Node ws"
CHANNELS = "Django Channels"
SENDERS_PER_ROOM = 10
FAST = (FLOOR, NODE_WS)

SHAPES = ((1, 100, 10), (1, 1_000, 10), (50, 20, 2), (1, 100, 1), (1, 1_000, 1))
"""Rooms, people in each, senders in each.

One sender beside ten, because a server that puts several messages of a room into one write (ours does, Node's and the C
floor do not) is cheap only where messages coincide. Ten alone would hide what a lone message costs.
"""
LIMITS = {(1, 100): {NODE_WS: 0.75, FLOOR: 1.6}, (1, 1_000): {NODE_WS: 0.75, FLOOR: 1.6}, (50, 20): {NODE_WS: 0.6}}

GROWTH_SIZES = (10, 100, 1_000, 5_000)
GROWTH_LIMIT = 1.3


def fanout(bench: Bench) -> Outcome:
    """Compare the CPU of a delivery with all peers, in rooms of three shapes."""
    outcome = Outcome()
    with ExitStack() as stack:
        targets = bench.all_ours(stack)
        targets.append(start_floor(bench.cores, bench.floor, bench.fresh_folder()))
        stack.callback(targets[-1].stop)
        targets += bench.peer(stack, start_node_ws)
        targets += bench.peer(stack, start_socketio_node)
        targets += bench.peer(stack, start_socketio_python)
        channels = bench.peer(stack, start_channels)
        for shape in SHAPES[::2] if bench.quick else SHAPES:
            senders = shape[2]
            # One sender: only the ones that there are targets for. Channels takes a second for what the others do in
            # 10 ms: once is enough.
            chosen = [target for target in targets if senders > 1 or target.ours or target.name in FAST]
            _measure(bench, outcome, chosen + (channels if shape == SHAPES[0] else []), *shape)
    return outcome


def growth(bench: Bench) -> Outcome:
    """Tell whether a delivery becomes dearer as rooms grow."""
    with ExitStack() as stack:
        target = bench.ours(stack)
        cases = []
        for size in GROWTH_SIZES[:-1] if bench.quick else GROWTH_SIZES:
            load = bench.load(stack, target, bench.population.crowd(1, size), senders=SENDERS_PER_ROOM)
            cases.append(bench.sending(load, bench.plan(), f"ours, room of {size:,}"))
        samples = bench.take_turns(cases)
    costs = {name: median(run.us_per_delivery for run in runs) for name, runs in samples.items()}
    table = Table(
        "Growth: a delivery in rooms of 10 to 5,000",
        "One room, ten senders with one message in flight each. In a small room the cost of storing and acknowledging"
        " is shared by few recipients; what must not happen is that a delivery costs more as the room grows.",
        ("room", "CPU us/delivery", "deliveries/s", "delivery p50 ms", "p99 ms"),
        [
            (
                name,
                spread([run.us_per_delivery for run in runs], 2),
                plain([run.deliveries / run.seconds for run in runs], 0),
                plain([run.delivery_ms.p50 for run in runs]),
                plain([run.delivery_ms.p99 for run in runs]),
            )
            for name, runs in samples.items()
        ],
    )
    grown = [
        _growth(turn)
        for turn in zip(*([run.us_per_delivery for run in runs] for runs in samples.values()), strict=True)
    ]
    verdict = Verdict("a delivery in a room, to one in any smaller room", grown, GROWTH_LIMIT, "x")
    return Outcome([table], [verdict], [Chart("Delivery, by size of the room", "CPU us", list(costs.items()))])


def _growth(costs: Sequence[float]) -> float:
    """Return the most that a size (they ascend) costs more than a smaller one did, as a ratio."""
    return max(costs[larger] / costs[smaller] for larger in range(1, len(costs)) for smaller in range(larger))


def _measure(bench: Bench, outcome: Outcome, targets: list[Target], rooms: int, size: int, senders: int) -> None:
    where = f"one room of {size:,}" if rooms == 1 else f"{rooms} rooms of {size}"
    shape = f"{where}, {'one sender' if senders == 1 else f'{senders} senders each'}"
    bench.say(f"fan-out, {shape}")
    with ExitStack() as stack:
        crowd = bench.population.crowd(rooms, size)
        loads = bench.loads(stack, targets, crowd, senders=senders)
        samples = bench.take_turns([bench.sending(load, bench.plan()) for load in loads])
    costs = {name: [run.us_per_delivery for run in runs] for name, runs in samples.items()}
    outcome.tables.append(
        Table(
            f"Fan-out: {shape}",
            "Each sender has one message of 200 characters in flight until it is acknowledged and the sender heard it."
            " The C floor makes one send() for each recipient of each message; a server that puts several messages into"
            " one write can be below it where messages coincide.",
            ("server", "CPU us/delivery", "ours to it", "deliveries/s", "delivery p50 ms", "p99 ms", "server busy"),
            [_row(name, runs, costs) for name, runs in samples.items()],
        )
    )
    outcome.verdicts += [
        Verdict(f"delivery in {shape}, to {name}", ratios(costs["ours"], costs[name]), limit, "x")
        for name, limit in LIMITS[rooms, size].items()
        if name in costs
    ]
    # Channels would flatten all other bars.
    bars = [(name, median(values)) for name, values in costs.items() if name != CHANNELS]
    outcome.charts.append(Chart(f"Delivery, {shape}", "CPU us", bars))


def _row(name: str, runs: list[Sample], costs: dict[str, list[float]]) -> tuple[str, ...]:
    return (
        name,
        spread(costs[name], 2),
        "" if name == "ours" else f"{ratio(costs['ours'], costs[name]):.2f}x",
        plain([run.deliveries / run.seconds for run in runs], 0),
        plain([run.delivery_ms.p50 for run in runs]),
        plain([run.delivery_ms.p99 for run in runs]),
        f"{median(run.server_cpu_s / run.seconds for run in runs):.0%}",
    )
