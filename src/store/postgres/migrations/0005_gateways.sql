-- Credentials of other people's gateways, by the hash of their text.

CREATE TABLE gateways (
    name       TEXT    COLLATE "C" PRIMARY KEY,
    id         TEXT    NOT NULL,
    -- SHA-256.
    key_hash   BYTEA   NOT NULL UNIQUE,
    sends_body BIGINT  NOT NULL CHECK (sends_body IN (0, 1)),
    created_at BIGINT  NOT NULL,
    created_by TEXT    NOT NULL,
    checksum   BYTEA   NOT NULL
);
