"""What several processes over one Redis cost."""

from contextlib import ExitStack
from statistics import median

from benchmarks.bench import Bench
from benchmarks.load import Sample
from benchmarks.report import Chart, Outcome, Table, Verdict, plain, ratio, ratios, spread
from benchmarks.targets import Target, start_socketio_node, start_socketio_python
from client_tests.services import RedisServer, ServiceError, redis_server

NODE = "Socket.IO Node + redis-adapter"
HEADER = (
    "servers",
    "CPU us/send, all processes",
    "to the first",
    "Redis us/send",
    "sends/s",
    "delivery p50 ms",
    "p99 ms",
)


def redis(bench: Bench) -> Outcome:
    """Measure rooms across two processes, and rooms of their own on one to eight processes."""
    outcome = Outcome()
    rooms = 100 if bench.quick else 500
    try:
        _across(bench, outcome, rooms)
        _apart(bench, outcome, rooms)
    except ServiceError as error:
        bench.note(f"Redis was not measured: {str(error).splitlines()[0]}")
    return outcome


def _across(bench: Bench, outcome: Outcome, rooms: int) -> None:
    bench.say(f"two processes over Redis, {rooms} rooms of two")
    crowd = bench.population.crowd(rooms, 2)
    with ExitStack() as stack:
        targets = [_cluster(bench, stack, "ours", 2, **_one_database(bench))]
        for start in (start_socketio_node, start_socketio_python):
            server = stack.enter_context(redis_server())
            targets += [
                _with_redis(target, server) for target in bench.peer(stack, start, redis=server.url, processes=2)
            ]
        # Redis shares the generator's core, which must not spin there.
        loads = bench.loads(stack, targets, crowd, spin=False)
        samples = bench.take_turns([bench.sending(load, bench.plan()) for load in loads])
    costs = {name: [run.us_per_send for run in runs] for name, runs in samples.items()}
    outcome.tables.append(
        Table(
            f"Redis: two processes, {rooms} rooms of two across them",
            "The two in a room are connected to different processes, and everyone sends, one message in flight each."
            " Ours stores every message (one SQLite file for both); the peers store nothing.",
            HEADER,
            [_row(name, runs, costs["ours"]) for name, runs in samples.items()],
        )
    )
    if NODE in costs:
        what = f"send across two processes, to {NODE}"
        outcome.verdicts.append(Verdict(what, ratios(costs["ours"], costs[NODE]), 1.0, "x"))
    bars = [(name, median(values)) for name, values in costs.items()]
    outcome.charts.append(Chart("Send across two processes over Redis", "CPU us of both", bars))


def _apart(bench: Bench, outcome: Outcome, rooms: int) -> None:
    bench.say(f"more processes over Redis, {rooms} rooms of two that stay apart")
    crowd = bench.population.crowd(rooms, 2)
    with ExitStack() as stack:
        cases = []
        for count in (1, 2) if bench.quick else (1, 2, 4, 8):
            target = _cluster(bench, stack, f"ours, processes: {count}", count)
            load = bench.load(stack, target, crowd, spin=False, options=["--port-by-room"])
            cases.append(bench.sending(load, bench.plan()))
        samples = bench.take_turns(cases)
    costs = {name: [run.us_per_send for run in runs] for name, runs in samples.items()}
    first = next(iter(costs.values()))
    outcome.tables.append(
        Table(
            f"Redis: one to eight processes, {rooms} rooms of two, each room on one of them",
            "Nobody on another process hears anything. What a send costs more than with one process is spent on"
            " telling the others, and by them on finding that it is not for them.",
            HEADER,
            [_row(name, runs, first) for name, runs in samples.items()],
        )
    )
    bars = [(name, median(values)) for name, values in costs.items()]
    outcome.charts.append(Chart("Send, rooms on processes of their own", "CPU us of all", bars))


def _one_database(bench: Bench) -> dict[str, str]:
    """Processes that write the same threads share a database: in copies, revisions would be given twice."""
    return {"DATABASE_URL": bench.population.copy_database(bench.roots["ours"], bench.fresh_folder())}


def _cluster(bench: Bench, stack: ExitStack, name: str, processes: int, **environment: str) -> Target:
    # A Redis for each cluster, since all processes on one Redis are one cluster.
    server = stack.enter_context(redis_server())
    environment |= {"REDIS_URL": server.url, "SQLITE_SYNCHRONOUS": "NORMAL"}
    return bench.ours(stack, name, processes=processes, other_pids=(server.process.pid,), **environment)


def _with_redis(target: Target, server: RedisServer) -> Target:
    target.other_pids = (server.process.pid,)
    return target


def _row(name: str, runs: list[Sample], first: list[float]) -> tuple[str, ...]:
    costs = [run.us_per_send for run in runs]
    return (
        name,
        spread(costs, 1),
        f"{ratio(costs, first):.2f}x",
        plain([run.other_us_per_send for run in runs]),
        plain([run.sends_per_s for run in runs], 0),
        plain([run.delivery_ms.p50 for run in runs]),
        plain([run.delivery_ms.p99 for run in runs]),
    )
