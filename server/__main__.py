"""The command line: `python -m server serve | migrate | token | vapid | export`."""

import argparse
import json
import sys
import time


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status (2: wrong arguments or settings)."""
    options = _parser().parse_args(arguments)
    from server.settings import SettingsError

    try:
        return int(options.run(options))
    except SettingsError as error:
        print(f"verihome: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server", description="VeriHome Realtime")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run the server (DEMO=1: with people and a key of its own)")
    serve.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes that share the port; more than one need REDIS_URL or PostgreSQL (default 1)",
    )
    serve.set_defaults(run=_serve)
    migrate = commands.add_parser("migrate", help="bring the database's tables up to date")
    migrate.set_defaults(run=_migrate)
    token = commands.add_parser("token", help="print an access token, for curl and wscat (needs JWT_SECRET or DEMO=1)")
    token.add_argument("--user", required=True, help="user id")
    token.add_argument("--name", help="display name")
    token.add_argument("--ttl", type=int, default=3600, help="seconds until it expires (default 3600)")
    token.set_defaults(run=_token)
    vapid = commands.add_parser("vapid", help="make a key for pushes, and print its lines for .env")
    vapid.add_argument("--subject", default="mailto:you@example.com", help="whom push services may write to")
    vapid.set_defaults(run=_vapid)
    export = commands.add_parser("export", help="print the contract as a document")
    export.add_argument("document", choices=("openapi", "asyncapi", "jsonschema"))
    export.set_defaults(run=_export)
    return parser


def _serve(options: argparse.Namespace) -> int:
    from server.logs import set_up_logs
    from server.settings import load_settings

    settings = load_settings()
    set_up_logs(settings.log_level)
    if settings.worker is None:
        _prepare_tables(settings.database_url, demo=settings.demo)
    if options.workers != 1 and settings.worker is None:
        from server.supervisor import supervise

        return supervise(settings, options.workers)
    from server.app import create_app, run

    run(create_app(settings), settings)
    return 0


def _prepare_tables(url: str, *, demo: bool) -> None:
    from server.settings import SettingsError
    from server.storage.engine import is_behind

    if demo:
        _migrate_tables(url)
    elif is_behind(url):
        raise SettingsError("the database lacks tables of this version: run `python -m server migrate` first")


def _migrate_tables(url: str) -> None:
    from server.domain.errors import UnavailableError
    from server.settings import SettingsError
    from server.storage.engine import migrate

    try:
        migrate(url)
    except UnavailableError as error:
        reason = str(error.__cause__).partition("\n")[0]  # SQLAlchemy adds statements and links
        raise SettingsError(f"the database cannot be reached: {reason}") from None


def _migrate(_options: argparse.Namespace) -> int:
    from server.settings import load_database_url

    _migrate_tables(load_database_url())
    return 0


def _token(options: argparse.Namespace) -> int:
    from server.services.auth import issue_token
    from server.settings import SettingsError, load_settings

    settings = load_settings()
    now_ms = time.time_ns() // 1_000_000
    try:
        token = issue_token(settings.tokens, user_id=options.user, name=options.name, ttl_s=options.ttl, now_ms=now_ms)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    print(token)
    return 0


def _vapid(options: argparse.Namespace) -> int:
    from server.contract.vapid import load_vapid_key, new_private_key
    from server.settings import SettingsError

    try:
        key = load_vapid_key(new_private_key(), options.subject)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    print(f"VAPID_PRIVATE_KEY={key.private}\nVAPID_PUBLIC_KEY={key.public}\nVAPID_SUBJECT={key.subject}")
    return 0


def _export(options: argparse.Namespace) -> int:
    from server.contract import export

    documents = {"openapi": export.openapi, "asyncapi": export.asyncapi, "jsonschema": export.json_schema}
    print(json.dumps(documents[options.document](), indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
