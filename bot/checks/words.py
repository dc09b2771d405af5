"""What a server's refusal means: its words, in the circumstances, through `bot.core.refusal`."""

import re
from typing import Any

from bot.checks.judging import Setting
from bot.checks.sasl import BEARER
from bot.core.model import Fault, Finding, LoginReply
from bot.core.refusal import Context, Explanation, explain

_FAULTS = {"timeout": "login.timeout"}
_AGAINST_TOKENS = frozenset({"login.token_rejected", "login.wrong_credentials"})
_NOT_THE_TOKEN = 0.6
"""How sure it is that a protocol is switched off, where a server refuses a token that was just made for it.

Exchange Online says no more than `AUTHENTICATE failed` and `5.7.3 Authentication unsuccessful` then.
"""


def understand(text: str, setting: Setting, stage: str, mechanism: str | None = None) -> Explanation:
    provider = setting.provider or {}
    context = Context(
        protocol=setting.service,
        provider=provider.get("id"),
        password=provider.get("password"),
        access=provider.get("access", {}).get(setting.service),
        mechanism=mechanism,
        capabilities=setting.mechanisms,
        account=setting.account,
        stage=stage,
    )
    return explain(text, context, setting.rules)


def judge_login(facts: LoginReply | Fault, setting: Setting) -> list[Finding]:
    """The findings of a log-in, the same for IMAP, SMTP and POP."""
    if isinstance(facts, Fault):
        code, by = _FAULTS.get(facts.kind, "login.connection_closed"), BEARER[0] if setting.token else ""
        return [setting.finding(code, detail=facts.detail, server=facts.heard, mechanism=by)]
    if facts.accepted:
        return []
    evidence: dict[str, Any] = {"server": facts.text, "mechanism": facts.mechanism, "offered": list(facts.mechanisms)}
    if facts.fault is not None:
        return [setting.finding("login.unrecognised", detail=facts.fault.detail, **evidence)]
    if facts.refused_mechanism:
        return [setting.finding("login.mechanism_unsupported", **evidence)]
    told = understand(facts.text, setting, "login", facts.mechanism)
    # Words that tell of another stage ("capability.auth_not_offered") stand among the alternatives only.
    ranked = (told.code, *told.alternatives) if told.code != "none" else told.alternatives
    code, sure = next((code for code in ranked if code.startswith("login.")), "login.unrecognised"), told.confidence
    if setting.token and code in _AGAINST_TOKENS and not _speaks_of_token(facts.text):
        code, sure = "login.protocol_disabled", min(sure, _NOT_THE_TOKEN)
    others = [other for other in ranked if other != code]
    return [setting.finding(code, confidence=round(sure, 2), alternatives=others, **evidence)]


def _speaks_of_token(text: str) -> bool:
    return re.search(r"\btoken\b|expired", text, re.IGNORECASE) is not None
