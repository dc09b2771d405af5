"""`check --batch`: one domain, or one JSON object with the options of `check` as keys, a line. No secrets."""

import argparse
import asyncio
import gc
import json
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, TextIO

from bot.asking import input_report, read_request
from bot.commands.status import BAD_INPUT, OWN_FAULT, exit_status
from bot.core.case import case_id
from bot.core.intake import InputError
from bot.core.model import LANGS, Lang, Report
from bot.core.pasted import without_secrets
from bot.core.report import report_to_json
from bot.core.wisdom import Wisdom
from bot.engine.check import Check, Network
from bot.engine.run import run
from bot.faults import own_fault
from bot.network import open_network, wisdom_in
from bot.quick_settings import quick_settings
from bot.store.keeping import Keeping

IN_FLIGHT = 48
"""Checks at work at once: with more, every one of them only becomes slower."""
_LINGERING = 0.75
"""Seconds after which a check is thought to wait for a server, and another one is begun beside it."""
_LATE = 0.25
"""Seconds by which a timer that comes later says that it is this machine that cannot keep up, not a server."""
_MOST = 320
"""Checks under way at once, those that wait included: each may hold two connections."""
_GARBAGE = 20_000
"""Objects made since the last search for garbage: checks leave next to none, and searching took 5 % of the time."""
_WORST_FIRST = (4, 2, 1, 3, 0)
_KEYS = frozenset({"domain", "scenario", "imap", "smtp", "pop", "ews", "account", "mailbox", "lang"})
_SECRET_KEYS = frozenset({"secret", "secret_stdin", "secret-stdin", "password", "passwd", "pass", "pwd", "token"})
_SCENARIOS = frozenset({"auto", "saas", "manual", "m365", "exchange", "member"})
_ADDRESSES = frozenset({"domain", "account", "mailbox"})
_MORE = re.compile(r"[@\\][^\s:;,|>：；，]+>?[\s:;,|：；，]+[^\s:;,|：；，]")


class LineError(ValueError):
    """A line that is refused; the message says why and repeats nothing of it."""


def batch_command(args: argparse.Namespace, lang: Lang) -> int:
    """Check every line; the exit status is the worst of the lines."""
    if not args.json:
        print("check: --batch needs --json", file=sys.stderr)
        return BAD_INPUT
    if args.secret_stdin:
        print("check: --batch takes no secrets", file=sys.stderr)
        return BAD_INPUT
    if any(getattr(args, key) not in (None, "auto") for key in _KEYS - {"lang"}):
        print('check: --batch takes what is checked from its lines (an example: {"ews": "..."})', file=sys.stderr)
        return BAD_INPUT
    with ExitStack() as stack:
        try:
            # What is not UTF-8 spoils its own line alone; programs of Windows begin a file with a byte order mark.
            source = 0 if args.batch == "-" else args.batch
            lines = stack.enter_context(open(source, encoding="utf-8-sig", errors="replace"))  # noqa: PTH123
        except OSError as error:
            print(f"check: --batch: {args.batch}: {error.strerror}", file=sys.stderr)
            return BAD_INPUT
        return asyncio.run(Batch(lang).through(lines))


