"""Mail, name and web servers of the project's own, on loopback: for the tests and for `make demo`.

Scripted ones follow a frozen script and keep a transcript; `dovecot.py` and `postfix.py` run the real ones.
Every server is an asynchronous context manager and leaves nothing behind.
"""
