"""Certificates in DER to facts, with `cryptography`. What cannot be parsed is left out: the verdict is OpenSSL's."""

import functools
import hashlib
import warnings
from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from bot.core.model import CertificateFacts

_PARSE_ERRORS = (
    ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)  # fmt: skip
_MOST = 20


@functools.lru_cache(maxsize=2048)
def load(der: bytes) -> x509.Certificate | None:
    """The certificate, None where it cannot be parsed. Servers of one provider send the same ones again and again."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            certificate = x509.load_der_x509_certificate(der)
            # Parts are read when they are first asked for: what is broken shall show here.
            _ = (certificate.subject, certificate.issuer, certificate.extensions, certificate.signature_algorithm_oid)
            return certificate
    except _PARSE_ERRORS:
        return None


def read_chain(ders: Sequence[bytes]) -> tuple[CertificateFacts, ...]:
    """The chain as sent, in the order in which it was sent."""
    return tuple(facts for i, der in enumerate(ders[:_MOST]) if (facts := describe(der, i)) is not None)


def read_fetched(ders: Iterable[bytes]) -> tuple[CertificateFacts, ...]:
    """Certificates that were not sent, but found where the chain says its issuers are."""
    return tuple(facts for der in ders if (facts := describe(der, -1)) is not None)


@functools.lru_cache(maxsize=2048)
def describe(der: bytes, sent_as: int) -> CertificateFacts | None:
    certificate = load(der)
    if certificate is None:
        return None
    try:
        return CertificateFacts(
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            not_before=certificate.not_valid_before_utc.timestamp(),
            not_after=certificate.not_valid_after_utc.timestamp(),
            key=_key(certificate),
            signature=_signature(certificate),
            names=_names(certificate),
            ca=_is_ca(certificate),
            issuer_urls=issuer_urls(certificate),
            fingerprint=hashlib.sha256(der).hexdigest(),
            sent_as=sent_as,
        )
    except _PARSE_ERRORS:
        return None


def _key(certificate: x509.Certificate) -> str:
    match certificate.public_key():
        case rsa.RSAPublicKey() as key:
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey() as key:
            return f"EC {key.curve.name}"
        case dsa.DSAPublicKey() as key:
            return f"DSA {key.key_size}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
        case _:
            return "unknown"


def _signature(certificate: x509.Certificate) -> str:
    name = getattr(certificate.signature_algorithm_oid, "_name", "") or ""
    return name if name and name != "Unknown OID" else certificate.signature_algorithm_oid.dotted_string


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and addresses of subjectAltName; the common name where there is no subjectAltName at all."""
    try:
        san = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(f"CN={attribute.value!s}" for attribute in common)
    assert isinstance(san, x509.SubjectAlternativeName)
    addresses = (str(address) for address in san.get_values_for_type(x509.IPAddress))
    return (*san.get_values_for_type(x509.DNSName), *addresses)


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def issuer_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """Where the issuer's certificate can be fetched (authority information access, RFC 5280, 4.2.2.1)."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(
        entry.access_location.value
        for entry in access
        if entry.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and isinstance(entry.access_location, x509.UniformResourceIdentifier)
    )


def issued(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether the parent's name and key stand behind the child's signature."""
    try:
        child.verify_directly_issued_by(parent)
    except (InvalidSignature, *_PARSE_ERRORS):
        return False
    return True


def top_of(ders: Sequence[bytes]) -> x509.Certificate | None:
    """The last certificate that can be reached from the leaf through those that were sent."""
    known = [certificate for der in ders if (certificate := load(der)) is not None]
    if not known:
        return None
    top = known[0]
    for _ in known:
        parent = next((c for c in known if c.subject == top.issuer and c is not top and issued(top, c)), None)
        if parent is None or parent == top or parent.subject == top.subject:
            break
        top = parent
    return top


def issuer_found_in(ders: Sequence[bytes], added: Iterable[bytes], anchors: Sequence[bytes]) -> bool:
    """Whether the chain, with `added` certificates, ends at one of the anchors."""
    top = top_of([*ders, *added])
    if top is None:
        return False
    return any(
        (anchor := load(der)) is not None and (anchor == top or issued(top, anchor))
        for der in anchors
        if _same_name(der, top)
    )


def _same_name(der: bytes, child: x509.Certificate) -> bool:
    """A cheap look before parsing: the anchor holds the issuer's name as bytes."""
    return child.issuer.public_bytes() in der
