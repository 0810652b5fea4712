"""The embedded store: one SQLite file."""

from .log import SqliteLog

__all__ = ["SqliteLog"]
