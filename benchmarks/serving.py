"""The mail servers at the far end: `python -m benchmarks.serving` starts them and tells where they are.

A line on standard input asks for what they have seen since the last one; the end of standard input ends them.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.servers.certs import Authority
from tests.servers.dns import DnsServer
from tests.servers.imap import ImapScript, ImapServer
from tests.servers.server import MailServer
from tests.servers.smtp import SmtpScript, SmtpServer

ACCOUNT, PASSWORD = "taro@{domain}", "Practice 7 secret"
NAMES = "10.77.1.1"
DOMAINS = {
    "hosts.test": ("10.77.1.11", "imap.hosts.test", "smtp.hosts.test", False),
    "starttls.test": ("10.77.1.12", "imap.starttls.test", "smtp.starttls.test", False),
    "srv.test": ("10.77.1.13", "box.srv.test", "out.srv.test", True),
    "guess.test": ("10.77.1.14", "imap.guess.test", "smtp.guess.test", False),
}
"""Domain: address, IMAP host, SMTP host, whether SRV records name them."""


def records_of(domains: Mapping[str, tuple[str, str, str, bool]]) -> dict[str, dict[str, list[str]]]:
    records: dict[str, dict[str, list[str]]] = {}
    for domain, (address, imap, smtp, has_srv) in domains.items():
        records[domain] = {"MX": [f"10 mx.{domain}."]}
        records |= {name: {"A": [address]} for name in (imap, smtp, f"mx.{domain}")}
        if has_srv:
            records[f"_imaps._tcp.{domain}"] = {"SRV": [f"0 1 993 {imap}."]}
            records[f"_submissions._tcp.{domain}"] = {"SRV": [f"0 1 465 {smtp}."]}
    return records


def mail_servers(root: Authority) -> list[MailServer[Any]]:
    issuing = root.intermediate()
    servers: list[MailServer[Any]] = []
    for domain, (address, imap, smtp, _) in DOMAINS.items():
        common: dict[str, Any] = {
            "identity": issuing.issue(imap, smtp),
            "accounts": {ACCOUNT.format(domain=domain): PASSWORD},
        }
        if domain == "starttls.test":
            common |= {"security": "starttls", "tls_before_login": True}
        ports = (143, 587) if "security" in common else (993, 465)
        servers.append(ImapServer(ImapScript(**common), address, ports[0]))
        servers.append(SmtpServer(SmtpScript(**common), address, ports[1]))
    return servers


def seen_by(servers: list[MailServer[Any]]) -> dict[str, int]:
    """Connections and log-in attempts since the last time."""
    seen = {
        "connections": sum(server.transcript.connections for server in servers),
        "attempts": sum(server.transcript.used for server in servers),
    }
    for server in servers:
        server.transcript.connections = 0
        server.transcript.attempts.clear()
    return seen


async def main() -> None:
    root = Authority.root()
    servers = mail_servers(root)
    with tempfile.TemporaryDirectory(prefix="migcheck-bench-") as folder:
        ca_file = Path(folder) / "root.pem"
        ca_file.write_bytes(root.pem)
        async with DnsServer(records_of(DOMAINS), host=NAMES, port=53):
            for server in servers:
                await server.__aenter__()
            print(json.dumps({"ca_file": str(ca_file)}), flush=True)
            while await asyncio.to_thread(sys.stdin.readline):
                print(json.dumps(seen_by(servers)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
