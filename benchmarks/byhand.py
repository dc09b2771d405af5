"""The same work as a person does it: `python -m benchmarks.byhand "in turn"|together` prints the seconds it took.

`dig` for the addresses, `openssl s_client` for the certificates, `curl` for greeting, capabilities and log-in.
"""

import os
import shutil
import subprocess
import sys
import time

from benchmarks.serving import ACCOUNT, DOMAINS, NAMES, PASSWORD

DOMAIN = "hosts.test"
ADDRESS, IMAP, SMTP, _ = DOMAINS[DOMAIN]


def is_possible() -> bool:
    return all(shutil.which(tool) for tool in ("dig", "openssl", "curl"))


def questions() -> list[list[str]]:
    return [["dig", f"@{NAMES}", "+short", name, kind] for name in (IMAP, SMTP) for kind in ("A", "AAAA")]


def sessions(ca_file: str) -> list[list[str]]:
    commands = []
    for name, port, request in ((IMAP, 993, "EXAMINE INBOX"), (SMTP, 465, "NOOP")):
        scheme = "imaps" if port == 993 else "smtps"
        commands += [
            ["openssl", "s_client", "-connect", f"{ADDRESS}:{port}", "-servername", name, "-verify_hostname", name,
             "-verify_return_error", "-CAfile", ca_file, "-quiet", "-no_ign_eof"],
            ["curl", "--silent", "--show-error", "--cacert", ca_file, "--resolve", f"{name}:{port}:{ADDRESS}",
             "--request", request, "--url", f"{scheme}://{name}:{port}/", "--config", "-"],
        ]  # fmt: skip
    return commands


def start(command: list[str]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ
    )
    assert process.stdin is not None
    if command[0] == "curl":
        process.stdin.write(f'user = "{ACCOUNT.format(domain=DOMAIN)}:{PASSWORD}"\n'.encode())
    process.stdin.close()
    return process


def finish(process: "subprocess.Popen[bytes]") -> None:
    assert process.stderr is not None
    words = process.stderr.read().decode()
    if process.wait():
        raise RuntimeError(f"{process.args!r}: {words}")


def work(*, together: bool) -> float:
    begun = time.perf_counter()
    for commands in (questions(), sessions(os.environ["MIGCHECK_NETWORK__CA_FILE"])):
        if together:
            for process in [start(command) for command in commands]:
                finish(process)
        else:
            for command in commands:
                finish(start(command))
    return time.perf_counter() - begun


if __name__ == "__main__":
    print(work(together=sys.argv[1] == "together"))
