"""What all scenarios share: where things are, starting servers and loads, and taking turns."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from benchmarks.install import ROOT, Peers
from benchmarks.load import CheckError, Load, Plan, Sample
from benchmarks.population import Crowd, Population
from benchmarks.targets import MESSAGING, Cores, Target, our_wire, start_ours

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Case(Generic[T]):
    """Something measured again and again; if `ours` fails, so does the whole run."""

    name: str
    measure: Callable[[], T]
    ours: bool


@dataclass(slots=True)
class Bench:
    """What every scenario is given.

    `roots` are the folders of the servers to measure as ours, by name: `ours` first, and maybe an older one.
    """

    cores: Cores
    folder: Path
    generator: Path
    floor: Path
    peers: Peers | None
    population: Population
    runs: int
    seconds: float
    quick: bool
    say: Callable[[str], None]
    roots: dict[str, Path] = field(default_factory=lambda: {"ours": ROOT})
    namespace: str = MESSAGING
    notes: list[str] = field(default_factory=list)
    _folders: int = 0

    def plan(self, **options: Any) -> Plan:
        """Return a plan of the usual length."""
        return Plan(seconds=self.seconds, warm_up_s=min(0.5, self.seconds / 2), **options)

    def fresh_folder(self) -> Path:
        """Return a folder for one server."""
        self._folders += 1
        folder = self.folder / f"server-{self._folders}"
        folder.mkdir()
        return folder

    def ours(
        self,
        stack: ExitStack,
        name: str = "ours",
        *,
        root: Path | None = None,
        processes: int = 1,
        namespaces: Sequence[str] = (),
        other_pids: tuple[int, ...] = (),
        **environment: str,
    ) -> Target:
        """Start our server for as long as the stack lives.

        Each process has a copy of the database, unless the environment names one.
        """
        root = root or self.roots["ours"]
        folder = self.fresh_folder()
        environments = []
        for number in range(processes):
            own = folder / str(number)
            own.mkdir()
            url = {} if "DATABASE_URL" in environment else {"DATABASE_URL": self.population.copy_database(root, own)}
            environments.append(environment | url)
        ports, started = start_ours(self.cores, root, folder, environments)
        wire = our_wire(*(namespaces or (self.namespace,)))
        target = Target(name, ports, wire, started, ours=True, other_pids=other_pids)
        stack.callback(target.stop)
        return target

    def all_ours(self, stack: ExitStack, **environment: str) -> list[Target]:
        """Start our server, and the older one to compare with if there is one."""
        return [self.ours(stack, name, root=root, **environment) for name, root in self.roots.items()]

    def peer(self, stack: ExitStack, start: Callable[..., Target], **options: Any) -> list[Target]:
        """Start a peer; an empty list, and a note, if there is none to start."""
        if self.peers is None:
            return []
        try:
            target = start(self.cores, self.peers, self.fresh_folder(), **options)
        except RuntimeError as error:
            self.note(f"A peer was left out ({start.__name__.removeprefix('start_')}): {str(error).strip()[-300:]}")
            return []
        stack.callback(target.stop)
        return [target]

    def note(self, text: str) -> None:
        """Keep something that the reader of the report must know."""
        self.say(text)
        self.notes.append(text)

    def load(self, stack: ExitStack, target: Target, crowd: Crowd, **options: Any) -> Load:
        """Connect a crowd for as long as the stack lives."""
        load = stack.enter_context(Load(self.generator, target, crowd, **options))
        self.say(f"  {target.name}: {load.connected.clients} clients in {load.connected.seconds:.2f} s")
        return load

    def loads(self, stack: ExitStack, targets: Sequence[Target], crowd: Crowd, **options: Any) -> list[Load]:
        """Connect a crowd to each target; a peer that does not let everyone in is left out."""
        found = []
        for target in targets:
            case = Case(target.name, lambda target=target: self.load(stack, target, crowd, **options), target.ours)
            load = self._attempt(case, case.measure)
            found += [load] if load else []
        return found

    def sending(self, load: Load, plan: Plan, name: str = "") -> "Case[Sample]":
        """Return the case of running this plan on this load, once warmed up."""
        case = Case(name or load.target.name, lambda: load.run(plan), load.target.ours)
        # Not counted: whatever is cached or compiled, is from now on.
        self._attempt(case, lambda: load.warm_up(max(0.5, self.seconds / 2)))
        return case

    def take_turns(self, cases: Sequence[Case[T]]) -> dict[str, list[T]]:
        """Measure all cases once, then all again in the opposite order, and so on; peers that fail are left out."""
        found: dict[str, list[T]] = {case.name: [] for case in cases}
        for turn in range(self.runs):
            for case in cases if turn % 2 == 0 else reversed(cases):
                if case.name in found:
                    measured = self._attempt(case, case.measure)
                    if measured is None:
                        del found[case.name]
                    else:
                        found[case.name].append(measured)
        return found

    def _attempt(self, case: Case[T], measure: Callable[[], T]) -> T | None:
        try:
            return measure()
        except CheckError as error:
            if case.ours:
                raise
            self.note(f"{case.name} was left out from here on: {error}")
            return None
