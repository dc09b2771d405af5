"""Every crafted chain gets from OpenSSL's own command the code that is promised for it."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.servers.certs import Authority
from tests.servers.chains import RECIPES, Site, craft
from tests.servers.imap import ImapScript, ImapServer

HOST = "imap.mail.example.test"


@pytest.fixture(scope="session")
def root() -> Authority:
    return Authority.root()


async def ask_openssl(port: int, anchors: Path, host: str) -> tuple[int, str]:
    """The verify code that `openssl s_client` ends with, and all it printed."""
    process = await asyncio.create_subprocess_exec(
        "openssl",
        *("s_client", "-connect", f"127.0.0.1:{port}", "-servername", host, "-verify_hostname", host),
        *("-CAfile", str(anchors), "-no-CApath", "-no-CAstore", "-verify_return_error", "-purpose", "sslserver"),
        *("-cipher", "DEFAULT:@SECLEVEL=2"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out = (await asyncio.wait_for(process.communicate(), 10))[0].decode(errors="replace")
    failed = re.search(r"verify error:num=(\d+):", out)
    passed = re.search(r"Verify return code: (\d+)", out)
    found = failed or passed
    assert found, out
    return int(found[1]), out


@pytest.mark.parametrize("fault", RECIPES)
async def test_openssl_agrees(fault: str, root: Authority, tmp_path: Path) -> None:
    anchors = tmp_path / "root.pem"
    anchors.write_bytes(root.pem)
    made = craft(fault, Site(root, HOST))
    async with ImapServer(ImapScript(identity=made.identity)) as server:
        code, out = await ask_openssl(server.port, anchors, HOST)
    assert code == made.code, out
