"""Facts of DNS, TCP and TLS to findings."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bot.checks.judging import Setting
from bot.core.model import Attempt, CertificateFacts, ConnectFacts, DnsFacts, Fault, Finding, StartTlsReply, TlsFacts

Judge = Callable[[Any, Setting], list[Finding]]

EXPIRES_SOON = 21 * 86400
"""Seconds before its end from which a certificate is called soon to expire."""

_DNS_CODES = {
    "nxdomain": "dns.host_not_found",
    "nodata": "dns.host_no_address",
    "failed": "dns.resolver_failed",
    "bogus": "dns.dnssec_bogus",
}
_VERIFY_CODES = {
    9: "tls.not_yet_valid",
    10: "tls.expired",
    18: "tls.self_signed",
    19: "tls.untrusted_root",
    26: "tls.wrong_purpose",
    62: "tls.name_mismatch",
    64: "tls.name_mismatch",
    66: "tls.weak_key",
    67: "tls.weak_key",
    68: "tls.weak_signature",
}
_TOO_OLD = (
    "UNSUPPORTED_PROTOCOL",
    "PROTOCOL_VERSION",
    "WRONG_SSL_VERSION",
    "UNKNOWN_PROTOCOL",
    "UNSUPPORTED_VERSION",
    "VERSION_TOO_LOW",
)
_OLD_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1")
_NO_CIPHER = (
    "NO_SHARED_CIPHER",
    "HANDSHAKE_FAILURE",
    "INSUFFICIENT_SECURITY",
    "NO_CIPHERS_AVAILABLE",
    "UNKNOWN_CIPHER",
)
_HUNG_UP = ("tls_alert", "closed", "reset")
"""How servers answer that no certificate came: some end the connection without the alert."""
_WEAK = {"EE_KEY_TOO_SMALL": "tls.weak_key", "CA_KEY_TOO_SMALL": "tls.weak_key", "CA_MD_TOO_WEAK": "tls.weak_signature"}


def judge_dns(facts: DnsFacts | Fault, setting: Setting) -> list[Finding]:
    assert isinstance(facts, DnsFacts)
    if facts.outcome != "ok":
        return [setting.finding(_DNS_CODES[facts.outcome], name=facts.host, detail=facts.detail)]
    if not facts.public:
        return [setting.finding("dns.host_private", name=facts.host, addresses=_private(facts.private))]
    return []


def _private(pairs: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"address": address, "kind": kind} for address, kind in pairs]


def judge_connect(facts: ConnectFacts | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        code = {"blocked": "connect.blocked_by_policy", "timeout": "connect.timeout"}.get(facts.kind, "connect.reset")
        return [setting.finding(code, detail=facts.detail)]
    tried = [_attempt(attempt) for attempt in facts.attempts]
    failed = [attempt for attempt in facts.attempts if attempt.fault]
    if facts.address is None:
        return [setting.finding(_connect_code(failed), tried=tried)]
    if failed or facts.private:
        return [setting.finding("connect.partial", tried=tried, used=facts.address, not_public=_private(facts.private))]
    return []


def _connect_code(failed: list[Attempt]) -> str:
    """The code of the fault that says most: a refusal is an answer, a time-out is none."""
    kinds = {attempt.fault.kind for attempt in failed if attempt.fault}
    return next((f"connect.{kind}" for kind in ("refused", "reset", "timeout") if kind in kinds), "connect.unreachable")


def _attempt(attempt: Attempt) -> dict[str, Any]:
    outcome = "connected" if attempt.fault is None else attempt.fault.kind
    detail = {"detail": attempt.fault.detail} if attempt.fault and attempt.fault.detail else {}
    return {"address": attempt.address, "outcome": outcome, "ms": round(attempt.milliseconds, 1)} | detail


def judge_tls(facts: TlsFacts | StartTlsReply | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, StartTlsReply):
        code = "tls.starttls_failed" if facts.offered else "tls.starttls_missing"
        return [setting.finding(code, server=facts.text)]
    if isinstance(facts, Fault):
        return [setting.finding("tls.starttls_failed", detail=facts.detail, server=facts.heard)]
    if facts.fault is not None:
        return [_broken_handshake(facts, facts.fault, setting)]
    if facts.verify_code:
        return [_unverified(facts, facts.verify_code, setting)]
    return _warnings(facts, setting)


def _broken_handshake(facts: TlsFacts, fault: Fault, setting: Setting) -> Finding:
    if fault.after == "connect":
        return setting.finding("connect.reset", detail=fault.detail)
    evidence = {"detail": fault.detail, "after": fault.after, "agreed_without_demands": facts.tolerant}
    if fault.kind == "malformed":
        upgraded = setting.endpoint is not None and setting.endpoint.security == "starttls"
        in_words = "tls.starttls_failed" if upgraded else "tls.not_offered"
        return setting.finding(in_words if fault.heard else "tls.handshake_failed", server=fault.heard, **evidence)
    if fault.kind == "timeout":
        return setting.finding("tls.timeout", **evidence)
    return setting.finding(_handshake_code(facts, fault), **evidence)


def _handshake_code(facts: TlsFacts, fault: Fault) -> str:
    words = fault.detail.upper()
    if "CERTIFICATE_REQUIRED" in words or (fault.after == "certificate request" and fault.kind in _HUNG_UP):
        return "tls.client_certificate_required"
    if facts.tolerant_version in _OLD_VERSIONS or any(word in words for word in _TOO_OLD):
        return "tls.protocol_too_old"
    for word, code in _WEAK.items():
        if word in words:
            return code
    if any(word in words for word in _NO_CIPHER) and fault.after != "certificate request":
        return "tls.no_shared_cipher"
    return "tls.handshake_failed"


def _unverified(facts: TlsFacts, verify_code: int, setting: Setting) -> Finding:
    leaf = facts.chain[0] if facts.chain else None
    evidence: dict[str, Any] = {
        "verify_code": verify_code,
        "verify_text": facts.verify_text,
        "chain": [_certificate(certificate) for certificate in facts.chain],
    }
    code = _VERIFY_CODES.get(verify_code, "tls.invalid_chain")
    if verify_code in (20, 21):
        code = _unknown_issuer(facts)
        evidence["missing"] = [_certificate(certificate) for certificate in facts.fetched]
        if facts.chain:
            evidence["missing_issuer"] = facts.chain[-1].issuer
            evidence["issuer_url"] = ", ".join(facts.chain[-1].issuer_urls)
        evidence["completes"] = facts.completed
    if leaf is not None and verify_code in (9, 10) and leaf.not_before <= facts.at <= leaf.not_after:
        code = "tls.intermediate_expired" if verify_code == 10 else "tls.invalid_chain"  # noqa: PLR2004
    if leaf is not None:
        evidence["names"] = list(leaf.names)
        evidence["also"] = _also(leaf, facts.at, code)
    if setting.endpoint is not None:
        evidence["expected_name"] = setting.endpoint.host
    return setting.finding(code, **evidence)


def _unknown_issuer(facts: TlsFacts) -> str:
    """A missing intermediate or a private authority: OpenSSL's code 20 is the same, what was found elsewhere tells."""
    if facts.completed:
        return "tls.chain_incomplete"
    if facts.fetched:
        top = facts.fetched[-1]
        return "tls.untrusted_root" if top.issuer == top.subject else "tls.chain_incomplete"
    alone = len(facts.chain) == 1 and not facts.chain[0].ca
    return "tls.chain_incomplete" if alone and facts.chain[0].issuer_urls else "tls.untrusted_root"


