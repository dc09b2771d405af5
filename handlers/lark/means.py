"""What every part of this platform works with; made once."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.core.dialogue import Mind
from bot.store.store import Store
from bot.store.threads import Threads
from handlers.lark.api import Api
from handlers.lark.people import People
from handlers.lark.words import Words


@dataclass(frozen=True, slots=True)
class Means:
    api: Api
    store: Store
    threads: Threads
    people: People
    words: Words
    mind: Mind
    clock: Callable[[], float] = time.time
