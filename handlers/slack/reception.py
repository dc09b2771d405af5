"""What people do at Slack, as events of the conversation. What must be kept is stored before this returns."""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

import structlog

from bot import metrics
from bot.core.access import is_admin
from bot.core.case import Case, case_from_json, case_id
from bot.core.events import Event, Pasted, Pressed, Submitted, Typed
from bot.core.forms import read_form
from bot.core.intake import EXAMPLES
from bot.core.secret import Secret
from bot.core.understanding import understand
from bot.settings import Settings
from bot.store.installations import Installations
from bot.store.threads import Thread
from handlers.asked import Asked, read_request, without_command
from handlers.conversation import Conversation, IdTaken
from handlers.ending import end
from handlers.slack.attached import File
from handlers.slack.files import Files, Problem, Read
from handlers.slack.home import Home
from handlers.slack.inbound import Command, Opened, Press, Said, Shortcut, Where, Window, meant
from handlers.slack.means import Means
from handlers.slack.parts import section
from handlers.slack.people import DEFAULT_LANG, Profile
from handlers.slack.window import field_errors
from handlers.slack.windows import Windows

Answer = Mapping[str, Any] | None
"""What an acknowledgement says besides being one."""
_TURNS = 100
_FILE_SECONDS = 2.0
"""How long a request waits for the files that came with it: Slack waits for three."""
_log = structlog.get_logger(__name__)


