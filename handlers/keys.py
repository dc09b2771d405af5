"""Keys that open the page of a case's report: each link has one of its own."""

import secrets

from bot.store.store import Store

_BYTES = 16
"""128 bits: nobody guesses a key."""


async def fresh_key(store: Store, case: str) -> str:
    """A new key to a case's report, of which only the hash is kept. The report must be stored. Raises StoreError."""
    key = secrets.token_urlsafe(_BYTES)
    await store.add_report_key(case, key)
    return key
