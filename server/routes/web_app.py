"""The web app at `/`: files that `make run` built from `frontend/` (they are in the wheel, too), under a strict policy.

Nothing inline and nothing from elsewhere gets in. The one exception carries a nonce, new for every answer: style
elements that the app's dialogs add to lock the page's scrolling. Images may come from any https address, because
avatars and the pictures of a thread's subject do.
"""

import asyncio
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

import server

BUILD = Path(server.__file__).parent / "static" / "app"
"""Where `npm run build` in `frontend/` writes."""

PAGES = ("/", "/t/{thread_id}", "/settings")
"""Addresses inside the app: each answers with its page, which then shows the right thing."""

NONCE = "__CSP_NONCE__"
"""What the build writes where a nonce belongs (`html.cspNonce` in vite.config.ts)."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob: https:; "
    "font-src 'self'; media-src 'self' blob:; connect-src 'self' {sockets}; manifest-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MISSING = "The web app has not been built. Run `make run`, or `npm ci && npm run build` in frontend/.\n"
_FOLDERS = {
    # Their names carry a hash of what is in them.
    "assets": "public, max-age=31536000, immutable",
    "icons": "public, max-age=86400",
    "emoji": "public, max-age=86400",
}
_FILES = ("sw.js", "manifest.webmanifest", "favicon.svg", "favicon.ico")


class WebAppRoutes:
    """Serves a build of the web app; without one, says how to make it."""

    def __init__(self, build: Path = BUILD) -> None:
        self._build = build

    def add_to(self, app: web.Application) -> None:
        """Mount the app's page, at each of its addresses, and its files."""
        for path in PAGES:
            app.router.add_get(path, self._page)
        for name in _FILES:
            app.router.add_get(f"/{name}", self._file)
        for folder in _FOLDERS:
            app.router.add_get(f"/{folder}/{{name:[A-Za-z0-9][A-Za-z0-9._/-]*}}", self._file)

    async def _page(self, request: web.Request) -> web.Response:
        try:
            text = await asyncio.to_thread((self._build / "index.html").read_text, "utf-8")
        except FileNotFoundError:
            return web.Response(text=_MISSING, status=503)
        nonce = secrets.token_urlsafe(16)
        headers = {"Content-Security-Policy": policy(request, nonce), "Cache-Control": "no-cache"}
        return web.Response(text=text.replace(NONCE, nonce), content_type="text/html", headers=headers)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        relative = request.path.lstrip("/")
        path = (self._build / relative).resolve()
        if not path.is_relative_to(self._build.resolve()) or not path.is_file():
            raise web.HTTPNotFound
        kept = _FOLDERS.get(relative.partition("/")[0], "no-cache")
        headers = {"Cache-Control": kept}
        if relative == "sw.js":  # a worker has a policy of its own, from its own answer
            headers["Content-Security-Policy"] = policy(request, secrets.token_urlsafe(16))
        return web.FileResponse(path, headers=headers)


def policy(request: web.Request, nonce: str) -> str:
    """Return the content security policy of the app's page. WebSockets are named: older browsers' 'self' lacks them."""
    host = urlsplit(f"//{request.host}").netloc
    sockets = f"ws://{host} wss://{host}" if host and not set(host) & set(" ;,'\"") else ""
    return _POLICY.format(nonce=nonce, sockets=sockets)
