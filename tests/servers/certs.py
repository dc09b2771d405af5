"""Certificates made to measure, with any fault a mail server can have.

    root = Authority.root()
    ours = root.intermediate("Issuing CA").issue("imap.example.test")
    context = ours.server_context()

Keys are made once a process and kind (they protect nothing). `chains.py` holds the ready-made faults.
"""

import datetime as dt
import functools
import ipaddress
import ssl
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import idna
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

KeyKind = Literal["ec", "rsa2048", "rsa1024"]
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Signature = Literal["sha256", "sha1", "md5"]
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH

# DER of sha256WithRSAEncryption and its weak relatives (RFC 8017, appendix A.2.4): same length, so they swap in place.
_RSA_SHA256 = bytes.fromhex("2a864886f70d01010b")
_WEAK = {
    "sha1": (bytes.fromhex("2a864886f70d010105"), hashes.SHA1()),
    "md5": (bytes.fromhex("2a864886f70d010104"), hashes.MD5()),
}


@functools.cache
def make_key(kind: KeyKind = "ec", label: str = "") -> Key:
    """The process's key of this kind and label."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 2048 if kind == "rsa2048" else 1024)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Validity:
    """When a certificate holds, in days from now; negative is the past."""

    since: float = -30
    until: float = 300


EXPIRED = Validity(-400, -3)
NOT_YET = Validity(3, 400)
SOON = Validity(-80, 10)


@dataclass(frozen=True, slots=True)
class Identity:
    """A key and the certificates that a server sends for it, leaf first."""

    chain: tuple[x509.Certificate, ...]
    key: Key

    @property
    def leaf(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def chain_pem(self) -> bytes:
        return b"".join(pem(certificate) for certificate in self.chain)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sending(self, *certificates: x509.Certificate) -> "Identity":
        """The same key with another chain on the wire; the leaf must come first."""
        return replace(self, chain=certificates)

    def broken(self) -> "Identity":
        """The same chain with a leaf whose signature does not fit."""
        return self.sending(spoil(self.leaf), *self.chain[1:])

    def server_context(
        self,
        *,
        minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        maximum: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
        ciphers: str = "",
        level: int = 0,
        clients: "Authority | None" = None,
    ) -> ssl.SSLContext:
        """A context for a server; `ciphers` count below TLS 1.3, `clients` demands a client certificate from them.

        OpenSSL's security level is 0 unless told, so that keys and signatures a sound server refuses can be served.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(f"{ciphers or 'DEFAULT'}:@SECLEVEL={level}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old versions are the point
            context.minimum_version, context.maximum_version = minimum, maximum
        with tempfile.TemporaryDirectory(prefix="migcheck-cert-") as folder:
            certificate, key = self.write(Path(folder))
            context.load_cert_chain(certificate, key)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=clients.pem.decode())
        return context

    def write(self, folder: Path, name: str = "server") -> tuple[Path, Path]:
        """Write NAME.crt (the chain) and NAME.key into a folder."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.chain_pem)
        key.touch(mode=0o600)
        key.write_bytes(self.key_pem)
        return certificate, key


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority; `above` are the intermediates between it and its root, nearest first."""

    certificate: x509.Certificate
    key: Key
    above: tuple[x509.Certificate, ...] = ()
    is_root: bool = False
    aia: str = ""

    @property
    def pem(self) -> bytes:
        return pem(self.certificate)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def path(self) -> tuple[x509.Certificate, ...]:
        """What a complete chain holds above the leaf: this one and those above, without the root."""
        return () if self.is_root else (self.certificate, *self.above)

    def reachable_at(self, url: str) -> "Authority":
        """This authority, naming itself at a URL (AIA caIssuers) in what it issues."""
        return replace(self, aia=url)

    @classmethod
    def root(
        cls,
        name: str = "Test Root CA",
        *,
        key: KeyKind = "ec",
        validity: Validity = Validity(-700, 3000),
        signature: Signature = "sha256",
    ) -> "Authority":
        own, subject = make_key(key, name), _subject(name)
        builder = _start(subject, subject, own, validity)
        for extension, critical in _authority_extensions(own, ca=True, path_length=None):
            builder = builder.add_extension(extension, critical)
        return cls(_sign(builder, own, signature), own, is_root=True)

    def intermediate(
        self,
        name: str = "Test Issuing CA",
        *,
        key: KeyKind = "ec",
        validity: Validity = Validity(-300, 1500),
        ca: bool = True,
        path_length: int | None = None,
        permitted: Sequence[str] = (),
        signature: Signature = "sha256",
    ) -> "Authority":
        """An authority below; the same name and kind from two roots gives two cross-signed certificates of one key."""
        own = make_key(key, name)
        builder = self._start(_subject(name), own, validity)
        for extension, critical in _authority_extensions(own, ca=ca, path_length=path_length):
            builder = builder.add_extension(extension, critical)
        if permitted:
            names = [x509.DNSName(suffix) for suffix in permitted]
            builder = builder.add_extension(x509.NameConstraints(names, None), critical=True)
        return Authority(_sign(builder, self.key, signature), own, self.path)

    def issue(
        self,
        *names: str,
        key: KeyKind = "ec",
        validity: Validity = Validity(),
        common_name: str = "",
        purposes: Sequence[ObjectIdentifier] = (SERVER,),
        signature: Signature = "sha256",
    ) -> Identity:
        """A leaf for DNS names or IP addresses, with its complete chain; without names it has a CN and no SAN."""
        own = make_key(key, "leaf")
        builder = self._start(_subject(common_name or (names[0] if names else "unnamed")), own, validity)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_name(n) for n in names]), critical=False)
        return Identity((_sign(builder, self.key, signature), *self.path), own)

    def _start(self, subject: x509.Name, own: Key, validity: Validity) -> x509.CertificateBuilder:
        builder = _start(subject, self.certificate.subject, own, validity)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        if self.aia:
            place = x509.UniformResourceIdentifier(self.aia)
            access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        return builder


