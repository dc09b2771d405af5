"""A browser, as far as signing in needs one: it opens an address over verified TLS and follows the way back by itself."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_MOST = 1 << 20


async def visit(url: str, ca_file: Path, at: str = "127.0.0.1") -> tuple[int, Mapping[str, str], bytes]:
    """GET an https address whose host is served at `at`: status, headers by lower-case name, body."""
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=str(ca_file))
    reader, writer = await asyncio.open_connection(at, parts.port or 443, ssl=context, server_hostname=parts.hostname)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read(_MOST)).partition(b"\r\n\r\n")
    body += await reader.read(_MOST)
    writer.close()
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split(" ")[1]), headers, body


def query_of(url: str) -> dict[str, str]:
    """The query of an address, each name once."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}
