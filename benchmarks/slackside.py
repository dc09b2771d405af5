"""A strict Slack and the people who use it, in a process of their own.

    python -m benchmarks.slackside

The first line printed is how a bot reaches it. A line of JSON on standard input lets people come, and what they saw is
printed as one line: {"url", "first", "count", "within", "delay", "until"}. So many of them type their command, spread
over `within` seconds, and go through the dialogue, to the "offer" to take a secret or to the "end"; every call of the
Web API takes `delay` seconds more. Ends with standard input.
"""

import asyncio
import base64
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from benchmarks.town import SECRET, account_of, domain_of
from tests.servers.slack import FakeSlack, Person, Posted
from tests.servers.slack.people import Ack

REPORT = "migcheck_report"
LIMIT = 120.0
"""Seconds that a person waits for what the bot should say next."""
_SHOWN = 20
_FINISHED = ("complete", "error")


class Postman:
    """The process that delivers requests (`benchmarks.postman`)."""

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "benchmarks.postman"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    async def deliver(self, url: str, raw: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """POST; status, seconds and body of the answer."""
        place = urlsplit(url)
        lines = [f"POST {place.path} HTTP/1.1", f"Host: {place.netloc}", "Connection: close"]
        lines += [f"Content-Length: {len(raw)}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        number = len(self._waiting)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        sent = base64.b64encode("\r\n".join(lines).encode() + raw).decode()
        assert self._process.stdin is not None
        asked = {"id": number, "host": place.hostname, "port": place.port, "raw": sent}
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        told: dict[str, Any] = await waiting
        return told

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            told = json.loads(line)
            self._waiting[told["id"]].set_result(told | {"body": base64.b64decode(told["body"])})


class Observed(FakeSlack):
    """Tells whoever waits for a person's messages, and nobody else, that there is something new."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, list[Posted]] = defaultdict(list)
        self.news: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.postman = Postman()
        self.delay = 0.0
        self._read = 0

    async def _api(self, request: web.Request) -> web.Response:
        if self.delay:
            await asyncio.sleep(self.delay)
        return await super()._api(request)

    def _answer(self, name: str, token: str, args: dict[str, Any]) -> dict[str, Any]:
        answer = super()._answer(name, token, args)
        messages = self.team.messages
        for message in messages[self._read :]:
            self.seen[message.channel].append(message)
        self._read = len(messages)
        if (channel := answer.get("channel") or args.get("channel")) and isinstance(channel, str):
            self.news[channel].set()
        return answer


@dataclass(slots=True)
class Seen:
    """What one person saw, in seconds since they typed; `acks` has each acknowledgement's own."""

    acks: list[float] = field(default_factory=list)
    first: float | None = None
    reports: list[float] = field(default_factory=list)
    twice: int = 0
    problem: str = ""


class User(Person):
    """Somebody of the benchmark: types the command, waits for a report, gives account and secret, waits for another."""

    slack: Observed

    async def post(self, raw: str, headers: dict[str, str]) -> Ack:
        assert self.slack.delivery.url is not None
        told = await self.slack.postman.deliver(self.slack.delivery.url, raw.encode(), headers)
        if told["status"] != 200:
            self.slack.faults.append(f"acknowledged with {told['status']}")
        try:
            body = json.loads(told["body"]) if told["body"] else ""
        except ValueError:
            body = told["body"].decode()
        return Ack(told["status"], body, told["seconds"], (raw, headers))

    async def goes(self, number: int, until: str, seen: Seen) -> None:
        began, domain = time.perf_counter(), domain_of(number)
        watching = asyncio.create_task(self.waits(lambda: any(map(tells_a_step, self.mine()))))
        watching.add_done_callback(lambda _: setattr(seen, "first", time.perf_counter() - began))
        seen.acks.append((await self.command(domain)).seconds)
        await watching
        await self.waits(lambda: len(self.reports()) > 0)
        seen.reports.append(time.perf_counter() - began)
        await self.waits(lambda: any(m.action("form.account") for m in self.mine()))
        root = self.mine()[0].ts
        seen.acks.append(await self.tells(account_of(number), root))
        offer = await self.waits(
            lambda: next((m for m in self.mine() if m.action("secret") and m.action("cancel")), None)
        )
        if until == "offer":
            return
        button = offer.action("secret")
        asked, body = time.perf_counter(), urlencode({"secret": SECRET}).encode()
        place = urlsplit(button["url"])
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"{place.scheme}://{place.netloc}"}
        told = await self.slack.postman.deliver(button["url"], body, headers)
        if told["status"] not in (200, 303):
            self.slack.faults.append(f"the secret page answered {told['status']}")
        await self.waits(lambda: len(self.reports()) > 1)
        seen.reports.append(time.perf_counter() - asked)

    async def tells(self, text: str, thread: str) -> float:
        """A message in a thread; how long its acknowledgement took."""
        message = Posted(self.im, self.team.ts(), text, [], thread, author=self.id)
        self.team.messages.append(message)
        event = {"type": "message", "user": self.id, "text": text, "ts": message.ts, "channel": self.im}
        event |= {"team": self.team.id, "event_ts": message.ts, "channel_type": "im", "thread_ts": thread}
        return (await self.event(event)).seconds

    def mine(self) -> list[Posted]:
        return [m for m in self.slack.seen[self.im] if m.author == self.team.bot and not m.deleted]

    def reports(self) -> list[Posted]:
        return [m for m in self.mine() if m.metadata and m.metadata["event_type"] == REPORT]

    async def waits(self, found: Callable[[], Any]) -> Any:
        news = self.slack.news[self.im]
        async with asyncio.timeout(LIMIT):
            while not (result := found()):
                news.clear()
                await news.wait()
        return result


async def crowd(slack: Observed, first: int, count: int, within: float, until: str) -> list[Seen]:
    """So many people, one after another within this time; what each of them saw."""

    async def one(number: int, seen: Seen) -> None:
        user = f"U{number:05}"
        slack.person(user, email=account_of(number), locale="en-US")
        person = User(slack, slack.team, user)
        await asyncio.sleep((number - first) / count * within)
        try:
            await person.goes(number, until, seen)
        except Exception as error:  # noqa: BLE001 - a figure of its own
            last = [message.text for message in person.mine()][-1:]
            seen.problem = f"{type(error).__name__}: {error}; the last words: {last}"
        finally:
            names = [name for m in person.mine() if (name := name_of(m))]
            seen.twice = len(names) - len(set(names))

    all_seen = [Seen() for _ in range(count)]
    await asyncio.gather(*(one(first + place, seen) for place, seen in enumerate(all_seen)))
    return all_seen


def tells_a_step(message: Posted) -> bool:
    """Whether a message shows that a step is through: the progress has changed, by whatever means, or all is over."""
    changed = bool(message.states) or any(task["status"] in _FINISHED for task in message.tasks.values())
    return changed or bool(message.metadata and message.metadata["event_type"] == REPORT)


def name_of(message: Posted) -> str:
    """By which name the bot itself knows a message again: that of its first block, or its metadata."""
    first = str(message.blocks[0].get("block_id", "")) if message.blocks else ""
    return first if "/" in first else str(message.metadata or "")


async def lag(worst: list[float]) -> None:
    """How late this process itself is, at the most: what it measures may be wrong by so much."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        worst[0] = max(worst[0], time.perf_counter() - began - 0.01)


async def main() -> None:
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with Observed() as slack:
        await slack.postman.start()
        told = {"api_url": slack.api_url, "bot_token": slack.bot_token, "app_token": slack.app_token}
        print(json.dumps(told | {"signing_secret": slack.signing_secret}), flush=True)
        worst = [0.0]
        lagging = asyncio.create_task(lag(worst))
        while line := await reader.readline():
            asked = json.loads(line)
            slack.delivery.url, slack.delay, worst[0] = asked["url"], asked["delay"], 0.0
            before, taken = len(slack.calls), len(slack.faults)
            seen = await crowd(slack, asked["first"], asked["count"], asked["within"], asked["until"])
            calls: dict[str, int] = defaultdict(int)
            for call in slack.calls[before:]:
                calls[call.method] += 1
            faults = slack.faults[taken : taken + _SHOWN]
            told = {"seen": [asdict(one) for one in seen], "calls": calls, "faults": faults, "lag": worst[0]}
            print(json.dumps(told), flush=True)
        lagging.cancel()
        await slack.postman.stop()


if __name__ == "__main__":
    asyncio.run(main())
