-- Text sorts by its bytes, as in SQLite.
-- Times are seconds since the Unix epoch, flags are 0 or 1, lists are JSON.

CREATE TABLE cluster (
    id         BIGINT  PRIMARY KEY CHECK (id = 1),
    cluster_id TEXT    NOT NULL,
    revision   BIGINT  NOT NULL CHECK (revision >= 0),
    -- Every commit that wrote, those without a new revision too.
    commits    BIGINT  NOT NULL CHECK (commits >= 0),
    created_at BIGINT  NOT NULL
);

-- A known text, sealed: tells at start whether this process has the right key.
CREATE TABLE canary (
    id     BIGINT  PRIMARY KEY CHECK (id = 1),
    sealed BYTEA   NOT NULL
);

CREATE TABLE servers (
    path       TEXT    COLLATE "C" PRIMARY KEY,
    definition TEXT    NOT NULL,
    headers    BYTEA,
    version    BIGINT  NOT NULL CHECK (version >= 0),
    created_at BIGINT  NOT NULL,
    created_by TEXT    NOT NULL,
    updated_at BIGINT  NOT NULL,
    updated_by TEXT    NOT NULL,
    checksum   BYTEA   NOT NULL
);

CREATE TABLE tokens (
    id          TEXT    COLLATE "C" PRIMARY KEY,
    username    TEXT    NOT NULL,
    description TEXT    NOT NULL,
    scopes      TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    expires_at  BIGINT  NOT NULL,
    revoked_at  BIGINT
);
CREATE INDEX tokens_by_user ON tokens (username, created_at);
CREATE INDEX tokens_by_end ON tokens (expires_at);

CREATE TABLE sessions (
    id_hash    BYTEA   PRIMARY KEY,
    username   TEXT    NOT NULL,
    provider   TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    seen_at    BIGINT  NOT NULL
);

CREATE TABLE keys (
    name    TEXT    COLLATE "C" NOT NULL,
    version BIGINT  NOT NULL,
    sealed  BYTEA   NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE imports (
    file TEXT COLLATE "C" PRIMARY KEY,
    hash BYTEA NOT NULL,
    path TEXT NOT NULL
);

CREATE TABLE users (
    username      TEXT    COLLATE "C" PRIMARY KEY,
    password_hash TEXT    NOT NULL,
    group_names   TEXT    NOT NULL,
    disabled      BIGINT  NOT NULL CHECK (disabled IN (0, 1)),
    updated_at    BIGINT  NOT NULL,
    checksum      BYTEA   NOT NULL
);

CREATE TABLE audit (
    id         BIGINT  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at         BIGINT  NOT NULL,
    actor      TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    request_id TEXT    NOT NULL
);
