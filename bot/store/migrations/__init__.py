"""Alembic's migrations, run by the program itself when a store is opened."""

REVISION = "0003"
"""The newest revision in versions/. Known without Alembic, which takes long to import and is seldom needed."""