def _also(leaf: CertificateFacts, now: float, code: str) -> list[str]:
    """What will be found next once this fault is mended, as far as the certificate itself shows it."""
    faults = {"tls.expired": now > leaf.not_after, "tls.not_yet_valid": now < leaf.not_before}
    return [other for other, found in faults.items() if found and other != code]


def _warnings(facts: TlsFacts, setting: Setting) -> list[Finding]:
    found = []
    if facts.chain and facts.chain[0].not_after - facts.at < EXPIRES_SOON:
        days = int((facts.chain[0].not_after - facts.at) // 86400)
        found.append(setting.finding("tls.expires_soon", not_after=_day(facts.chain[0].not_after), days=days))
    if disorder := _disorder(facts.chain):
        chain = [_certificate(certificate) for certificate in facts.chain]
        found.append(setting.finding("tls.chain_order", detail=disorder, chain=chain))
    return found


def _disorder(chain: tuple[CertificateFacts, ...]) -> str:
    """What is wrong: each certificate should issue the one before it (RFC 8446, 4.4.2). A root is no fault."""
    fingerprints = [certificate.fingerprint for certificate in chain]
    if len(set(fingerprints)) < len(fingerprints):
        return "duplicate"
    for child, parent in itertools.pairwise(chain):
        if child.issuer != parent.subject:
            known = {certificate.subject for certificate in chain}
            return "out of order" if child.issuer in known and child.issuer != child.subject else "extra certificate"
    return ""


def _certificate(certificate: CertificateFacts) -> dict[str, Any]:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "not_before": _day(certificate.not_before),
        "not_after": _day(certificate.not_after),
        "key": certificate.key,
        "signature": certificate.signature,
        "sha256": certificate.fingerprint,
    }


def certificates_of(facts: TlsFacts) -> list[dict[str, Any]]:
    """The chain as sent, for evidence."""
    return [_certificate(certificate) for certificate in facts.chain]


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