def self_signed(*names: str, validity: Validity = Validity(), key: KeyKind = "ec") -> Identity:
    """A server's certificate that nobody but itself signed."""
    own, subject = make_key(key, "self"), _subject(names[0])
    builder = _start(subject, subject, own, validity)
    builder = builder.add_extension(x509.SubjectAlternativeName([_name(n) for n in names]), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([SERVER]), critical=False)
    return Identity((_sign(builder, own, "sha256"),), own)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def spoil(certificate: x509.Certificate) -> x509.Certificate:
    """The certificate with the last byte of its signature turned."""
    der = bytearray(certificate.public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_certificate(bytes(der))


def _subject(name: str) -> x509.Name:
    short = name if len(name) <= 64 else name[:64]  # X.520 ends a common name there
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, short)])


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text if text.isascii() else idna.encode(text).decode())


def _start(subject: x509.Name, issuer: x509.Name, own: Key, validity: Validity) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() + dt.timedelta(days=validity.since))
        .not_valid_after(now() + dt.timedelta(days=validity.until))
    )


def _authority_extensions(own: Key, *, ca: bool, path_length: int | None) -> list[tuple[x509.ExtensionType, bool]]:
    return [
        (x509.BasicConstraints(ca=ca, path_length=path_length if ca else None), True),
        (x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False),
    ]


def _sign(builder: x509.CertificateBuilder, key: Key, signature: Signature) -> x509.Certificate:
    certificate = builder.sign(key, hashes.SHA256())
    if signature == "sha256":
        return certificate
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("weak signatures are made with RSA authorities only")
    return _sign_weakly(certificate, key, signature)


def _sign_weakly(certificate: x509.Certificate, key: rsa.RSAPrivateKey, signature: Signature) -> x509.Certificate:
    """Sign again with SHA-1 or MD5, which the library's own builder no longer does."""
    weak, digest = _WEAK[signature]
    content = certificate.tbs_certificate_bytes.replace(_RSA_SHA256, weak, 1)
    signed = key.sign(content, padding.PKCS1v15(), digest)
    algorithm = _tlv(0x30, _tlv(0x06, weak) + b"\x05\x00")
    return x509.load_der_x509_certificate(_tlv(0x30, content + algorithm + _tlv(0x03, b"\x00" + signed)))


def _tlv(tag: int, content: bytes) -> bytes:
    """One DER element (X.690, 8.1)."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content
