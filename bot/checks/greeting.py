"""The judge of greetings, the same for IMAP, SMTP and POP."""

from bot.checks.judging import Setting
from bot.checks.words import understand
from bot.core.model import Fault, Finding, Greeting

_FAULTS = {
    "timeout": "greeting.timeout",
    "closed": "greeting.closed",
    "reset": "greeting.closed",
    "tls_alert": "greeting.closed",
}
_ALLOWED = ("login.rate_limited", "login.too_many_connections", "login.blocked_by_policy", "login.server_unavailable")


def judge_greeting(facts: Greeting | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        code = _FAULTS.get(facts.kind, "greeting.malformed")
        if facts.kind == "closed" and facts.heard:
            code = "greeting.malformed"
        return [setting.finding(code, detail=facts.detail, server=facts.heard)]
    if facts.service == setting.service:
        if facts.welcome:
            return []
        told = understand(facts.text, setting, "greeting")
        hint = told.code if told.code in _ALLOWED else None
        return [setting.finding("greeting.refused", server=facts.text, means=hint)]
    if facts.service is not None:
        return [setting.finding("greeting.wrong_service", speaks=facts.service, server=facts.text)]
    return [setting.finding("greeting.malformed", server=facts.text)]
