"""A domain of a story's own, whose servers tell who tried to log in."""

from dataclasses import dataclass

from tests.servers.imap import ImapServer
from tests.servers.smtp import SmtpServer
from tests.stories.stage import Stage


@dataclass(frozen=True, slots=True)
class House:
    """A domain with servers of its own, which tell who tried to log in."""

    domain: str
    imap: ImapServer
    smtp: SmtpServer

    @property
    def account(self) -> str:
        return f"taro@{self.domain}"

    @property
    def attempts(self) -> list[bool]:
        """Every log-in that was tried, and whether it was accepted."""
        return [tried.accepted for server in (self.imap, self.smtp) for tried in server.transcript.attempts]


async def house(stage: Stage, secret: str = "practice") -> House:
    domain = stage.domain("secret")
    accounts = {f"taro@{domain}": secret}
    imap = await stage.world.imap(f"imap.{domain}", accounts=accounts)
    return House(domain, imap, await stage.world.smtp(f"smtp.{domain}", accounts=accounts))
