"""Which protocol a server's first line belongs to: people type the wrong port, and it answers in another language."""

import re

_FIRST_LINES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("ssh", re.compile(rb"SSH-")),
    ("http", re.compile(rb"HTTP/\d|<!DOCTYPE|<html", re.IGNORECASE)),
    ("pop3", re.compile(rb"\+OK|-ERR", re.IGNORECASE)),
    ("managesieve", re.compile(rb'"IMPLEMENTATION"')),
    ("mysql", re.compile(rb".{3}\0\n", re.DOTALL)),  # length, number 0, protocol 10
    ("ftp", re.compile(rb"(?:220|421)[ -](?![^\r\n]*SMTP)[^\r\n]*(?:\bFTP\b(?!\.)|FTPd|FileZilla)", re.IGNORECASE)),
    ("nntp", re.compile(rb"20[01] [^\r\n]*(?:NNTP|news)", re.IGNORECASE)),
    ("imap", re.compile(rb"\* (?:OK|PREAUTH|BYE)\b", re.IGNORECASE)),
    ("lmtp", re.compile(rb"220[ -][^\r\n]*LMTP", re.IGNORECASE)),
    ("smtp", re.compile(rb"(?:220|[45]\d\d)(?:[ -]|\r?\n)")),  # RFC 5321, 4.3.2; RFC 7504
)


def service_of(first: bytes) -> str | None:
    """The protocol that a first line belongs to, None where it is none that is known."""
    return next((name for name, pattern in _FIRST_LINES if pattern.match(first)), None)
