"""The reader's words as this platform uses them: the common ones, and Slack's own beside them."""

from collections.abc import Mapping
from functools import lru_cache

from bot.core.dialogue import Mind
from bot.core.model import Lang


class Words:
    """A language's phrases by key; Slack's own (`slack:` in advice/texts) come first."""

    def __init__(self, mind: Mind) -> None:
        self._mind = mind
        self.of = lru_cache(maxsize=None)(self._of)

    def _of(self, lang: Lang) -> Mapping[str, str]:
        texts = self._mind.wisdom(lang).catalogue.texts
        scenarios = {key: text for key, text in texts["web"].items() if key.startswith("report.scenario.")}
        return {**scenarios, **texts["words"], **texts["slack"]}
