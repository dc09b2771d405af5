"""The bot's own pages at Slack: App Home, the greeting of the Messages tab, and a person's history."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from bot.core import asides
from bot.core.case import Case, case_from_json
from bot.core.model import Lang, lang_of
from bot.core.speech import subject
from handlers.slack.api import Lost, Refused
from handlers.slack.inbound import Press, Where
from handlers.slack.means import Means
from handlers.slack.parts import Part, button, context, escaped, header, link, plain, rich, row, section, word
from handlers.slack.people import Profile
from handlers.slack.reply import QUIET
from handlers.slack.view import Names, labelled, shown

_MOST_CASES = 8
_LANGS: Mapping[Lang, str] = {"ja": "日本語", "en": "English", "zh": "中文"}
_log = structlog.get_logger(__name__)

Start = Callable[[Where, Profile], Awaitable[None]]


class Home:
    """`entry` and `origin` say how secrets are taken here; `start` opens the form that begins a case."""

    def __init__(self, means: Means, start: Start, *, entry: str, origin: str) -> None:
        self._api, self._tokens, self._store, self._threads = means.api, means.tokens, means.store, means.threads
        self._people, self._words, self._replies, self._mind = means.people, means.words, means.replies, means.mind
        self._start, self._entry, self._origin = start, entry, origin

    async def publish(self, where: Where, note: str = "") -> None:
        """Show App Home as it is now."""
        profile, token = await self._people.profile(where), await self._tokens.token(where)
        if token is None:
            return
        words = self._words.of(profile.lang)
        cases = await self._cases(where, token)
        lead = words[note] if note else words["home.lead"]
        blocks = home_blocks(
            profile, cases, words, lead, words[f"home.secrets.{self._entry}"].format(origin=self._origin)
        )
        try:
            view = {"type": "home", "callback_id": "migcheck.home", "blocks": blocks}
            await self._api.call(token, "views_publish", user_id=where.user, view=view, patience=60.0)
        except (Refused, Lost) as error:
            _log.warning("App Home could not be shown", error=getattr(error, "error", "lost"))

    async def press(self, press: Press) -> None:
        """What is done on App Home."""
        where = press.where
        profile = await self._people.profile(where)
        match press.action:
            case "home.start":
                return await self._start(where, profile)
            case "home.language":
                chosen = lang_of(press.chosen)
                await self._people.change(where, lang=chosen, auto=chosen is None)
                return await self.publish(where)
            case "home.erase":
                await self._store.erase(where.person)
                return await self.publish(where, "home.erased")
        return None

    async def greet(self, where: Where) -> None:
        """Suggested prompts for the conversation with the agent, and once a greeting."""
        profile, token = await self._people.profile(where), await self._tokens.token(where)
        if token is None or profile.outside:
            return
        words = self._words.of(profile.lang)
        prompts = prompts_for(profile, words)
        try:
            await self._api.call(
                token, "assistant_threads_setSuggestedPrompts", channel_id=where.channel, prompts=prompts, patience=30.0
            )
        except (Refused, Lost) as error:
            _log.info("no suggested prompts here", error=getattr(error, "error", "lost"))
        if not profile.greeted:
            await self._people.change(where, greeted=True)
            text = words["greeting"]
            args: dict[str, Any] = {"text": escaped(text), "blocks": [section(text)], **QUIET}
            await self._api.once(token, "chat_postMessage", channel=where.channel, **args)

    async def history(self, where: Where, root: str | None = None) -> None:
        """A person's cases, told where they asked: to them alone, or in their own direct conversation."""
        profile, token = await self._people.profile(where), await self._tokens.token(where)
        if token is None:
            return None
        told = Case("", where.person, "slack", "", profile.lang)
        cases = [(case, _when(at, profile), url) for case, at, url in await self._cases(where, token)]
        message = asides.history(cases, self._mind.wisdom(profile.lang), told)
        seen = shown(message, Names(self._words.of(profile.lang)))
        if root is None:
            return await self._replies.say(where, seen.text, list(seen.blocks), token)
        args: dict[str, Any] = {"text": seen.text, "blocks": list(seen.blocks), "thread_ts": root, **QUIET}
        await self._api.once(token, "chat_postMessage", channel=where.channel, **args)
        return None

    async def _cases(self, where: Where, token: str) -> list[tuple[Case, float, str | None]]:
        rows = [row for row in await self._store.cases_of(where.person, 30) if row.surface == "slack"]
        cases = [(case_from_json(row.state), row.updated) for row in rows]
        named = [(case, at) for case, at in cases if case.domain or case.endpoints][:_MOST_CASES]
        links = await asyncio.gather(*(self._permalink(case, token) for case, _ in named))
        return [(case, at, url) for (case, at), url in zip(named, links, strict=True)]

    async def _permalink(self, case: Case, token: str) -> str | None:
        thread = await self._threads.of_case(case.id)
        if thread is None or thread.root is None:
            return None
        try:
            args = {"channel": thread.channel, "message_ts": thread.root}
            return str((await self._api.call(token, "chat_getPermalink", patience=5.0, **args))["permalink"])
        except (Refused, Lost, KeyError):
            return None


