"""What a stored message costs: many small rooms, everyone sending."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

from benchmarks.bench import Bench, Case
from benchmarks.load import Load, Sample
from benchmarks.report import Chart, Outcome, Table, Verdict, plain, ratio, ratios, spread
from benchmarks.targets import start_node_ws, start_socketio_python, write_figures
from client_tests.services import PostgresServer, ServiceError, postgres_server

NORMAL = "ours, SQLite NORMAL"
FULL = "ours, SQLite FULL"
POSTGRES = "ours, PostgreSQL"
NODE = "Node ws + better-sqlite3"

LIMIT = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """A sample, and how many sends shared a commit (0: not known)."""

    sample: Sample
    sends_per_commit: float


def durable(bench: Bench) -> Outcome:
    """Compare storages, and two peers that insert each message before anybody hears it."""
    rooms = 100 if bench.quick else 500
    crowd = bench.population.crowd(rooms, 2)
    with ExitStack() as stack:
        targets = [
            bench.ours(stack, NORMAL, SQLITE_SYNCHRONOUS="NORMAL"),
            bench.ours(stack, FULL, SQLITE_SYNCHRONOUS="FULL"),
        ]
        for name, root in list(bench.roots.items())[1:]:
            targets.append(bench.ours(stack, f"{name}, SQLite NORMAL", root=root, SQLITE_SYNCHRONOUS="NORMAL"))
        try:
            postgres = stack.enter_context(_durable(stack.enter_context(postgres_server())))
        except ServiceError as error:
            bench.note(f"PostgreSQL was not measured: {str(error).splitlines()[0]}")
        else:
            url = postgres.create_database()
            bench.population.seed(bench.roots["ours"], url)
            targets.append(bench.ours(stack, POSTGRES, DATABASE_URL=url, other_pids=(postgres.process.pid,)))
        targets += bench.peer(stack, start_node_ws, database=True)
        targets += bench.peer(stack, start_socketio_python, database=True)
        cases = []
        # PostgreSQL shares the generator's core, which must not spin there.
        beside = [target for target in targets if target.other_pids]
        alone = [target for target in targets if not target.other_pids]
        for load in bench.loads(stack, alone, crowd) + bench.loads(stack, beside, crowd, spin=False):
            case = bench.sending(load, bench.plan())
            cases.append(Case(case.name, _counting(load, case.measure), case.ours))
        runs = bench.take_turns(cases)
    return _outcome(rooms, runs)


def _counting(load: Load, measure: Callable[[], Sample]) -> Callable[[], Run]:
    def counted() -> Run:
        if not load.target.ours:
            return Run(measure(), 1)
        before = write_figures(load.target.ports[0])
        sample = measure()
        writes, batches = (new - old for new, old in zip(write_figures(load.target.ports[0]), before, strict=True))
        return Run(sample, writes / max(batches, 1) if writes else 0)

    return counted


def _outcome(rooms: int, runs: dict[str, list[Run]]) -> Outcome:
    samples = {name: [run.sample for run in several] for name, several in runs.items()}
    costs = {name: [sample.us_per_send for sample in several] for name, several in samples.items()}
    table = Table(
        f"Durable chat: {rooms} rooms of two, everyone sends",
        "One message in flight for each sender. Ours checks the token and the participants, stores, commits, delivers"
        " to both and acknowledges with the stored message; the peers insert and deliver."
        " PostgreSQL waits for its disk (fsync on) and shares the generator's core; its CPU stands"
        " apart.",
        ("server", "CPU us/send", "to Node ws", "database us/send", "sends/s", "ack p50 ms", "p99 ms", "sends/commit"),
        [_row(name, several, costs) for name, several in runs.items()],
    )
    verdicts = []
    if NODE in costs:
        verdicts.append(Verdict(f"durable send, to {NODE}", ratios(costs[NORMAL], costs[NODE]), LIMIT, "x"))
    chart = Chart(
        f"Durable send, {rooms} rooms of two", "CPU us", [(name, median(all_)) for name, all_ in costs.items()]
    )
    return Outcome([table], verdicts, [chart])


def _row(name: str, runs: list[Run], costs: dict[str, list[float]]) -> tuple[str, ...]:
    samples = [run.sample for run in runs]
    others = [sample.other_us_per_send for sample in samples]
    per_commit = median(run.sends_per_commit for run in runs)
    return (
        name,
        spread(costs[name], 1),
        f"{ratio(costs[name], costs[NODE]):.2f}x" if NODE in costs else "",
        plain(others) if any(others) else "",
        spread([sample.sends_per_s for sample in samples]),
        plain([sample.ack_ms.p50 for sample in samples]),
        plain([sample.ack_ms.p99 for sample in samples]),
        f"{per_commit:.0f}" if per_commit else "",
    )


@contextmanager
def _durable(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """Restart the tests' PostgreSQL, which never waits for the disk, as one that does: its own defaults."""
    postgres.stop()
    safe = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
    # The last of several settings holds.
    postgres._child.command += [flag for setting in safe for flag in ("-c", setting)]  # noqa: SLF001
    postgres.start()
    yield postgres
