"""Mail servers with log-in for the people of the benchmarks, in a process of their own.

    python -m benchmarks.town COUNT FOLDER

Names as in `crowd.py`; person n may log in as `pN@dN.test` with SECRET. Ends with standard input.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from benchmarks.crowd import ADDRESS, NAMES, NameServer, zone
from tests.servers.certs import Authority
from tests.servers.imap import ImapScript, ImapServer
from tests.servers.smtp import SmtpScript, SmtpServer

SECRET = "practice"
HOSTS = 400
"""So many that no host comes near the limit of probes in an hour (60): each person's two checks count for theirs."""


def domain_of(number: int) -> str:
    return f"d{number:05}.test"


def account_of(number: int) -> str:
    return f"p{number}@{domain_of(number)}"


async def main(count: int, folder: Path) -> None:
    root = Authority.root()
    (folder / "root.pem").write_bytes(root.pem)
    identity = root.intermediate().issue("*.crowd.test")
    accounts = {account_of(number): SECRET for number in range(count)}
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: NameServer(zone(count, 0, HOSTS)), local_addr=(NAMES, 53535))
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(ImapServer(ImapScript(identity=identity, accounts=accounts), ADDRESS, 993))
        await stack.enter_async_context(SmtpServer(SmtpScript(identity=identity, accounts=accounts), ADDRESS, 465))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
