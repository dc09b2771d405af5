"""Every finding of the groups ews and m365 is produced by a test over real sockets; every AADSTS number is evidence."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from bot.checks.judging import Setting
from bot.checks.m365.answers import refused
from bot.checks.m365.judge import judge_consent, judge_signin, judge_tenant
from bot.checks.m365.wire import read_tenant
from bot.compiling import ADVICE
from bot.core.cloud import TenantsFacts
from bot.network import wisdom_in
from tests.checks import (
    test_exchange,
    test_exchange_ways,
    test_m365,
    test_m365_grant,
    test_m365_mail,
    test_m365_sign_in,
)
from tests.servers.identity import refusal
from tests.test_findings import _OF_OTHER_SCENARIOS

FINDINGS: Mapping[str, Mapping[str, Any]] = yaml.safe_load((ADVICE / "findings.yaml").read_text())
AADSTS: Mapping[int, str] = yaml.safe_load((ADVICE / "aadsts.yaml").read_text())
TABLES = (test_exchange, test_m365, test_m365_sign_in, test_m365_grant, test_m365_mail)
BY_THEMSELVES: Mapping[str, Callable[..., Any]] = {
    "m365.tenant_mismatch": test_m365.test_an_administrator_of_another_domain,
    "ews.redirected": test_exchange_ways.test_a_wrong_address_is_corrected_and_told,
    "input.url_invalid": test_exchange.test_a_batch,
    "input.domain_mismatch": test_m365.test_an_administrator_of_another_domain,
    "input.account_format": test_exchange.test_names_that_cannot_be_typed,
}
"""Findings that have tests of their own beside the tables: another step fails before theirs."""
NUMBERS = [pytest.param(number, code, id=str(number)) for number, code in AADSTS.items()]


def test_none_is_forgotten() -> None:
    wanted = {*FINDINGS["ews"], *FINDINGS["m365"], *_OF_OTHER_SCENARIOS}
    played = {case.code for table in TABLES for case in table.CASES}
    assert wanted - played - set(BY_THEMSELVES) == set()
    assert not played & set(BY_THEMSELVES), "what stands in a table needs no mention"


def test_a_sign_in_is_judged_alike_on_both_ways() -> None:
    """What a code tells in the conversation, the page tells too."""
    by_code = {case.code for case in test_m365_sign_in.CASES if case.code.startswith("m365.")}
    assert by_code - {case.code for case in test_m365_grant.CASES} == set()


def test_the_table_is_long_enough_and_names_findings() -> None:
    assert len(AADSTS) >= 120
    assert set(AADSTS.values()) <= {code for group in FINDINGS.values() for code in group}


@pytest.mark.parametrize(("number", "code"), NUMBERS)
def test_every_number_is_in_the_evidence(number: int, code: str) -> None:
    """Whether the token endpoint says it or the browser brings it back."""
    wisdom = wisdom_in("en")
    setting = Setting(wisdom.severities, 0.0, "m365", rules=wisdom.rules)
    words = {"error": "invalid_grant", "error_description": f"AADSTS{number}: Words. Trace ID: 1 Correlation ID: 2"}
    for told in (words, {"error": "invalid_grant", "error_codes": [number]}):
        facts = refused(told)
        (finding,) = judge_signin(facts, setting) or judge_consent(facts, setting)
        assert finding.evidence["aadsts"] == str(number)
        assert finding.code == (code if wisdom.severities[code] == "fail" else "m365.sign_in_failed")
    reply = refusal(number, "Words.")
    tenant = read_tenant("practice.test", reply.status, reply.body)
    page = b"<html><head><title>" + b"x" * 400 + f"</title></head><p>AADSTS{number}: Words.</p></html>".encode()
    for answer in (tenant, read_tenant("practice.test", reply.status, page)):
        found = judge_tenant(TenantsFacts(answer), setting)
        assert found[0].evidence["aadsts"] == str(number)
