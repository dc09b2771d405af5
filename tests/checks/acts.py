"""Acts of hostile servers that first speak a mail protocol up to STARTTLS."""

from bot.core.model import Service
from tests.servers.hostile import Act, Victim

_GREETINGS = {"imap": b"* OK ready\r\n", "smtp": b"220 practice ESMTP\r\n", "pop": b"+OK ready\r\n"}


def behind_starttls(service: Service, act: Act) -> Act:
    """The act, once the client has asked for STARTTLS and was told to go on."""

    async def whole(victim: Victim) -> None:
        await victim.send(_GREETINGS[service])
        while not await _answer(service, victim):
            pass
        await act(victim)

    return whole


async def _answer(service: Service, victim: Victim) -> bool:
    """Answer one command; whether it was STARTTLS."""
    line = (await victim.receive()).decode().strip()
    tag, _, command = line.partition(" ") if service == "imap" else ("", "", line)
    word = command.split()[0].upper() if command else ""
    if word in ("STARTTLS", "STLS"):
        ready = {"imap": f"{tag} OK go on", "smtp": "220 go on", "pop": "+OK go on"}[service]
        await victim.send(ready.encode() + b"\r\n")
        return True
    offer = {
        "imap": f"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n{tag} OK done",
        "smtp": "250-practice\r\n250-STARTTLS\r\n250 AUTH PLAIN",
        "pop": "+OK\r\nSTLS\r\nUSER\r\n.",
    }[service]
    await victim.send(offer.encode() + b"\r\n")
    return False
