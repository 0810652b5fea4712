"""The file: its connections, its schema, and the life that its generation names."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal

from pulsetrain.model.errors import DataFolderUnusable
from pulsetrain.model.ids import new_generation

from . import sql

Durability = Literal["full", "normal"]
"""`full` syncs each commit to the disk; `normal` may lose the last commits in a power cut, never in a crash."""

_SYNCHRONOUS = {"full": "FULL", "normal": "NORMAL"}
_CHECKPOINT_PAGES = 2000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def open_writer(path: Path, durability: Durability) -> sqlite3.Connection:
    """The one connection that writes; makes the schema in a new file.

    Raises DataFolderUnusable when the file is not ours, of another version, or cannot be written.
    """
    try:
        connection = _connect(path)
        try:
            _prepare(connection, path, durability)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as problem:
        raise DataFolderUnusable(
            f"The log {path} cannot be opened: {problem}.",
            hint="Check the file and the rights on its folder, or choose another data folder.",
        ) from problem
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can only read; it is used by one thread at a time."""
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA cache_size = -16000")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, durability: Durability) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if not empty and mark != sql.APPLICATION_ID:
        raise DataFolderUnusable(f"{path} is a database of another program.", hint="Choose another data folder.")
    if not empty and version != sql.SCHEMA_VERSION:
        raise DataFolderUnusable(
            f"{path} has schema version {version}, and this pulsetrain knows version {sql.SCHEMA_VERSION}.",
            hint="Use the version of pulsetrain that wrote it, or choose another data folder.",
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute("BEGIN IMMEDIATE")
    if empty:
        _create(connection)
    _new_life_after_power_cut(connection)
    if durability == "normal":
        connection.execute(sql.SET_META, ("boot", _boot_id()))
    connection.execute("COMMIT")


def _create(connection: sqlite3.Connection) -> None:
    for statement in sql.SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(sql.SET_META, ("generation", new_generation()))
    connection.execute(sql.SET_META, ("oldest", "1"))
    connection.execute(f"PRAGMA application_id = {sql.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {sql.SCHEMA_VERSION}")


def _new_life_after_power_cut(connection: sqlite3.Connection) -> None:
    """Under `normal`, a machine that went down with the server up may have taken acknowledged events with it."""
    row = connection.execute(sql.GET_META, ("boot",)).fetchone()
    if row is None:
        return
    if row[0] != _boot_id():
        connection.execute(sql.SET_META, ("generation", new_generation()))
    connection.execute(sql.DELETE_META, ("boot",))


def close_writer(connection: sqlite3.Connection) -> None:
    """Close it in order: nothing that was acknowledged is open any more."""
    try:
        if connection.execute(sql.GET_META, ("boot",)).fetchone() is not None:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(sql.DELETE_META, ("boot",))
    finally:
        connection.close()


def _boot_id() -> str:
    """What changes when the machine starts anew; where that is unknown, every unclean end counts as a power cut."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return new_generation()
