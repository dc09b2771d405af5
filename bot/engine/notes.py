"""What a person likes to know of a step although it is no finding."""

from collections.abc import Mapping
from typing import Any

from bot.checks.link.judge import certificates_of
from bot.core.cloud import MAY_CONSENT, RealmFacts, SignInFacts, TenantsFacts
from bot.core.model import ConnectFacts, LoginReply, MailboxFacts, TlsFacts
from bot.core.web import EwsReply, HttpFacts


def notes_of(facts: Any) -> Mapping[str, Any]:
    """The notes of a step, by names of their own; {} where there is nothing to tell."""
    match facts:
        case ConnectFacts(address=address) if address:
            return {"address": address}
        case TlsFacts(version=version) if version:
            return {"version": version, "cipher": facts.cipher, "chain": certificates_of(facts)}
        case LoginReply(accepted=True):
            return {"mechanism": facts.mechanism}
        case HttpFacts(domain=domain):
            names = {"login_domain": domain.dns or domain.netbios} if domain else {}
            return {"offered": facts.schemes, **names}
        case EwsReply(opened=True):
            return {"mechanism": facts.mechanism, "version": facts.version, "inbox": facts.messages}
        case TenantsFacts(own=own) if own.id:
            hints = {"mail": facts.hints.mx, "autodiscover": facts.hints.autodiscover} if facts.hints.cloud else {}
            return {"tenant": own.id, "region": own.region, **hints}
        case SignInFacts(names=names, roles=roles) if names:
            return {"signed_in_as": names[0], "roles": [MAY_CONSENT.get(role, role) for role in roles or ()]}
        case RealmFacts(namespace=namespace, brand=brand):
            return {"namespace": namespace, "brand": brand}
        case MailboxFacts(refusal=None):
            return {
                "inbox": facts.messages,
                "folders": facts.folders,
                "messages": facts.total_messages,
                "bytes": facts.total_bytes,
                "largest": [{"name": f.name, "messages": f.messages, "bytes": f.bytes} for f in facts.largest],
            }
        case _:
            return {}
