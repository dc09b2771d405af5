"""The group tls: every fault with implicit TLS and behind STARTTLS."""

import ssl
from collections.abc import Callable
from typing import Any

from bot.core.model import Security
from tests.checks.acts import behind_starttls
from tests.checks.cases.table import Ground, Make, Table
from tests.servers.certs import Authority
from tests.servers.hostile import (
    Act,
    after_hello,
    alert,
    answer,
    client_certificate_context,
    mid_handshake,
    no_shared_cipher_context,
    old_server_hello,
    old_tls_context,
)
from tests.servers.script import Say

TABLE = Table()
_IMPLICIT: tuple[Security, ...] = ("tls",)
_STARTTLS: tuple[Security, ...] = ("starttls",)


def _act(act: Callable[[Ground], Act]) -> Make:
    async def make(ground: Ground) -> None:
        chosen = act(ground)
        await ground.hostile(chosen if ground.security == "tls" else behind_starttls(ground.service, chosen))

    return make


def _context(context: Callable[[Ground], ssl.SSLContext]) -> Make:
    async def make(ground: Ground) -> None:
        await ground.serve(context=context(ground))

    return make


def _chain(recipe: str, *, fetchable: bool = False) -> Make:
    async def make(ground: Ground) -> None:
        made = await ground.world.crafted(recipe, ground.host, fetchable=fetchable)
        await ground.serve(identity=made.identity)

    return make


def _starttls(outcome: str) -> Make:
    async def make(ground: Ground) -> None:
        await ground.serve(starttls=outcome)

    return make


def _say(name: str, code: str, make: Make, *, stage: str = "tls", **more: Any) -> None:
    make.__name__ = name
    TABLE.add(code, stage, **more)(make)


@TABLE.add("tls.not_offered", "tls", securities=_IMPLICIT, server=...)
async def plain_text(ground: Ground) -> None:
    await ground.serve(security="plain")


