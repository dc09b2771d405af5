"""What every part of this platform works with; made once."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.core.dialogue import Mind
from bot.store.store import Store
from bot.store.threads import Threads
from handlers.slack.api import Api
from handlers.slack.people import People
from handlers.slack.reply import Replies
from handlers.slack.tokens import Tokens
from handlers.slack.words import Words


@dataclass(frozen=True, slots=True)
class Means:
    api: Api
    tokens: Tokens
    store: Store
    threads: Threads
    people: People
    words: Words
    replies: Replies
    mind: Mind
    clock: Callable[[], float] = time.time
