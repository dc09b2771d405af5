"""migcheck: why logging in to the old mail service fails, which step it is, and who does what about it."""

__version__ = "0.1.0"
