"""What is asked of the bot in a line of text: the words of `handlers.slack.request`, and the command itself. Pure."""

from handlers.slack import request

COMMAND = "/migcheck"


def read_line(text: str, *, group: bool) -> request.Asked | None:
    """A line with the command, or any line in a group; None for what belongs into the dialogue as it is."""
    rest = without_command(text)
    if rest is None and not group:
        return None
    return request.read_request(text if rest is None else rest)


def without_command(text: str) -> str | None:
    """What follows the command; None where the text does not begin with it."""
    return request.without_command(text, COMMAND)
