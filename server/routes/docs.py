"""The contract's documents under `/api/v1`, and pages to read them: `/docs` (HTTP) and `/docs/events`.

Everything comes from this server: the viewers are files that `make install` fetched, and the pages' policy lets
nothing else in. Without those files the documents are still there, and the pages say what to do.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aiohttp import ETag, web

import server
from server.contract import export
from server.contract.jsonschema import Json

STATIC = Path(server.__file__).parent / "static"

_DOCUMENTS: Mapping[str, Callable[[], Json]] = {
    "openapi": export.openapi,
    "asyncapi": export.asyncapi,
    "schema": export.json_schema,
}


@dataclass(frozen=True, slots=True)
class _Page:
    path: str
    title: str
    script: str
    style: str
    viewer: str
    is_compiling: bool = False


_PAGES = (
    _Page(
        path="/docs",
        title="VeriHome Realtime: HTTP API",
        script="/docs/assets/swagger.js",
        style="/docs/vendor/swagger-ui/swagger-ui.css",
        viewer="/docs/vendor/swagger-ui/swagger-ui-bundle.js",
    ),
    _Page(
        path="/docs/events",
        title="VeriHome Realtime: events",
        script="/docs/assets/events.js",
        style="/docs/vendor/asyncapi/default.min.css",
        viewer="/docs/vendor/asyncapi/index.js",
        # Its validator compiles schemas to functions while it loads, in the build without a parser too.
        is_compiling=True,
    ),
)

# Looked up by address, never by a path that a caller wrote.
_FILES: Mapping[str, Path] = {
    **{page.script: STATIC / "docs" / page.script.removeprefix("/docs/assets/") for page in _PAGES},
    **{url: STATIC / url.removeprefix("/docs/") for page in _PAGES for url in (page.style, page.viewer)},
}

# Both viewers write style attributes; neither needs anything from elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'{more}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}

_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
body {{ margin: 0; font-family: system-ui, sans-serif; }}
code::before, code::after {{ content: none !important; }}
</style>
{head}
</head>
<body>
<main id="viewer">{body}</main>
</body>
</html>
"""


def add_docs(app: web.Application) -> None:
    """Mount the documents, the pages and their files."""
    for name in _DOCUMENTS:
        app.router.add_get(f"/api/v1/{name}.json", _answer_document(name))
    for page in _PAGES:
        app.router.add_get(page.path, _answer_page(page))
    for url, path in _FILES.items():
        app.router.add_get(url, _answer_file(path))


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _answer_document(name: str) -> _Handler:
    async def document(request: web.Request) -> web.StreamResponse:
        body, tag = _built(name)
        is_known = any(known.value in {tag, "*"} for known in request.if_none_match or ())
        response = web.Response(status=304) if is_known else web.Response(body=body, content_type="application/json")
        response.headers.update(_HEADERS)
        response.etag = ETag(tag)
        return response

    return document


@cache
def _built(name: str) -> tuple[bytes, str]:
    body = json.dumps(_DOCUMENTS[name](), ensure_ascii=False).encode()
    return body, hashlib.sha256(body).hexdigest()[:32]


def _answer_page(page: _Page) -> _Handler:
    async def show(_: web.Request) -> web.StreamResponse:
        has_viewer = _FILES[page.viewer].is_file()
        text = _render(page) if has_viewer else _render_missing(page)
        policy = _POLICY.format(more=" 'unsafe-eval'" if page.is_compiling and has_viewer else "")
        headers = _HEADERS | {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
        status = 200 if has_viewer else 503
        return web.Response(text=text, content_type="text/html", headers=headers, status=status)

    return show


def _answer_file(path: Path) -> _Handler:
    async def file(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(path, headers=_HEADERS)

    return file


def _render(page: _Page) -> str:
    head = (
        f'<link rel="stylesheet" href="{page.style}">\n'
        f'<script src="{page.viewer}" defer></script>\n'
        f'<script src="{page.script}" defer></script>'
    )
    return _TEMPLATE.format(title=page.title, head=head, body="<noscript>This page needs JavaScript.</noscript>")


def _render_missing(page: _Page) -> str:
    body = (
        f"<h1>{page.title}</h1>\n"
        "<p>The viewer is not installed: run <code>make install</code> and load this page again.</p>\n"
        '<p>The documents are here all the same: <a href="/api/v1/openapi.json">OpenAPI</a>, '
        '<a href="/api/v1/asyncapi.json">AsyncAPI</a>, <a href="/api/v1/schema.json">JSON Schema</a>.</p>'
    )
    return _TEMPLATE.format(title=page.title, head="", body=body)
