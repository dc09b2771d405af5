"""A real Postfix (Debian's package) for submission on loopback; log-in by a real Dovecot. Its master needs root.

    async with Dovecot(identity, accounts) as dovecot, Postfix(identity, dovecot) as postfix:
        postfix.smtps, postfix.submission  # ports

No queue manager runs and every transport is `error`: whatever a test does, no mail leaves.
"""

import asyncio
import contextlib
import os
import pwd
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.servers.certs import Identity
from tests.servers.dovecot import Dovecot
from tests.servers.real import Daemon, RealServerMissing, find_program, free_port


class Postfix:
    """`settings` go into main.cf and win over the defaults here."""

    def __init__(
        self,
        identity: Identity,
        dovecot: Dovecot,
        *,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.identity, self.dovecot, self.host = identity, dovecot, host
        self._wanted, self._settings = dict(ports or {}), dict(settings or {})
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        postconf, master = find_program("postconf", "postfix"), await _find_master()
        if os.getuid() != 0:
            raise RealServerMissing("Postfix starts as root only; run the tests as root to include it")
        async with contextlib.AsyncExitStack() as stack:
            self.folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="pf-", ignore_cleanup_errors=True))
            )
            self.smtps, self.submission = self._port("smtps"), self._port("submission")
            self._make_folders()
            self._write_configuration(master.parent, postconf.parent)
            command = [str(master), "-c", str(self.folder / "conf"), "-d"]
            await stack.enter_async_context(
                Daemon(command, self.host, [self.smtps, self.submission], self.folder / "log" / "mail")
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def log(self) -> str:
        """What Postfix wrote into its log."""
        return (self.folder / "log" / "mail").read_text(errors="replace")

    def _port(self, name: str) -> int:
        return self._wanted.get(name) or free_port(self.host)

    def _make_folders(self) -> None:
        self.folder.chmod(0o755)
        owner = pwd.getpwnam("postfix").pw_uid
        for name in ("conf", "queue", "log"):
            (self.folder / name).mkdir()
        for path in ("data", *(f"queue/{name}" for name in _QUEUES)):
            (self.folder / path).mkdir()
            os.chown(self.folder / path, owner, -1)
        (self.folder / "queue" / "pid").mkdir()

    def _write_configuration(self, daemons: Path, commands: Path) -> None:
        certificate, key = self.identity.write(self.folder / "conf")
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": f"{self.folder}/queue",
            "data_directory": f"{self.folder}/data",
            "daemon_directory": str(daemons),
            "command_directory": str(commands),
            "maillog_file": f"{self.folder}/log/mail",
            "maillog_file_prefixes": str(self.folder),
            "myhostname": "mail.practice.test",
            "mydestination": "",
            "inet_interfaces": self.host,
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.255/32",
            "default_transport": "error:no mail leaves a test",
            "relay_transport": "error:no mail leaves a test",
            "smtpd_reject_unlisted_recipient": "no",
            "smtpd_peername_lookup": "no",
            "smtpd_tls_cert_file": str(certificate),
            "smtpd_tls_key_file": str(key),
            "smtpd_tls_security_level": "encrypt",
            "smtpd_tls_auth_only": "yes",
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": str(self.dovecot.auth_socket),
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
            "smtpd_error_sleep_time": "0",
            "in_flow_delay": "0",  # would wait for the queue manager that is not there
            **self._settings,
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        _write_aged(self.folder / "conf" / "main.cf", "\n".join([*lines, ""]))
        _write_aged(self.folder / "conf" / "master.cf", _SERVICES.format(host=self.host, ports=self))


def _write_aged(path: Path, text: str) -> None:
    """Write a file that looks a minute old: Postfix waits for a file of this very moment to settle."""
    path.write_text(text)
    minute_ago = time.time() - 60
    os.utime(path, (minute_ago, minute_ago))


async def _find_master() -> Path:
    """Postfix's own `master`, in the folder that its default configuration names."""
    asked = await asyncio.create_subprocess_exec(
        find_program("postconf", "postfix"), "-dh", "daemon_directory", stdout=asyncio.subprocess.PIPE
    )
    folder = (await asked.communicate())[0].decode().strip()
    return Path(folder) / "master"


_QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "public")

_SERVICES = """\
{host}:{ports.smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
{host}:{ports.submission} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
error unix - - n - - error
"""
