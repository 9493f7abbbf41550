-- Credentials of other people's gateways, by the hash of their text.

CREATE TABLE gateways (
    name       TEXT    PRIMARY KEY,
    id         TEXT    NOT NULL,
    -- SHA-256.
    key_hash   BLOB    NOT NULL UNIQUE,
    sends_body INTEGER NOT NULL CHECK (sends_body IN (0, 1)),
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    checksum   BLOB    NOT NULL
) STRICT;
