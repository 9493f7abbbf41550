-- Whose a token is, by the stable name; API keys beside tokens; accounts of programs.

ALTER TABLE tokens ADD COLUMN provider TEXT NOT NULL DEFAULT 'local';
ALTER TABLE tokens ADD COLUMN subject TEXT NOT NULL DEFAULT '';
UPDATE tokens SET subject = username;
-- SHA-256 of an API key; nothing for a signed token.
ALTER TABLE tokens ADD COLUMN key_hash BLOB;
ALTER TABLE tokens ADD COLUMN group_names TEXT NOT NULL DEFAULT '[]';
-- Whether it has all rights of its owner, as they are at each moment.
ALTER TABLE tokens ADD COLUMN inherits INTEGER NOT NULL DEFAULT 0 CHECK (inherits IN (0, 1));
DROP INDEX tokens_by_user;
CREATE INDEX tokens_by_owner ON tokens (provider, subject, created_at);
CREATE UNIQUE INDEX tokens_by_hash ON tokens (key_hash);
CREATE INDEX sessions_by_user ON sessions (username, provider);

CREATE TABLE service_accounts (
    name        TEXT    PRIMARY KEY,
    description TEXT    NOT NULL,
    group_names TEXT    NOT NULL,
    scopes      TEXT    NOT NULL,
    disabled    INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    checksum    BLOB    NOT NULL
) STRICT;
