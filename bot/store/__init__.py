"""What outlives a process: cases, dialogue, reports, offers. SQLite by default, PostgreSQL where machines share it.

`bot.store.store` has the Store and `open_store`; `bot.store.keeping` is the short way for the terminal's checks.
"""
