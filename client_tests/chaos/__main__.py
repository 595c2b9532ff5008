"""`python -m client_tests.chaos [--only NAME ...] [--flaw NAME] [--quick] [-v]`: break things, and print a table.

Exit status 1 if anything was wrong. `-v` prints the ends of the servers' logs of such a run.
"""

import argparse
import asyncio
import os
import signal
import sys

from client_tests.chaos.faults import FAULTS
from client_tests.chaos.flaws import FLAWS
from client_tests.chaos.run import CannotRunError, Verdict, run, table
from client_tests.services import postgres_server


def main() -> int:
    """Run the faults that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m client_tests.chaos")
    parser.add_argument("--only", choices=FAULTS, nargs="+", default=list(FAULTS))
    parser.add_argument("--flaw", choices=FLAWS, help="run servers that break a promise on purpose: this must fail")
    parser.add_argument("--quick", action="store_true", help="shorter loads")
    parser.add_argument("-v", action="store_true", help="print the servers' logs when something was wrong")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are ended, whatever ends us
    verdicts: list[Verdict] = []
    failed = False
    with postgres_server() as postgres:
        for name in options.only:
            try:
                verdict = asyncio.run(run(FAULTS[name], postgres, quick=options.quick, flaw=options.flaw))
            except CannotRunError as error:
                print(f"{name}: not run: {error}", flush=True)
                failed |= bool(os.environ.get("CI"))
                continue
            verdicts.append(verdict)
            print(f"{name}: {'; '.join(verdict.problems) or 'as promised'}", flush=True)
    print(table(verdicts))
    return int(failed or any(verdict.problems for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
