"""Dialogues from a domain to a log-in, held by people who do what they are told when something was cut off."""

import asyncio
from dataclasses import dataclass, field

from tests.nodes.people import Insistent, doubles, ends, insistent, runs, type_insistently, until
from tests.servers.slack import FakeSlack, Posted
from tests.servers.world import World

DOMAIN = "many.test"
UNLIMITED = {
    f"MIGCHECK_LIMITS__{name}": '["100000/1h"]'
    for name in ("PROBES_PER_HOST", "CHECKS_PER_PERSON", "LOGINS_PER_ACCOUNT")
}
PATIENCE = 100.0
_GONE = 410


async def furnish_for_many(world: World) -> None:
    """A domain in which everybody's log-in is refused, after a moment."""
    world.domain(DOMAIN)
    await world.imap(f"imap.{DOMAIN}")
    await world.smtp(f"smtp.{DOMAIN}")


@dataclass(slots=True)
class Talk:
    """One person's dialogue. `interrupted` counts how often they were told that a run was cut off."""

    person: Insistent
    interrupted: int = 0
    done: bool = False
    _ended: set[int] = field(default_factory=set)
    _used: set[str] = field(default_factory=set)

    async def go(self) -> None:
        """To the report of a log-in, whatever it takes."""
        account = f"{self.person.id.lower()}@{DOMAIN}"
        root = await self.person.says(DOMAIN)
        await self._report()
        await self.person.sees_with("form.account", limit=PATIENCE)
        await self.person.says(account, thread=root)
        while not self.done:
            await self._type()
            self.done = await self._end()
            if not self.done:
                await self._report()

    async def _report(self) -> None:
        while not await self._end():
            pass

    async def _end(self) -> bool:
        """Wait for the end of the next run: whether it brought a report. One that was cut off is asked for again."""
        run = len(self._ended) + 1
        told = await until(lambda: self._told(run), PATIENCE)
        self._ended.add(run)
        if self._named(f"report:{run}"):
            return True
        self.interrupted += 1
        await self.person.presses(told, "recheck")
        return False

    async def _type(self) -> None:
        """Where an offer says. One that was made twice over a crash has another way by now; the answer may be lost."""
        run, status = len(self._ended) + 1, _GONE
        while status == _GONE:
            found = await until(lambda: self._told(run) or self._fresh_link(), PATIENCE)
            if not isinstance(found, str):
                return
            self._used.add(found)
            status = await type_insistently(found, "mistyped-mistyped")

    def _fresh_link(self) -> str | None:
        return next((link for link in self._links() if link not in self._used), None)

    def _links(self) -> list[str]:
        offers = [m.action("secret") for m in self.person.sees() if m.action("cancel")]
        return [str(button["url"]) for button in offers if button is not None]

    def _told(self, run: int) -> Posted | None:
        """How a run has ended."""
        return self._named(f"report:{run}") or self._named(f"interrupted:{run}")

    def _named(self, key: str) -> Posted | None:
        named = (m for m in self.person.sees() if m.blocks and str(m.blocks[0].get("block_id")).endswith(f"/{key}"))
        return next(named, None)


def talks(slack: FakeSlack, count: int) -> list[Talk]:
    return [Talk(insistent(slack, f"U{number:04}", f"u{number:04}@{DOMAIN}")) for number in range(1, count + 1)]


def nothing_lost_nothing_doubled(slack: FakeSlack, held: list[Talk]) -> None:
    """Every run that began has one end, and every message is there once."""
    assert all(talk.done for talk in held)
    assert doubles(slack) == []
    told = ends(slack)
    assert {run: count for run, count in told.items() if count != 1} == {}
    assert runs(slack) <= told.keys()


async def settled(slack: FakeSlack) -> None:
    """Nothing is asked of Slack any more: what would come twice has come."""
    calls = -1
    async with asyncio.timeout(60):
        while calls != len(slack.calls):
            calls = len(slack.calls)
            await asyncio.sleep(2.5)
