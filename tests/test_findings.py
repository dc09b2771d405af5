"""Every finding of the mail groups, produced over a real socket, at its step and with its evidence."""

import pytest
import yaml

from bot.asking import input_report, read_request
from bot.compiling import ADVICE
from bot.core.intake import InputError
from bot.network import wisdom_in
from tests.checks.cases import domain, link, tls, words
from tests.checks.cases.domain import DomainCase
from tests.checks.cases.table import Case, holds
from tests.checks.running import Seen, make_world, validated

CASES = [case for module in (link, tls, words) for case in module.TABLE.cases]
FINDINGS = yaml.safe_load((ADVICE / "findings.yaml").read_text())
GROUPS = ("input", "dns", "connect", "tls", "greeting", "capability", "login", "submission", "mailbox")
_OF_OTHER_SCENARIOS = {"input.url_invalid", "input.domain_mismatch", "input.account_format"}
"""They come with Microsoft 365 and Exchange."""


def hold(case: Case | DomainCase, seen: Seen) -> None:
    """The finding stands at its step with its evidence, and is the cause where its severity says so."""
    finding = seen.finding(case.code, case.step)
    wrong = {
        k: finding.evidence.get(k) for k, wanted in case.evidence.items() if not holds(wanted, finding.evidence.get(k))
    }
    assert not wrong, finding.evidence
    severity = FINDINGS[case.code.partition(".")[0]][case.code]["severity"]
    assert finding.severity == severity
    if severity == "fail":
        assert (seen.report.failing_step, seen.report.cause) == (case.step, case.code)
    else:
        assert seen.report.failing_step is None
    assert {step.id: step for step in seen.progress} == {step.id: step for step in seen.report.steps}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_finding(case: Case) -> None:
    async with make_world() as world:
        seen = await case.play(world)
    hold(case, seen)


@pytest.mark.parametrize("case", domain.CASES, ids=lambda case: case.id)
async def test_finding_of_the_domain(case: DomainCase) -> None:
    async with make_world() as world:
        seen = await case.play(world)
    hold(case, seen)


@pytest.mark.parametrize("case", domain.TYPED, ids=lambda case: case.id)
def test_finding_of_the_input(case: DomainCase) -> None:
    with pytest.raises(InputError) as raised:
        read_request(case.typed, "en")
    report = input_report("TEST-01", raised.value, case.typed, "en", wisdom_in("en"))
    hold(case, Seen(report, validated(report), list(report.steps)))


def test_none_is_forgotten() -> None:
    wanted = {code for group in GROUPS for code in FINDINGS[group]} - _OF_OTHER_SCENARIOS
    assert wanted - {case.code for case in [*CASES, *domain.CASES, *domain.TYPED]} == set()


def test_every_code_that_is_independent_of_the_service_is_produced_for_each() -> None:
    played = {(case.code, case.service) for case in CASES}
    shared = {code for group in ("connect", "tls", "greeting") for code in FINDINGS[group]}
    missing = {(code, service) for code in shared for service in ("imap", "smtp", "pop")} - played
    assert missing == set()
