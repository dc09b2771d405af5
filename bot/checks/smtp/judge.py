"""SMTP facts to findings; greeting and log-in are judged as for every mail service."""

from bot.checks import sasl
from bot.checks.judging import Setting
from bot.checks.words import understand
from bot.core.model import Capabilities, Fault, Finding, SubmissionFacts


def judge_capability(facts: Capabilities | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        return [setting.finding("capability.no_answer", detail=facts.detail, server=facts.heard)]
    if facts.refusal:
        code = "capability.tls_required" if facts.refusal.startswith(("530", "538")) else "capability.no_answer"
        return [setting.finding(code, server=facts.refusal)]
    if not facts.mechanisms:
        return [setting.finding("capability.auth_not_offered", offered=list(facts.words))]
    if not setting.token and sasl.choose(facts.mechanisms) is None:
        return [setting.finding("capability.no_password_mechanism", offered=list(facts.mechanisms))]
    return []


def judge_submission(facts: SubmissionFacts | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        return [setting.finding("submission.refused", detail=facts.detail, server=facts.heard)]
    if facts.accepted:
        return []
    told = understand(facts.text, setting, "submission")
    means = told.code if told.code not in ("none", "login.unrecognised", "submission.refused") else None
    return [setting.finding("submission.refused", server=facts.text, refused_at=facts.refused_at, means=means)]
