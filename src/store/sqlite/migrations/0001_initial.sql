-- Times are seconds since the Unix epoch, flags are 0 or 1, lists are JSON.

CREATE TABLE cluster (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    cluster_id TEXT    NOT NULL,
    revision   INTEGER NOT NULL CHECK (revision >= 0),
    -- Every commit that wrote, those without a new revision too.
    commits    INTEGER NOT NULL CHECK (commits >= 0),
    created_at INTEGER NOT NULL
) STRICT;

-- A known text, sealed: tells at start whether this process has the right key.
CREATE TABLE canary (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB    NOT NULL
) STRICT;

CREATE TABLE servers (
    path       TEXT    PRIMARY KEY,
    definition TEXT    NOT NULL,
    headers    BLOB,
    version    INTEGER NOT NULL CHECK (version >= 0),
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT    NOT NULL,
    checksum   BLOB    NOT NULL
) STRICT;

CREATE TABLE tokens (
    id          TEXT    PRIMARY KEY,
    username    TEXT    NOT NULL,
    description TEXT    NOT NULL,
    scopes      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;
CREATE INDEX tokens_by_user ON tokens (username, created_at);
CREATE INDEX tokens_by_end ON tokens (expires_at);

CREATE TABLE sessions (
    id_hash    BLOB    PRIMARY KEY,
    username   TEXT    NOT NULL,
    provider   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE keys (
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    sealed  BLOB    NOT NULL,
    PRIMARY KEY (name, version)
) STRICT;

CREATE TABLE imports (
    file TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    path TEXT NOT NULL
) STRICT;

CREATE TABLE users (
    username      TEXT    PRIMARY KEY,
    password_hash TEXT    NOT NULL,
    group_names   TEXT    NOT NULL,
    disabled      INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    updated_at    INTEGER NOT NULL,
    checksum      BLOB    NOT NULL
) STRICT;

CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    request_id TEXT    NOT NULL
) STRICT;

-- 'mcpr': tells our file from anybody else's.
PRAGMA application_id = 1835233394;
