"""A small internet on loopback: one trusted authority, one name server, mail servers on addresses of their own.

    async with World() as world:
        world.domain("example.test", mx="mx.example.test")
        imap = await world.imap("imap.example.test", accounts={"taro@example.test": "secret"})
        done = await world.bot("check", "example.test", "--json")

Standard ports are used where this process may bind them; elsewhere any port, named by SRV records.
"""

import asyncio
import contextlib
import errno
import json
import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.leaks import find_leaks
from tests.servers.certs import Authority, Identity
from tests.servers.chains import Crafted, Site, craft
from tests.servers.dns import DnsFault, DnsServer
from tests.servers.hostile import Act, BlackHole, Closed, Hostile
from tests.servers.imap import ImapScript, ImapServer
from tests.servers.pop import PopScript, PopServer
from tests.servers.smtp import SmtpScript, SmtpServer
from tests.servers.web import Page, WebServer, certificate_page

_CLAIM_PORT = 47077
_STARTTLS_PORTS = {143, 110, 25, 587}
_SRV = {993: "_imaps", 143: "_imap", 465: "_submissions", 587: "_submission", 995: "_pop3s", 110: "_pop3"}


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run of the bot ended."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """Standard output as one JSON object."""
        report: dict[str, Any] = json.loads(self.out)
        return report


class World:
    """Owns what it starts; `environment` points the bot at it."""

    def __init__(self, *, srv: bool | None = None, settings: Mapping[str, str] | None = None) -> None:
        self.root = Authority.root()
        self.issuing = self.root.intermediate()
        self.records: dict[str, dict[str, list[str]]] = {}
        self.faults: dict[str, DnsFault] = {}
        self.settings = dict(settings or {})
        self.names = DnsServer(self.records, self.faults)
        self._srv = srv
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._block, claim = _claim_block()
        self._stack.callback(claim.close)
        self.privileged = may_bind(self._block + ".2", 993)
        self.srv = not self.privileged if self._srv is None else self._srv
        self._next = 2
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="migcheck-world-")))
        self.ca_file = self.folder / "root.pem"
        self.ca_file.write_bytes(self.root.pem)
        await self._stack.enter_async_context(self.names)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def environment(self) -> dict[str, str]:
        """The settings that make the bot live in this world."""
        return {
            "MIGCHECK_NETWORK__NAMESERVERS": json.dumps([self.names.address]),
            "MIGCHECK_NETWORK__CA_FILE": str(self.ca_file),
            "MIGCHECK_NETWORK__ALLOW": '["127.0.0.0/8"]',
            "MIGCHECK_STORE__URL": f"sqlite:///{self.folder}/store.db",
            **self.settings,
        }

    def address(self) -> str:
        """A loopback address that nobody in this world uses yet."""
        self._next += 1
        return f"{self._block}.{self._next}"

    def record(self, name: str, kind: str, *values: str) -> None:
        """Add DNS records."""
        self.records.setdefault(name, {}).setdefault(kind, []).extend(values)

    def domain(self, domain: str, *, mx: str = "", address: str = "") -> None:
        """Let a domain exist, with an MX of this name at this address (a silent one of its own unless given)."""
        mx = mx or f"mx.{domain}"
        self.record(domain, "MX", f"10 {mx}.")
        if "A" not in self.records.get(mx, {}):
            self.record(mx, "A", address or self.address())

    def identity(self, *hosts: str) -> Identity:
        """A sound certificate of this world's authority."""
        return self.issuing.issue(*hosts)

    async def crafted(self, fault: str, host: str, *, fetchable: bool = False) -> Crafted:
        """A chain of `chains.RECIPES` for a host; `fetchable` serves the missing intermediate at its address."""
        if not fetchable:
            return craft(fault, Site(self.root, host))
        pages: dict[str, Page] = {}
        name = f"aia{len(self.records)}.practice.test"
        server = await self.web(name, pages)
        made = craft(fault, Site(self.root, host, f"http://{name}:{server.port}/issuer.cer"))
        if made.issuer:
            pages["/issuer.cer"] = certificate_page(made.issuer.der)
        return made

    async def web(self, host: str, pages: Mapping[str, Page], *, tls: bool = False) -> WebServer:
        """A web server at a host name, on its scheme's port where that may be bound."""
        identity = self.identity(host) if tls else None
        return await self.start(host, 443 if tls else 80, lambda ip, port: WebServer(pages, ip, port, identity))

    async def hostile(self, host: str, port: int, act: Act) -> Hostile:
        return await self.start(host, port, lambda address, number: Hostile(act, address, number))

    async def closed(self, host: str, port: int) -> Closed:
        """A port that refuses connections."""
        return await self.start(host, port, Closed)

    async def black_hole(self, host: str, port: int) -> BlackHole:
        """A port that swallows SYNs."""
        return await self.start(host, port, BlackHole)

    async def imap(self, host: str, port: int = 993, **script: Any) -> ImapServer:
        return await self.serve(ImapServer, ImapScript, host, port, **script)

    async def smtp(self, host: str, port: int = 465, **script: Any) -> SmtpServer:
        return await self.serve(SmtpServer, SmtpScript, host, port, **script)

    async def pop(self, host: str, port: int = 995, **script: Any) -> PopServer:
        return await self.serve(PopServer, PopScript, host, port, **script)

    async def serve(self, server: Any, script: Any, host: str, port: int, **words: Any) -> Any:
        """Start a mail server for a host name; its certificate and the kind of TLS follow from name and port."""
        words.setdefault("security", "starttls" if port in _STARTTLS_PORTS else "tls")
        if not words.get("context"):
            words.setdefault("identity", self.identity(host))
        return await self.start(host, port, lambda address, number: server(script(**words), address, number))

    async def start(self, host: str, port: int, make: Any) -> Any:
        """Start `make(address, port)` for a host name: any asynchronous context manager with a `port`."""
        address = self.place(host)
        started = await self._stack.enter_async_context(make(address, port if self.privileged or port > 1024 else 0))
        if self.srv and port in _SRV:
            domain = host.partition(".")[2]
            self.record(f"{_SRV[port]}._tcp.{domain}", "SRV", f"0 1 {started.port} {host}.")
        return started

    def place(self, host: str) -> str:
        """The address of a host name, a new one where it has none."""
        known = self.records.get(host, {}).get("A")
        if known:
            return known[0]
        address = self.address()
        self.record(host, "A", address)
        return address

    async def bot(self, *arguments: str, secret: str | None = None, limit: float = 60) -> Finished:
        """Run the bot's command line in this world."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", *arguments, *([] if secret is None else ["--secret-stdin"])),
            env={**os.environ, **self.environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        typed = b"" if secret is None else secret.encode() + b"\n"
        try:
            out, err = await asyncio.wait_for(process.communicate(typed), limit)
        except (TimeoutError, asyncio.CancelledError):
            process.kill()
            await process.wait()
            raise
        done = Finished(process.returncode or 0, out.decode(), err.decode())
        if secret is not None:
            self._demand_no_leak(done, secret)
        return done

    def _demand_no_leak(self, done: Finished, secret: str) -> None:
        """Every run with a secret is looked through: what it printed and every file of its store."""
        stored = b"".join(path.read_bytes() for path in self.folder.glob("store.db*"))
        for text in (done.out, done.err, stored.decode(errors="replace")):
            leaks = find_leaks(text, secret)
            if leaks:
                raise AssertionError(f"the secret stands in what the run left behind, as {', '.join(leaks)}")


def _claim_block() -> tuple[str, socket.socket]:
    """A /24 of loopback for this world alone, held by a socket; worlds of several processes run side by side."""
    for turn in range(4096):
        seed = (os.getpid() * 31 + turn) % (100 * 250)
        block = f"127.{77 + seed // 250}.{1 + seed % 250}"
        claim = socket.socket()
        try:
            claim.bind((block + ".1", _CLAIM_PORT))
            claim.listen(1)
        except OSError:
            claim.close()
            continue
        return block, claim
    raise RuntimeError("no loopback addresses are free")


def may_bind(host: str, port: int) -> bool:
    """Whether this user may. One who may not is told so before it is looked whether the port is in use."""
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError as error:  # another process of the tests asks at the same moment
            return error.errno == errno.EADDRINUSE
        return True
