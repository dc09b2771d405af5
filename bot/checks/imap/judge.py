"""IMAP facts to findings; greeting and log-in are judged as for every mail service."""

from bot.checks.judging import Setting
from bot.checks.words import understand
from bot.core.model import Capabilities, Fault, Finding, MailboxFacts

_PASSWORD_MECHANISMS = frozenset(
    {"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "DIGEST-MD5", "NTLM"}
)


def judge_capability(facts: Capabilities | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        return [setting.finding("capability.no_answer", detail=facts.detail, server=facts.heard)]
    if facts.refusal:
        return [setting.finding("capability.no_answer", server=facts.refusal)]
    if not any(word.startswith("IMAP4") for word in facts.words):
        return [setting.finding("capability.missing", missing="IMAP4rev1", offered=list(facts.words))]
    if not setting.token and facts.login_disabled and not _PASSWORD_MECHANISMS & set(facts.mechanisms):
        code = "capability.no_password_mechanism" if facts.mechanisms else "capability.login_disabled"
        return [setting.finding(code, offered=list(facts.words))]
    return []


def judge_mailbox(facts: MailboxFacts | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        return [setting.finding("mailbox.unavailable", detail=facts.detail, server=facts.heard)]
    if facts.refusal is not None:
        told = understand(facts.refusal, setting, "mailbox")
        return [
            setting.finding(
                "mailbox.unavailable", server=facts.refusal, means=told.code if told.code != "none" else None
            )
        ]
    if facts.list_refusal is not None:
        return [setting.finding("mailbox.list_failed", server=facts.list_refusal)]
    return []
