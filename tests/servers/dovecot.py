"""A real Dovecot 2.3 (Debian's packages) on loopback, as root or as an ordinary user.

async with Dovecot(identity, {"taro@example.test": "secret"}) as dovecot:
    dovecot.imaps, dovecot.imap, dovecot.pop3s, dovecot.pop3  # ports
"""

import asyncio
import base64
import contextlib
import grp
import os
import pwd
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.servers.certs import Identity
from tests.servers.real import Daemon, RealServerMissing, find_program, free_port

MECHANISMS = ("plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256")
MESSAGE = b"From: a@example.test\nSubject: practice\n\nHello\n"


class Dovecot:
    """Serves the accounts' Maildirs; `settings` are lines of dovecot.conf put last, so that they win."""

    def __init__(
        self,
        identity: Identity,
        accounts: Mapping[str, str],
        *,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] | None = None,
        protocols: Sequence[str] = ("imap", "pop3"),
        mechanisms: Sequence[str] = MECHANISMS,
        folders: Sequence[str] = ("Sent", "Drafts"),
        messages: int = 3,
        passdb_fields: Mapping[str, str] | None = None,
        settings: str = "",
    ) -> None:
        """`passdb_fields` are extra fields by user: {"taro@example.test": "nologin reason=Disabled"}."""
        self.identity, self.accounts, self.host = identity, accounts, host
        self.protocols, self.mechanisms = protocols, mechanisms
        self.folders, self.messages = folders, messages
        self.passdb_fields, self.settings = dict(passdb_fields or {}), settings
        self._wanted = dict(ports or {})
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        program = await find_dovecot()
        async with contextlib.AsyncExitStack() as stack:
            self.folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="dc-", ignore_cleanup_errors=True))
            )
            self.imap, self.imaps = self._port("imap"), self._port("imaps")
            self.pop3, self.pop3s = self._port("pop3"), self._port("pop3s")
            self.auth_socket = self.folder / "run" / "postfix-auth"
            self._write_accounts()
            await asyncio.to_thread(self._make_mail)
            configuration = self.folder / "dovecot.conf"
            configuration.write_text(self._configuration())
            command = [str(program), "-F", "-c", str(configuration)]
            await stack.enter_async_context(Daemon(command, self.host, self._ports(), self.folder / "log"))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def log(self) -> str:
        """What Dovecot wrote into its log."""
        return (self.folder / "log").read_text(errors="replace")

    def maildir(self, user: str) -> Path:
        return self.folder / "mail" / user / "Maildir"

    def _port(self, name: str) -> int:
        return self._wanted.get(name) or free_port(self.host)

    def _ports(self) -> list[int]:
        ports = {"imap": [self.imap, self.imaps], "pop3": [self.pop3, self.pop3s]}
        return [port for protocol in self.protocols for port in ports[protocol]]

    def _write_accounts(self) -> None:
        lines = [
            f"{user}:{{PLAIN.b64}}{base64.b64encode(secret.encode()).decode()}::::::{self.passdb_fields.get(user, '')}"
            for user, secret in self.accounts.items()
        ]
        path = self.folder / "users"
        path.write_text("\n".join([*lines, ""]))
        if os.getuid() == 0:
            os.chown(path, pwd.getpwnam("dovecot").pw_uid, -1)
        path.chmod(0o400)

    def _make_mail(self) -> None:
        (self.folder / "mail").mkdir()
        for user in self.accounts:
            inbox = self.maildir(user)
            for place in (inbox, *(inbox / f".{name}" for name in self.folders)):
                for part in ("cur", "new", "tmp"):
                    (place / part).mkdir(parents=True)
            for number in range(self.messages):
                (inbox / "cur" / f"1700000000.{number}.practice:2,S").write_bytes(MESSAGE)
            (inbox / "subscriptions").write_text("\n".join([*self.folders, ""]))
        if os.getuid() == 0:
            self._give_away()

    def _give_away(self) -> None:
        """Root serves no mail of root's: all of it goes to `nobody`."""
        self.folder.chmod(0o755)
        owner = pwd.getpwnam("nobody")
        for path in [self.folder / "mail", *(self.folder / "mail").rglob("*")]:
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def _configuration(self) -> str:
        certificate, key = self.identity.write(self.folder)
        return _CONFIGURATION.format(
            folder=self.folder,
            listen=self.host,
            protocols=" ".join(self.protocols),
            certificate=certificate,
            key=key,
            mechanisms=" ".join(self.mechanisms),
            ports=self,
            users=_USERS_OF_ROOT if os.getuid() == 0 else _one_user(),
            settings=self.settings,
        )


async def find_dovecot() -> Path:
    """Dovecot's program; `RealServerMissing` where it or one of its packages is missing or of another line."""
    program = find_program("dovecot", "dovecot-imapd dovecot-pop3d")
    find_program("pop3-login", "dovecot-pop3d")
    find_program("imap-login", "dovecot-imapd")
    asked = await asyncio.create_subprocess_exec(program, "--version", stdout=asyncio.subprocess.PIPE)
    version = (await asked.communicate())[0].decode().strip()
    if not version.startswith("2.3."):
        raise RealServerMissing(f"Dovecot 2.3 is needed (Debian 12, Ubuntu 24.04), this is {version}")
    return program


def _one_user() -> str:
    """All of Dovecot as whoever runs it (doc.dovecot.org: Rootless Installation)."""
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    services = "".join(
        f"service {name} {{\n  chroot =\n}}\n" for name in ("anvil", "imap-login", "pop3-login", "submission-login")
    )
    return (
        f"default_internal_user = {user}\ndefault_login_user = {user}\ndefault_internal_group = {group}\n"
        f"mail_uid = {os.getuid()}\nmail_gid = {os.getgid()}\nfirst_valid_gid = 0\n{services}"
    )


_USERS_OF_ROOT = """\
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
"""

_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}
log_path = {folder}/log
protocols = {protocols}
listen = {listen}
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
auth_mechanisms = {mechanisms}
auth_username_chars =
auth_failure_delay = 0
mail_location = maildir:~/Maildir
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  inet_listener imap {{
    port = {ports.imap}
  }}
  inet_listener imaps {{
    port = {ports.imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {ports.pop3}
  }}
  inet_listener pop3s {{
    port = {ports.pop3s}
    ssl = yes
  }}
}}
service anvil {{
  # No waiting after failures of other tests from the same address.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener postfix-auth {{
    mode = 0666
  }}
}}
{users}
{settings}
"""