class Reception:
    """One method for each kind of payload. Whatever asks Slack for something goes on in the background."""

    def __init__(
        self, means: Means, conversation: Conversation, windows: Windows, home: Home, settings: Settings
    ) -> None:
        self._store, self._threads, self._people, self._words = means.store, means.threads, means.people, means.words
        self._conversation, self._windows, self._home, self._clock = conversation, windows, home, means.clock
        self._command, self._admins = settings.slack.command, settings.access.admins
        self._tokens, self._replies = means.tokens, means.replies
        self._files = Files(means.tokens, settings.slack.api_url)
        self._first = Installations.beside(means.store).once
        self._tasks: set[asyncio.Task[None]] = set()
        self._spent: dict[str, float] = {}
        """Windows whose secret was taken, and until when Slack may deliver them again: as long as a secret can live."""
        self._secret_life = settings.secrets.ttl

    async def close(self) -> None:
        await end(self._tasks)

    async def command(self, command: Command) -> Answer:
        return await self._asked(command.id, command.where, read_request(command.text))

    async def said(self, said: Said) -> None:
        """A message in the direct conversation or an @mention."""
        if said.where.foreign:
            return
        text = without_command(said.text, self._command)
        if said.mention or (text is not None and not said.where.direct):
            quiet = said.where if not said.where.shared else _elsewhere(said.where)
            await self._asked(said.id, quiet, read_request(said.text if text is None else text))
        elif said.where.direct:
            plain = said.text if text is None else text
            await self._with_files(said.where, said.files, lambda read: self._read(said, plain, read))

    async def _with_files(self, where: Where, files: Sequence[File], then: Callable[[Read], Awaitable[None]]) -> None:
        """Go on with what the files say. What takes too long for the request is waited for in the background."""
        if not files:
            return await then(Read())
        reading = asyncio.create_task(self._files.read(where, files))
        await asyncio.wait({reading}, timeout=_FILE_SECONDS)
        if reading.done():
            return await then(reading.result())

        async def later() -> None:
            await then(await reading)

        return self._later(later())

    async def _read(self, said: Said, text: str, read: Read) -> None:
        """A message and its files are one text. Where a file cannot be read the person is told what to do instead."""
        if read.problems:
            self._later(self._cannot_read(said, read.problems))
        whole = "\n".join(part for part in (text, read.text) if part.strip())
        if whole or not read.problems:
            await self._direct(said, whole, beside=bool(read.problems) and not read.text)

    async def _cannot_read(self, said: Said, problems: Sequence[Problem]) -> None:
        if not await self._first(f"{said.id}:files", self._clock()):
            return
        profile = await self._people.profile(said.where)
        words = self._words.of(profile.lang)
        keys = ["command.stranger"] if profile.outside else [f"file.{problem}" for problem in problems]
        token = await self._tokens.token(said.where)
        await self._replies.answer(said.where, said.root, "\n".join(words[key] for key in keys), token)

    async def _direct(self, said: Said, text: str, *, beside: bool = False) -> None:
        """A message of the direct conversation belongs to the case of its thread; alone it begins one.

        `beside` says that it only came with a file: then words that mean nothing here are not asked about.
        """
        known = await self._threads.at(said.where.channel, said.root)
        if (
            known is not None
            and known.person == said.where.person
            # A thread is kept before its case: what came in between comes again, and begins the case then.
            and (await self._conversation.handle(said.id, known.case_id, Typed(text)) or await self._is_a_case(known))
        ):
            return
        if understand(text).wish == "history":
            self._later(self._home.history(said.where, said.root))
            return
        asked = read_request(text)
        if beside and asked.kind == "unclear":
            return
        event: Event = Pasted(asked.text) if asked.kind == "explain" else Typed(text)
        await self._begin(said.id, said.where, event, await self._people.known(said.where), root=said.root)

    async def _asked(self, name: str, where: Where, asked: Asked) -> Answer:
        """A line of the command, however it came."""
        profile = await self._people.known(where)
        match asked.kind:
            case "check":
                await self._begin(name, where, Typed(asked.text), profile)
            case "explain":
                await self._begin(name, where, Pasted(asked.text), profile)
            case "history":
                self._later(self._home.history(where))
            case "form" if where.trigger is not None:
                self._later(self._windows.start(where, profile))
            case "form" | "help":
                return await self._tell(where, profile, "command.help")
            case _:
                return await self._tell(where, profile, "command.unclear")
        return None

    async def _tell(self, where: Where, profile: Profile | None, key: str) -> Answer:
        """An answer in words: with the acknowledgement where the language is known, else a little later."""
        if profile is None or where.response_url is None:
            self._later(self._tell_later(where, key))
            return None
        return {
            "response_type": "ephemeral",
            "text": self._words_for(key, profile),
            "blocks": [section(self._words_for(key, profile))],
        }

    async def _tell_later(self, where: Where, key: str) -> None:
        profile = await self._people.profile(where)
        await self._windows.say(where, self._words_for(key, profile))

    def _words_for(self, key: str, profile: Profile) -> str:
        command = self._command
        return self._words.of(profile.lang)[key].format(command=command, example=EXAMPLES["domain"])

    async def shortcut(self, shortcut: Shortcut) -> None:
        await self._with_files(shortcut.where, shortcut.files, lambda read: self._explain(shortcut, read))

    async def _explain(self, shortcut: Shortcut, read: Read) -> None:
        where = shortcut.where
        text = "\n".join(part for part in (shortcut.text, read.text) if part.strip())
        if text or not read.problems:
            return await self._begin(shortcut.id, where, Pasted(text), await self._people.known(where))
        return self._later(self._tell_later(where, f"file.{read.problems[0]}"))

    async def opened(self, opened: Opened) -> None:
        self._later(self._home.greet(opened.where) if opened.tab == "messages" else self._home.publish(opened.where))

    async def press(self, press: Press) -> None:
        """A button: a link is Slack's business, some open a window, the others are events."""
        if press.link:
            return
        if press.action.startswith("home."):
            self._later(self._home.press(press))
            return
        case = await self._own_case(press.where, press.case)
        if case is None:
            return
        if self._windows.opens(press):
            self._later(self._windows.open(press, case))
            return
        await self._conversation.handle(press.id, case.id, Pressed(meant(press.action)))

    async def window(self, window: Window) -> Answer:
        """A window that was sent: its errors come back beside their fields."""
        if window.name == "secret":
            return await self._secret(window)
        case = await self._own_case(window.where, window.about["case"]) if "case" in window.about else None
        if "case" in window.about and case is None:
            return None
        if window.name == "share" and case is not None:
            await self._conversation.handle(window.id, case.id, Submitted("share", dict(window.values)))
            return None
        form = window.name.removeprefix("form.")
        profile = await self._people.known(window.where)
        words = self._words.of(case.lang if case else profile.lang if profile else DEFAULT_LANG)
        stub = case or Case("", window.where.person, "slack", "", DEFAULT_LANG)
        known, errors = read_form(stub, window.values)
        if errors:
            return field_errors(errors, words, window.values)
        if case is not None:
            await self._conversation.handle(window.id, case.id, Submitted(form, dict(window.values)))
            return None
        if not known.domain and not known.endpoints:
            return {"response_action": "errors", "errors": {"domain": words["form.missing"]}}
        where = _with_origin(window)
        await self._begin(window.id, where, Submitted(form, dict(window.values)), profile)
        return None

    async def _secret(self, window: Window) -> Answer:
        """The secret goes into the vault; nothing else ever sees it."""
        case = await self._own_case(window.where, window.about.get("case", ""))
        typed = window.values.get("secret", "")
        if case is None or not typed or window.id in self._spent:
            return None
        now = self._clock()
        self._spent = {name: until for name, until in self._spent.items() if until > now}
        self._spent[window.id] = now + self._secret_life  # also while it is being taken
        taken = False
        try:
            taken = await self._conversation.take_secret(window.about.get("token", ""), Secret(typed))
        finally:
            if not taken:
                self._spent.pop(window.id, None)
        if taken:
            return None
        gone = self._words.of(case.lang)["talk.expired"]
        return {"response_action": "errors", "errors": {"secret": gone}}

    async def _own_case(self, where: Where, name: str) -> Case | None:
        """The case, if it is this person's; otherwise they are told so."""
        row = await self._store.case(name)
        if row is not None and row.person == where.person:
            return case_from_json(row.state)
        self._later(self._tell_later(where, "command.gone" if row is None else "command.not_yours"))
        return None

    async def _begin(
        self, name: str, where: Where, event: Event, profile: Profile | None, *, root: str | None = None
    ) -> None:
        """A new case with its first event. A request that comes again finds the case that it began."""
        if profile is not None and profile.outside:
            return self._later(self._tell_later(where, "command.stranger"))
        place = f"{where.team}:{where.channel}:{root}" if root else name
        kept = {
            "team": where.team, "user": where.user, "enterprise": where.enterprise, "grid": where.grid,
            "origin": "" if where.direct else where.channel, "response_url": where.response_url,
            "thread": None if where.direct else where.thread,
        }  # fmt: skip
        channel = where.channel if root else where.user
        for turn in range(_TURNS):
            case = self._case(place, turn, where, profile)
            thread = Thread(case.id, case.person, channel, root, kept, self._clock())
            if await self._threads.put(thread) or await self._is_theirs(case):
                with contextlib.suppress(IdTaken):
                    await self._conversation.handle(name, case, event)
                    return None
        return None

    async def _is_a_case(self, thread: Thread) -> bool:
        return await self._store.case(thread.case_id) is not None

    async def _is_theirs(self, case: Case) -> bool:
        """Whether a thread that is there already is this person's: then the request has come before."""
        thread = await self._threads.of_case(case.id)
        return thread is not None and thread.person == case.person

    def _case(self, place: str, turn: int, where: Where, profile: Profile | None) -> Case:
        """A case whose id follows from where it began, so that a request that comes again finds it."""
        seed = hashlib.sha256(f"{place}:{turn}".encode()).digest()
        name = case_id(int.from_bytes(seed[:8], "big"))
        lang = profile.lang if profile else DEFAULT_LANG
        admin = is_admin(self._admins, where.person)
        address = profile.address if profile else None
        return Case(name, where.person, "slack", place, lang, admin, address, met=profile is not None)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - an answer in the background ends nothing else
            _log.error("something for a person at Slack failed", fault=metrics.fault(error))


def _elsewhere(where: Where) -> Where:
    """As if it had been typed nowhere: nothing is said in conversations that others read."""
    return Where(where.team, where.user, "", None, where.enterprise, where.grid)


def _with_origin(window: Window) -> Where:
    """A window has no channel of its own: it was opened from one."""
    where, about = window.where, window.about
    url = about.get("response_url") or None
    return Where(
        where.team, where.user, about.get("channel", ""), None, where.enterprise, where.grid, url, where.trigger
    )
