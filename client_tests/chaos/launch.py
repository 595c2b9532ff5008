"""The real server with something wrong: `python -m client_tests.chaos.launch serve [--flaw NAME] [--clock-ms N]`.

`--clock-ms`: its clock is so many milliseconds ahead.
"""

import argparse

from client_tests.chaos.flaws import FLAWS
from server.app import create_app, run
from server.bootstrap import build, wall_clock
from server.logs import set_up_logs
from server.settings import load_settings


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--flaw", choices=FLAWS)
    parser.add_argument("--clock-ms", type=int, default=0)
    options = parser.parse_args()
    settings = load_settings()
    set_up_logs(settings.log_level)
    parts = build(settings, now=lambda: wall_clock() + options.clock_ms)
    if options.flaw is not None:
        FLAWS[options.flaw](parts)
    run(create_app(settings, parts), settings)


if __name__ == "__main__":
    main()
