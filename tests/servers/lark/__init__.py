"""A Lark of our own on loopback: strict about tokens, cards, arguments and rates, and played by people."""

from tests.servers.lark.people import Ack, Person
from tests.servers.lark.server import FakeLark
from tests.servers.lark.state import Answer, Posted

__all__ = ["Ack", "Answer", "FakeLark", "Person", "Posted"]
