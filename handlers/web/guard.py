"""What guards every page: the Host it is asked under, where a request comes from, the headers of the answer."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.settings import Settings

CHAT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Load balancers ask these under the machine's own address; they show nothing of anybody."""


def own_hosts(settings: Settings) -> frozenset[str]:
    """The values of Host that are ours: the public one, the address that is listened on, and localhost's names."""
    listen, port = settings.web.address
    names = {listen, "localhost", "127.0.0.1", "::1"}
    hosts = {f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name in names}
    if settings.web.public_url:
        hosts.add(urlsplit(settings.web.public_url).netloc.rpartition("@")[2])
    return frozenset(_bare(host) for host in hosts)


def _bare(host: str) -> str:
    """A host without the port that its scheme implies, as browsers send it."""
    return host.lower().removesuffix(":80").removesuffix(":443")


def host_guard(allowed: Iterable[str]) -> Middleware:
    """Refuse every Host that is not ours, so that no foreign name can be pointed at this server (DNS rebinding)."""
    ours = frozenset(allowed)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in _PROBES and _bare(request.headers.get("Host", "")) not in ours:
            raise web.HTTPMisdirectedRequest
        return await handler(request)

    return guard


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """On every answer, errors included."""
    harden(response)


def harden(response: web.StreamResponse) -> None:
    """Set the headers that guard an answer; a page that needs another policy has set its own before."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "migcheck"  # without versions


def from_own_page(request: web.Request) -> bool:
    """Whether a request that changes something was sent by a page of this server: browsers say so, and scripts must."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return _is_own_origin(request)


def from_elsewhere(request: web.Request) -> bool:
    """Whether a browser says that another site's page sent the request. Saying nothing, as programs do, is no."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    return request.headers.get("Origin", "null") != "null" and not _is_own_origin(request)


def _is_own_origin(request: web.Request) -> bool:
    try:
        origin = urlsplit(request.headers.get("Origin", ""))
    except ValueError:
        return False
    return bool(origin.netloc) and _bare(origin.netloc) == _bare(request.headers.get("Host", ""))
