"""What is asked of the bot in a line of text: the words of `handlers.asked`, and the command itself. Pure."""

from handlers import asked

COMMAND = "/migcheck"


def read_line(text: str, *, group: bool) -> asked.Asked | None:
    """A line with the command, or any line in a group; None for what belongs into the dialogue as it is."""
    rest = without_command(text)
    if rest is None and not group:
        return None
    return asked.read_request(text if rest is None else rest)


def own_words(text: str) -> str:
    """What of a line the person has put in words: without the command and its verb, which tell no language."""
    rest = without_command(text)
    line = asked.read_request(text if rest is None else rest)
    return line.text if line.kind == "explain" else text if rest is None else rest


def without_command(text: str) -> str | None:
    """What follows the command; None where the text does not begin with it."""
    return asked.without_command(text, COMMAND)