def home_blocks(
    profile: Profile,
    cases: list[tuple[Case, float, str | None]],
    words: Mapping[str, str],
    lead: str,
    secrets: str,
) -> list[Part]:
    """App Home. Pure."""
    start = button("home.start", words["home.start"], primary=True)
    confirm = {
        "title": plain(words["home.erase.title"], 100),
        "text": plain(words["home.erase.text"], 300),
        "confirm": plain(words["home.erase.yes"], 30),
        "deny": plain(words["home.erase.no"], 30),
        "style": "danger",
    }
    erase = button("home.erase", words["home.erase"]) | {"style": "danger", "confirm": confirm}
    return [
        header(words["home.title"]),
        section(lead),
        {"type": "actions", "elements": [start]},
        header(words["home.cases"]),
        *(
            [_case_line(case, _when(at, profile), url, words) for case, at, url in cases]
            or [context([words["home.no_cases"]])]
        ),
        header(words["home.language"]),
        {"type": "actions", "elements": [_language(profile, words)]},
        header(words["home.secrets"]),
        section(secrets),
        {"type": "actions", "elements": [erase]},
    ]


def _case_line(case: Case, when: str, url: str | None, words: Mapping[str, str]) -> Part:
    state = words[f"phase.{case.phase}"]
    if case.phase == "reported" and case.blocked:
        state = labelled(state, words.get(f"stage.{case.blocked.partition('.')[2]}", case.blocked), words)
    parts = [word(case.id, code=True), word(f"  {subject(case)}", bold=True), word(f"  {state}  {when}  ")]
    return rich(row(*parts, *([link(url, words["command.open"])] if url else [])))


def _language(profile: Profile, words: Mapping[str, str]) -> Part:
    options = [{"text": plain(words["home.language.auto"], 75), "value": "auto"}]
    options += [{"text": plain(name, 75), "value": lang} for lang, name in _LANGS.items()]
    chosen = profile.lang if profile.chosen else "auto"
    initial = next(option for option in options if option["value"] == chosen)
    return {
        "type": "static_select",
        "action_id": "migcheck.home.language",
        "options": options,
        "initial_option": initial,
    }


def prompts_for(profile: Profile, words: Mapping[str, str]) -> list[dict[str, str]]:
    """At most four prompts that one can press instead of typing."""
    names = ["domain", "error", "history", "help"] if profile.address else ["error", "history", "help"]
    domain = (profile.address or "").rpartition("@")[2]
    return [
        {"title": words[f"prompt.{name}"], "message": words[f"prompt.{name}.message"].format(domain=domain)}
        for name in names
    ]


def _when(at: float, profile: Profile) -> str:
    """By the person's own clock, as Slack itself shows times."""
    if profile.offset is None:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return datetime.fromtimestamp(at + profile.offset, UTC).strftime("%Y-%m-%d %H:%M")
