"""All SQL of the store.

`events` is the log, the rest is what it folds into and what stands beside it; one transaction writes both.
"""

from __future__ import annotations

APPLICATION_ID = 0x70_6C_73_74
"""`plst`: marks the file as ours."""

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE events (
    seq  INTEGER PRIMARY KEY,
    run  TEXT,
    type TEXT NOT NULL,
    time TEXT NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX events_of_run ON events (run, type, seq);

CREATE TABLE runs (
    id      TEXT PRIMARY KEY,
    created INTEGER NOT NULL,
    ended   INTEGER NOT NULL,
    state   BLOB NOT NULL
);
CREATE INDEX runs_by_age ON runs (created);
CREATE INDEX runs_active ON runs (created) WHERE ended = 0;

CREATE TABLE producers (
    run      TEXT NOT NULL,
    producer TEXT NOT NULL,
    attempt  INTEGER NOT NULL,
    last_n   INTEGER NOT NULL,
    PRIMARY KEY (run, producer)
) WITHOUT ROWID;

CREATE TABLE run_tokens (
    run    TEXT PRIMARY KEY,
    digest TEXT NOT NULL
) WITHOUT ROWID;
"""
"""Version 1. `meta` holds `generation`, `oldest` and, while a server with durability `normal` is up, `boot`."""

GET_META = "SELECT value FROM meta WHERE key = ?"
SET_META = "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
DELETE_META = "DELETE FROM meta WHERE key = ?"

# With every event trimmed the newest seq is the one before `oldest`, so that no seq is ever given twice.
TAIL = "SELECT coalesce((SELECT max(seq) FROM events), (SELECT value - 1 FROM meta WHERE key = 'oldest'))"
OLDEST = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'oldest'"

INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?)"
TRIM_EVENTS = "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq < ? ORDER BY seq LIMIT ?)"

UPSERT_RUN = """
INSERT INTO runs VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET ended = excluded.ended, state = excluded.state
"""
GET_RUN = "SELECT state FROM runs WHERE id = ?"
NEWEST_RUNS = "SELECT state FROM runs ORDER BY created DESC LIMIT ?"
ACTIVE_RUNS = "SELECT state FROM runs WHERE ended = 0 ORDER BY created"
COUNT_RUNS = "SELECT count(*) FROM runs"

GET_PRODUCERS = "SELECT producer, attempt, last_n FROM producers WHERE run = ?"
UPSERT_PRODUCER = """
INSERT INTO producers VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET attempt = excluded.attempt, last_n = excluded.last_n
"""

GET_TOKEN = "SELECT digest FROM run_tokens WHERE run = ?"
UPSERT_TOKEN = "INSERT INTO run_tokens VALUES (?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest"

# A filter looks at one window of seqs by the primary key: the cost of a page has a bound however rare a match is.
# (The index over runs is not in seq order, so it would read the whole run for each page.)
READ_WINDOW = """
SELECT seq, run, type, time, data FROM events NOT INDEXED
WHERE seq > :after AND seq <= :upto{conditions}
ORDER BY seq LIMIT :limit
"""

RUN_EVENTS = """
SELECT seq, run, type, time, data FROM events
WHERE run = ? AND type = ? AND seq >= ? AND seq < ?
ORDER BY seq DESC LIMIT ?
"""
