"""What is in the house: settings, knowledge, and the machine's own limits for the process."""

import asyncio
import os
import resource

from bot.health.outcome import Outcome
from bot.knowledge import compile_all
from bot.settings import ROOT, Settings

_FEW_FILES = 4096
"""Each check has up to four connections, and each browser one."""


async def check_settings(settings: Settings) -> list[Outcome]:
    set_here = sum(name.startswith("MIGCHECK_") for name in os.environ)
    where = "app.yaml" if (ROOT / "app.yaml").exists() else "no app.yaml, every setting has its default"
    return [Outcome("pass", "settings", f"{where}; {set_here} from the environment"), *_nodes(settings)]


def _nodes(settings: Settings) -> list[Outcome]:
    """What several nodes must have in common."""
    if settings.queue.url is None:
        return []
    found = []
    if settings.store.url.startswith("sqlite:"):
        todo = "set store.url to PostgreSQL, normally the same as queue.url"
        found.append(Outcome("fail", "store.url", "queue.url is set, but SQLite cannot be shared by nodes", todo))
    slack = settings.slack
    if slack.enabled and slack.bot_token is None and not slack.encryption_key:
        todo = "set slack.encryption_key to one long random word for all nodes (openssl rand -base64 32)"
        found.append(Outcome("fail", "slack.encryption_key", "each node would seal tokens with a key of its own", todo))
    if settings.web.public_url is None:
        todo = "set web.public_url to the balancer's address"
        found.append(Outcome("fail", "web.public_url", "not set: links would lead to one node's own address", todo))
    return found


async def check_knowledge(_: Settings) -> list[Outcome]:
    try:
        known = await asyncio.to_thread(compile_all)
    except Exception as error:  # noqa: BLE001 - files that people edit can be wrong in any way
        where = str(error).splitlines()[0] if str(error) else ""
        return [Outcome("fail", "knowledge", f"{type(error).__name__}: {where}", "undo the last change in advice/")]
    languages = ", ".join(sorted(part.removeprefix("texts-") for part in known if part.startswith("texts-")))
    found = f"{len(known['severities'])} findings, {len(known['providers'])} providers, languages {languages}"
    return [Outcome("pass", "knowledge", found)]


async def check_process(_: Settings) -> list[Outcome]:
    """Who the process is, how many files it may open, and whether a crash would write its memory to the disk."""
    files, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
    core, _most = resource.getrlimit(resource.RLIMIT_CORE)
    found = []
    if files < _FEW_FILES:
        todo = "raise it where many people use the bot: ulimit -n 65536, LimitNOFILE=65536"
        found.append(Outcome("warn", "open files", f"{files} at most", todo))
    if core != 0:
        todo = "ulimit -c 0, LimitCORE=0: a password that is in use for a moment could be in it"
        found.append(Outcome("warn", "core dumps", "a crash would write the memory to the disk", todo))
    if os.geteuid() == 0:
        found.append(Outcome("warn", "user", "root", "run the bot as a user of its own; it needs no privilege"))
    return found or [Outcome("pass", "process", f"{files} open files at most, no core dumps, not root")]
