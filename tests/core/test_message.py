"""What a report says in words."""

import pytest

from bot.core.case import Case
from bot.core.message import Text, report_message
from bot.core.model import LANGS, Lang, Report, StepResult
from bot.core.speech import reader
from bot.network import wisdom_in


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(
    "box", [{"folders": 1, "inbox": 3}, {"folders": 12, "inbox": 3, "messages": 1234, "bytes": 5_000_000}]
)
def test_the_line_of_the_mailbox_says_what_the_server_told_and_leaves_no_gap(lang: Lang, box: dict[str, int]) -> None:
    wisdom, case = wisdom_in(lang), Case("K7QF-2M", "slack:T1:U1", "slack", "p", lang, domain="example.co.jp")
    read = StepResult("imap.mailbox", "pass", notes=box)
    report = Report(
        case.id, case.domain, None, "manual", "pass", None, None, (read,), (), {}, None, "2026-11-24T00:00:00Z", 1.0
    )
    told = report_message(report, reader(case, wisdom, report))
    line = next(
        block.text
        for block in told.blocks
        if isinstance(block, Text) and block.text.startswith(wisdom.catalogue.texts["words"]["mailbox"][:3])
    )
    assert "-" not in line
    assert ("1,234" in line, "5.0 MB" in line) == ("messages" in box, "bytes" in box)
