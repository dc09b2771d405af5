"""Every finding of the mail groups, produced over a real socket, at its step and with its evidence."""

import pytest
import yaml

from bot.knowledge import ADVICE
from tests.checks.cases import link, tls, words
from tests.checks.cases.table import Case, holds
from tests.checks.running import make_world

CASES = [case for module in (link, tls, words) for case in module.TABLE.cases]
FINDINGS = yaml.safe_load((ADVICE / "findings.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_finding(case: Case) -> None:
    async with make_world() as world:
        seen = await case.play(world)
    finding = seen.finding(case.code, case.step)
    wrong = {k: (w, finding.evidence.get(k)) for k, w in case.evidence.items() if not holds(w, finding.evidence.get(k))}
    assert not wrong, finding.evidence
    severity = FINDINGS[case.code.partition(".")[0]][case.code]["severity"]
    assert finding.severity == severity
    if severity == "fail":
        assert (seen.report.failing_step, seen.report.cause) == (case.step, case.code)
    else:
        assert seen.report.failing_step is None