class Batch:
    """The state of one batch: what is under way, and what came out so far."""

    def __init__(self, lang: Lang) -> None:
        self._lang = lang
        self._statuses: Counter[int] = Counter()
        self._verdicts: Counter[str] = Counter()

    async def through(self, lines: TextIO) -> int:
        """Check every line; the exit status."""
        begun = time.monotonic()
        settings = quick_settings()
        keeping = Keeping(settings.store.url, retention_days=settings.store.retention_days)
        try:
            with open_network(settings) as network:
                await self._all(lines, network, keeping)
        finally:
            await keeping.flush()
        if keeping.problem is not None:
            print(f"check: the reports could not be stored: {keeping.problem}", file=sys.stderr)
        total = sum(self._statuses.values())
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self._verdicts.items()))
        print(f"{total} checks in {time.monotonic() - begun:.1f} s: {told or 'nothing to do'}", file=sys.stderr)
        return next((status for status in _WORST_FIRST if self._statuses[status]), 0)

    @staticmethod
    def _numbered(lines: TextIO) -> Iterator[tuple[int, str]]:
        return ((number, line.strip()) for number, line in enumerate(lines, 1) if line.strip())

    async def _all(self, lines: TextIO, network: Network, keeping: Keeping) -> None:
        """Begin a check for each line as places become free, so that memory does not follow the length of the file.

        One that waits for a dead server gives its place away: a few of those would stop all the others.
        """
        _wisdom(self._lang)
        gc.collect()
        gc.freeze()  # what was loaded stays: no need to look through it again and again
        gc.set_threshold(_GARBAGE)
        at_work, under_way = asyncio.Semaphore(IN_FLIGHT), asyncio.Semaphore(_MOST)
        async with asyncio.TaskGroup() as group:
            for number, line in self._numbered(lines):
                await under_way.acquire()
                await at_work.acquire()
                place = _Place(at_work)
                task = group.create_task(self._one(number, line, network, keeping))
                task.add_done_callback(place.leave)
                task.add_done_callback(lambda _: under_way.release())

    async def _one(self, number: int, line: str, network: Network, keeping: Keeping) -> None:
        try:
            report = await self._check(read_line(line), network)
        except LineError as error:
            print(f"line {number}: {error}", file=sys.stderr)
            self._statuses[BAD_INPUT] += 1
            self._verdicts["refused"] += 1
            return
        except Exception as error:  # noqa: BLE001 - a fault of our own spoils its own line alone
            print(f"line {number}: {own_fault(error)}", file=sys.stderr)
            self._statuses[OWN_FAULT] += 1
            self._verdicts["faults"] += 1
            return
        sys.stdout.write(json.dumps(report_to_json(report), ensure_ascii=False) + "\n")
        sys.stdout.flush()
        await keeping.add(report, self._lang)
        self._statuses[exit_status(report)] += 1
        self._verdicts[report.verdict] += 1

    async def _check(self, options: Mapping[str, Any], network: Network) -> Report:
        lang: Lang = options.get("lang") or self._lang
        case, wisdom = case_id(secrets.randbits(30)), _wisdom(lang)
        try:
            request = read_request(options, lang)
        except InputError as error:
            return input_report(case, error, options, lang, wisdom)
        return await run(Check(case, request, wisdom, network, any_port=True, transcript=False))


class _Place:
    """A place among the checks at work, given back once: at the end, or when the check lingers."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places: asyncio.Semaphore | None = places
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_LINGERING, self._linger)

    def _linger(self) -> None:
        if self._loop.time() - self._timer.when() > _LATE:
            self._timer = self._loop.call_later(_LINGERING, self._linger)
        else:
            self.leave()

    def leave(self, _task: object = None) -> None:
        self._timer.cancel()
        if self._places is not None:
            self._places.release()
            self._places = None


_KNOWN: dict[str, Wisdom] = {}


def _wisdom(lang: Lang) -> Wisdom:
    if lang not in _KNOWN:
        _KNOWN[lang] = wisdom_in(lang)
    return _KNOWN[lang]


def read_line(line: str) -> Mapping[str, Any]:
    """The options of one line. Raises LineError."""
    if without_secrets(line)[1]:
        raise LineError("a batch takes no secrets")
    if not line.startswith("{"):
        return _alone({"domain": line})
    try:
        options = json.loads(line)
    except ValueError:
        raise LineError('not a JSON object (an example: {"domain": "example.co.jp"})') from None
    if _SECRET_KEYS & {str(key).lower() for key in options}:
        raise LineError("a batch takes no secrets")
    options = {str(key).removeprefix("--"): value for key, value in options.items()}
    if unknown := set(options) - _KEYS:
        raise LineError(f"unknown key {min(unknown)[:40]!r} (known: {', '.join(sorted(_KEYS))})")
    if any(not isinstance(value, str | None) for value in options.values()):
        raise LineError("every value must be a string")
    if options.get("lang") not in (None, *LANGS) or options.get("scenario") not in (None, *_SCENARIOS):
        raise LineError("lang is one of ja, en, zh; scenario one of " + ", ".join(sorted(_SCENARIOS)))
    named = any(options.get(key) for key in ("domain", "imap", "smtp", "pop", "ews"))
    if not named and not (options.get("scenario") == "m365" and options.get("account")):
        raise LineError("a domain or a server is needed")
    return _alone(options)


def _alone(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same options. Raises LineError where more than an address stands in one: in lists that is a password."""
    values = [value for key, value in options.items() if value and key in _ADDRESSES]
    if any(_MORE.search(value) for value in values if "://" not in value):
        raise LineError("more stands behind an address, and a batch takes no secrets")
    return options
