"""What is asked of the bot in a line of text: the words of `handlers.slack.request`, and the command itself. Pure."""

from handlers.slack.request import Asked, read_request, without_command

COMMAND = "/migcheck"


def read_line(text: str, *, group: bool) -> Asked | None:
    """A line with the command, or any line in a group; None for what belongs into the dialogue as it is."""
    rest = without_command(text, COMMAND)
    if rest is None and not group:
        return None
    return read_request(text if rest is None else rest)
