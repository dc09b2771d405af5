"""A Slack for tests: its Web API, Socket Mode, and people who use it. Strict, so that what passes here passes there."""

from tests.servers.slack.people import Person
from tests.servers.slack.server import FakeSlack
from tests.servers.slack.state import Answer, Call, Posted

__all__ = ["Answer", "Call", "FakeSlack", "Person", "Posted"]
