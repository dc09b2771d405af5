"""POP3 facts to findings; greeting and log-in are judged as for every mail service."""

from bot.checks import sasl
from bot.checks.judging import Setting
from bot.core.model import Capabilities, Fault, Finding


def judge_capability(facts: Capabilities | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        return [setting.finding("capability.no_answer", detail=facts.detail, server=facts.heard)]
    if {"USER", "APOP"} & set(facts.words) or sasl.choose(facts.mechanisms) is not None:
        return []
    if facts.mechanisms:
        return [setting.finding("capability.no_password_mechanism", offered=list(facts.mechanisms))]
    return [setting.finding("capability.missing", missing="USER or SASL", offered=list(facts.words))]
