-- What is known of identity providers, sessions that began there, and who was logged out there.

CREATE TABLE oidc_issuers (
    issuer     TEXT    PRIMARY KEY,
    keys_url   TEXT    NOT NULL,
    keys       TEXT    NOT NULL,
    fetched_at INTEGER NOT NULL
) STRICT;

CREATE TABLE oidc_sessions (
    id_hash    BLOB    PRIMARY KEY,
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    sid        TEXT    NOT NULL,
    username   TEXT    NOT NULL,
    group_names TEXT    NOT NULL,
    id_token   BLOB    NOT NULL,
    checksum   BLOB    NOT NULL
) STRICT;
CREATE INDEX oidc_sessions_by_subject ON oidc_sessions (issuer, subject);
CREATE INDEX oidc_sessions_by_sid ON oidc_sessions (issuer, sid);

CREATE TABLE oidc_logouts (
    name    TEXT    PRIMARY KEY,
    at      INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT;

CREATE TABLE oidc_used (
    id      BLOB    PRIMARY KEY,
    ends_at INTEGER NOT NULL
) STRICT;
