import ssl
from dataclasses import dataclass

import pytest

from tests.servers.certs import Authority, Identity


@dataclass(frozen=True, slots=True)
class Trust:
    """A root, an identity under it for 127.0.0.1 and localhost, and a client that trusts it."""

    root: Authority
    identity: Identity
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def trust() -> Trust:
    root = Authority.root()
    identity = root.intermediate().issue("localhost", "127.0.0.1")
    client = ssl.create_default_context(cadata=root.pem.decode())
    client.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's Python leaves this to OpenSSL's configuration
    return Trust(root, identity, client)
