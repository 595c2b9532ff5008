"""What being connected, connecting, and coming back all at once cost."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench, Case
from benchmarks.load import Back, CheckError, Connected
from benchmarks.report import Chart, Outcome, Table, Verdict, plain, ratio, ratios, spread
from benchmarks.targets import NAMESPACES, Target, start_node_ws, start_socketio_node, start_socketio_python

ALL = "ours, four namespaces"
NODE_WS = "Node ws"
FIRST = 100
"""So many connect before memory is first read: what a server imports or compiles at the first is not theirs."""

SETTLE_S = 1.0


def idle(bench: Bench) -> Outcome:
    """Measure connecting on fresh servers, and a reconnect of everyone on servers that stay up."""
    clients, crowd_rooms = (200, 200) if bench.quick else (1_000, 1_000)
    outcome = Outcome()
    _connections(bench, outcome, clients)
    _reconnects(bench, outcome, crowd_rooms)
    return outcome


def _connections(bench: Bench, outcome: Outcome, clients: int) -> None:
    crowd = bench.population.crowd((clients + FIRST) // 2, 2)

    def connected(start: Callable[[ExitStack], Sequence[Target]]) -> Callable[[], Connected]:
        def measure() -> Connected:
            with ExitStack() as stack:
                targets = start(stack)
                if not targets:
                    raise CheckError("it did not start")
                return bench.load(stack, targets[0], crowd, first=FIRST, settle_s=SETTLE_S).connected

        return measure

    def ours(name: str, root: Path, namespaces: Sequence[str]) -> Callable[[ExitStack], Sequence[Target]]:
        return lambda stack: [bench.ours(stack, name, root=root, namespaces=namespaces)]

    cases = [Case(name, connected(ours(name, root, ())), ours=True) for name, root in bench.roots.items()]
    cases.append(Case(ALL, connected(ours(ALL, bench.roots["ours"], NAMESPACES)), ours=True))
    if bench.peers is not None:
        cases += [
            Case(name, connected(lambda stack, start=start: bench.peer(stack, start)), ours=False)
            for name, start in (
                (NODE_WS, start_node_ws),
                ("Socket.IO Node", start_socketio_node),
                ("python-socketio", start_socketio_python),
            )
        ]
    bench.say(f"{clients:,} idle connections")
    found = bench.take_turns(cases)
    costs = {name: [run.us_each for run in runs] for name, runs in found.items()}
    memory = {name: [run.kib_each for run in runs] for name, runs in found.items()}
    outcome.tables.append(
        Table(
            f"Idle: {clients:,} connections",
            f"On a fresh server, after {FIRST} others. A connect is TCP, upgrade, CONNECT and joining a room, 50 under"
            " way at once; ours also checks the token, finds the person, tells presence and greets. Memory is the"
            " growth of the server's RSS a second after the last; there is none of the kernel's in it. Node's heap"
            " grows in large steps: its figure falls as connections are added, and is not to be compared with ours.",
            ("server", "KiB per connection", "CPU us/connect", "ours to it", "connects/s"),
            [
                (
                    name,
                    spread(memory[name], 1),
                    spread(costs[name]),
                    "" if name == "ours" else f"{ratio(costs['ours'], costs[name]):.2f}x",
                    plain([run.per_s for run in runs], 0),
                )
                for name, runs in found.items()
            ],
        )
    )
    outcome.verdicts += [
        Verdict("idle connection", memory["ours"], 18, "KiB"),
        Verdict("idle connection on all four namespaces", memory[ALL], 30, "KiB"),
    ]
    if NODE_WS in costs:
        verdict = Verdict("connect, authenticate and join, to Node ws", ratios(costs["ours"], costs[NODE_WS]), 1.0, "x")
        outcome.verdicts.append(verdict)
    outcome.charts += [
        Chart("Idle connection", "KiB", [(name, median(values)) for name, values in memory.items()]),
        Chart("Connect and join", "CPU us", [(name, median(values)) for name, values in costs.items()]),
    ]


def _reconnects(bench: Bench, outcome: Outcome, rooms: int) -> None:
    crowd = bench.population.crowd(rooms, 2)
    bench.say(f"{crowd.clients:,} reconnect at once")
    with ExitStack() as stack:
        targets = [*bench.all_ours(stack), *bench.peer(stack, start_node_ws)]
        cases = []
        for load in bench.loads(stack, targets, crowd, settle_s=SETTLE_S):
            load.reconnect()  # not counted, as everywhere
            cases.append(Case(load.target.name, load.reconnect, load.target.ours))
        found: dict[str, list[Back]] = bench.take_turns(cases)
    seconds = {name: [run.seconds for run in runs] for name, runs in found.items()}
    outcome.tables.append(
        Table(
            f"Reconnect: {crowd.clients:,} at once",
            "All connections are dropped, and all come back in the same moment. A refused one tries again after 0.1 s.",
            ("server", "seconds until all are back", "ours to it", "CPU us each", "refused"),
            [
                (
                    name,
                    spread(seconds[name], 2),
                    "" if name == "ours" else f"{ratio(seconds['ours'], seconds[name]):.2f}x",
                    plain([run.server_cpu_s * 1e6 / crowd.clients for run in runs], 0),
                    plain([float(run.refused) for run in runs], 0),
                )
                for name, runs in found.items()
            ],
        )
    )
    if NODE_WS in seconds:
        what = f"{crowd.clients:,} reconnects, time to Node ws"
        outcome.verdicts.append(Verdict(what, ratios(seconds["ours"], seconds[NODE_WS]), 1.2, "x"))