@TABLE.add("tls.not_offered", "tls", securities=_IMPLICIT, server=lambda text: text.startswith("HTTP/1.1 400"))
async def plain_http(ground: Ground) -> None:
    await ground.hostile(answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"))


@TABLE.add("tls.starttls_missing", "tls", securities=_STARTTLS)
async def starttls_missing(ground: Ground) -> None:
    await ground.serve(starttls="missing")


@TABLE.add("tls.starttls_failed", "tls", securities=_STARTTLS, server=lambda text: "TLS is not available" in text)
async def starttls_refused(ground: Ground) -> None:
    await ground.serve(starttls="refused")


@TABLE.add("tls.starttls_failed", "tls", securities=_STARTTLS, hasty=True, detail=...)
async def starttls_unanswered(ground: Ground) -> None:
    await ground.serve(replies={"STARTTLS": Say(after="hang"), "STLS": Say(after="hang")})


@TABLE.add("tls.starttls_failed", "tls", securities=_STARTTLS, server=lambda text: "changed my mind" in text)
async def words_after_the_go_ahead(ground: Ground) -> None:
    await ground.hostile(behind_starttls(ground.service, answer(b"454 I have changed my mind\r\n")))


@TABLE.add("tls.starttls_failed", "tls", securities=_STARTTLS, detail="data before the handshake", server=...)
async def words_with_the_go_ahead(ground: Ground) -> None:
    await ground.serve(starttls="injected")


_IN_TURN: dict[str, Any] = {"securities": _STARTTLS}
_say("closes", "tls.handshake_failed", _starttls("close"), **_IN_TURN)
_say("garbles", "tls.handshake_failed", _starttls("garbage"), **_IN_TURN)
_say("hangs", "tls.timeout", _starttls("hang"), hasty=True, **_IN_TURN)
_say("alert", "tls.handshake_failed", _act(lambda _: after_hello(alert("internal_error"))), detail=...)
_say("closed", "tls.handshake_failed", _act(lambda _: after_hello()), detail=...)
_say("reset", "tls.handshake_failed", _act(lambda _: after_hello(end="reset")), detail=...)
_say("garbage", "tls.handshake_failed", _act(lambda _: after_hello(bytes(range(128, 256)))), detail=...)
_say("half", "tls.handshake_failed", _act(lambda g: mid_handshake(g.world.identity(g.host), "close")), detail=...)
_say("name", "tls.handshake_failed", _act(lambda _: after_hello(alert("unrecognized_name"))), detail=...)
_say("hang", "tls.timeout", _act(lambda _: after_hello(end="hang")), hasty=True)
_say("half_hang", "tls.timeout", _act(lambda g: mid_handshake(g.world.identity(g.host), "hang")), hasty=True)

_OLD = {"agreed_without_demands": lambda words: words.startswith("TLSv1")}
_say("old_server", "tls.protocol_too_old", _context(lambda g: old_tls_context(g.world.identity(g.host))), **_OLD)
_say("old_hello", "tls.protocol_too_old", _act(lambda _: after_hello(old_server_hello())), detail=...)
_say("old_alert", "tls.protocol_too_old", _act(lambda _: after_hello(alert("protocol_version"))), detail=...)
_say("no_cipher", "tls.no_shared_cipher", _context(lambda g: no_shared_cipher_context(g.world.identity(g.host))))
_say("refusal", "tls.no_shared_cipher", _act(lambda _: after_hello(alert("handshake_failure"))), detail=...)


def _wants_certificate(version: ssl.TLSVersion) -> Make:
    clients = Authority.root("Practice Clients CA")
    return _context(lambda g: client_certificate_context(g.world.identity(g.host), clients, version))


_say("tls12", "tls.client_certificate_required", _wants_certificate(ssl.TLSVersion.TLSv1_2))
_say("tls13", "tls.client_certificate_required", _wants_certificate(ssl.TLSVersion.TLSv1_3))


def _subject(words: str) -> Callable[[Any], bool]:
    return lambda chain: any(words in certificate["subject"] for certificate in chain)


_CHAIN = {"verify_text": ..., "chain": ...}
_MISSING = {"verify_code": 20, "missing": _subject("Test Issuing CA"), "completes": True, "issuer_url": ...}
_say("fetched", "tls.chain_incomplete", _chain("missing_intermediate", fetchable=True), **_MISSING, **_CHAIN)
_UPPER = {"verify_code": 20, "missing": _subject("Test Policy CA"), "completes": True}
_say("upper", "tls.chain_incomplete", _chain("missing_upper_intermediate", fetchable=True), **_UPPER, **_CHAIN)
_say("private", "tls.untrusted_root", _chain("private_root_not_sent"), verify_code=20, **_CHAIN)
_say("sent", "tls.untrusted_root", _chain("private_root_sent"), verify_code=19, **_CHAIN)
_say("own", "tls.self_signed", _chain("self_signed_leaf"), verify_code=18, **_CHAIN)
_say("old", "tls.expired", _chain("expired"), verify_code=10, **_CHAIN)
_say("young", "tls.not_yet_valid", _chain("not_yet_valid"), verify_code=9, **_CHAIN)
_say("above", "tls.intermediate_expired", _chain("intermediate_expired"), verify_code=10, **_CHAIN)
_NAMES = {"names": ["www.other.test", "other.test"], "expected_name": lambda name: name.endswith(".practice.test")}
_say("other", "tls.name_mismatch", _chain("name_mismatch"), verify_code=62, **_NAMES, **_CHAIN)
_say("levels", "tls.name_mismatch", _chain("wildcard_two_levels"), verify_code=62, names=["*.test"])
_say("address", "tls.name_mismatch", _chain("address_only"), verify_code=62, names=["127.0.0.1"])
_say("both", "tls.name_mismatch", _chain("mismatch_and_expired"), verify_code=62, also=["tls.expired"])
_say("client", "tls.wrong_purpose", _chain("wrong_purpose"), verify_code=26, **_CHAIN)
_say("short", "tls.weak_key", _chain("weak_key"), verify_code=66, **_CHAIN)
_say("above", "tls.weak_key", _chain("weak_intermediate_key"), verify_code=67, **_CHAIN)
_say("sha1", "tls.weak_signature", _chain("weak_signature"), verify_code=68, **_CHAIN)
_say("md5", "tls.weak_signature", _chain("md5_signature"), verify_code=68, **_CHAIN)
_say("spoilt", "tls.invalid_chain", _chain("bad_signature"), verify_code=7, **_CHAIN)
_say("no_ca", "tls.invalid_chain", _chain("not_an_authority"), verify_code=79, **_CHAIN)
_say("length", "tls.invalid_chain", _chain("path_too_long"), verify_code=25, **_CHAIN)
_say("constraints", "tls.invalid_chain", _chain("name_constraints"), verify_code=47, **_CHAIN)
_say("order", "tls.chain_order", _chain("out_of_order"), detail="out of order", chain=...)
_say("extra", "tls.chain_order", _chain("extra_certificate"), detail="extra certificate", chain=...)
_say("twice", "tls.chain_order", _chain("duplicates"), detail="duplicate", chain=...)
_say("soon", "tls.expires_soon", _chain("expires_soon"), days=lambda days: days in (9, 10), not_after=...)
