"""Every operation, event, field and code that a client page names exists in the contract."""

import json
import re
from typing import Any

import pytest

from client_tests.docs.pages import FOLDER, PAGES, Page
from client_tests.harness import ROOT

CONTRACT: dict[str, Any] = json.loads((ROOT / "docs" / "contract" / "schema.json").read_text(encoding="utf-8"))

ASKED = re.compile(r"""["'](/(?:messaging|threads|notifications|presence))["'],\s*["'](\w+)["']""")
HEARD = re.compile(r"""\bon\(\s*["']([\w*]+)["']""")
SNAKE_CASE = re.compile(r"(?<!\w)[a-z]+(?:_[a-z0-9]+)+(?!\w)")
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")

OWN_EVENTS = {
    "message",
    "notification",
    "presence",
    "receipt",
    "recovered",
    "refused",
    "signed_out",
    "thread",
    "typing",
}
"""What the pages' own code tells the app."""

LIBRARY_EVENTS = {"*", "change", "connect_error", "disconnect", "error"}

NOT_OURS = {
    "asyncio_client",  # an extra of python-socketio
    "client_tests",  # a folder
    "connect_error",  # the libraries' own event
    "signed_out",  # what the pages' own code tells the app
    "socket_io_client",  # the Dart library
}


def own_names(schema: Any) -> set[str]:
    """Return all names of properties in a JSON Schema."""
    if isinstance(schema, list):
        return set().union(*(own_names(item) for item in schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", ())).union(*(own_names(value) for value in schema.values()))


KNOWN = {*CONTRACT["operations"], *CONTRACT["events"], *CONTRACT["errors"], *own_names(CONTRACT["$defs"]), *NOT_OURS}


def test_all_pages_are_there() -> None:
    """One page for each platform, and the index."""
    wanted = ["README", "flutter", "javascript", "kotlin", "python", "react-native", "react", "swift"]
    assert sorted(PAGES) == sorted(f"{name}.md" for name in wanted)


@pytest.mark.parametrize("name", PAGES)
def test_operations_exist_where_they_are_asked(name: str) -> None:
    """An operation that a page's code asks is offered on that namespace."""
    asked = {found for code in Page.read(name).blocks() for found in ASKED.findall(code)}
    for namespace, operation in sorted(asked):
        assert namespace in CONTRACT["operations"].get(operation, {"namespaces": []})["namespaces"], operation


@pytest.mark.parametrize("name", PAGES)
def test_events_exist(name: str) -> None:
    """An event that a page's code listens to is one of the contract, of the code itself, or of the library."""
    heard = {found for code in Page.read(name).blocks() for found in HEARD.findall(code)}
    assert heard <= {*CONTRACT["events"], *OWN_EVENTS, *LIBRARY_EVENTS}


@pytest.mark.parametrize("name", PAGES)
def test_names_exist(name: str) -> None:
    """Any other name that looks like one of the wire is one (in Python every name looks like that)."""
    page = Page.read(name)
    text = page.text
    for code in page.blocks("python", "py"):
        text = text.replace(code, "")
    assert {word for word in SNAKE_CASE.findall(text) if word not in KNOWN} == set()


@pytest.mark.parametrize("name", ["javascript.md", "python.md", "kotlin.md", "swift.md", "flutter.md"])
def test_each_page_covers_what_a_client_has_to_do(name: str) -> None:
    """Connect, renew, recover, ping, send, receive, receipts, typing, visibility: every client does all of it."""
    code = "\n".join(Page.read(name).blocks())
    wanted = {
        *("refresh_token", "token_expiring", "connection_established", "sync", "list_threads", "get_thread"),
        *("get_history", "ping", "heads", "send_message", "client_message_id", "new_message", "thread_created"),
        *("mark_as_read", "mark_delivered", "message_read_receipt", "message_delivered_receipt"),
        *("join_conversation", "leave_conversation", "typing_start", "typing_stop", "typing_notification"),
    }
    assert {word for word in wanted if not re.search(rf"\b{word}\b", code)} == set()


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    """A link to a file of the repository finds it."""
    for target in LINK.findall(Page.read(name).text):
        assert target.startswith("https://") or (FOLDER / target).exists(), target
