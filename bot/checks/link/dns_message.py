"""DNS messages that are not plain, through dnspython: errors and their reasons, odd names, long chains of aliases."""

from typing import Any, cast

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from bot.checks.link.dns_wire import Query, Reply
from bot.core.model import Answer

_HEADER = 12
_DNSSEC_BOGUS_CODES = frozenset({1, 2, 5, 6, 7, 8, 9, 10, 11, 12})
"""Extended DNS error codes that mean a failed DNSSEC validation (RFC 8914)."""


def query(name: str, kind: str, *, unchecked: bool = False) -> Query:
    """The question for an odd name. Raises ValueError for what is no name; its message is the kind of fault."""
    try:
        wire = dns.message.make_query(name, kind).to_wire()
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(type(error).__name__) from None
    return Query(name, kind, wire[_HEADER:], unchecked)


def read(data: bytes, asked: Query) -> Reply | None:
    """The reply in a message, None where it does not answer the question or cannot be read: it may be forged."""
    try:
        response = dns.message.from_wire(data, ignore_trailing=True)
    except dns.message.Truncated as error:
        response = cast("dns.message.Message", error.message())  # type: ignore[no-untyped-call]
    except (dns.exception.DNSException, ValueError):
        return None
    query = dns.message.from_wire(asked.wire(response.id))
    if not query.is_response(response):
        return None
    return Reply(_answer(response, query), response.rcode(), truncated=bool(response.flags & dns.flags.TC))


def _answer(response: dns.message.Message, query: dns.message.Message) -> Answer:
    rcode = response.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        bogus = [o for o in response.options if isinstance(o, dns.edns.EDEOption) and o.code in _DNSSEC_BOGUS_CODES]
        detail = dns.rcode.to_text(rcode)
        if bogus:
            return Answer("bogus", detail=f"{detail}, EDE {int(bogus[0].code)} {bogus[0].text or ''}".strip())
        return Answer("failed", detail=detail)
    try:
        chain = cast("dns.message.QueryMessage", response).resolve_chaining()
    except (dns.exception.DNSException, AttributeError) as error:
        return Answer("nxdomain" if rcode == dns.rcode.NXDOMAIN else "failed", detail=type(error).__name__)
    if chain.answer is None:
        return Answer("nxdomain" if rcode == dns.rcode.NXDOMAIN else "nodata")
    return Answer("ok", tuple(_text(rdata) for rdata in _ordered(chain.answer, query.question[0].rdtype)))


def _ordered(records: Any, kind: dns.rdatatype.RdataType) -> list[Any]:
    """MX by preference; SRV by priority and weight, so that everybody tries the same one first."""
    if kind == dns.rdatatype.MX:
        return sorted(records, key=lambda r: (r.preference, r.exchange))
    if kind == dns.rdatatype.SRV:
        return sorted(records, key=lambda r: (r.priority, -r.weight, r.target))
    return list(records)


def _text(rdata: Any) -> str:
    match rdata.rdtype:
        case dns.rdatatype.MX:
            return _host(rdata.exchange)
        case dns.rdatatype.SRV:
            return f"{_host(rdata.target)}:{rdata.port}"
        case dns.rdatatype.CNAME:
            return _host(rdata.target)
        case _:
            return str(rdata.to_text())


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() or "."
