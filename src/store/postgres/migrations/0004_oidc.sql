-- What is known of identity providers, sessions that began there, and who was logged out there.

CREATE TABLE oidc_issuers (
    issuer     TEXT    COLLATE "C" PRIMARY KEY,
    keys_url   TEXT    NOT NULL,
    keys       TEXT    NOT NULL,
    fetched_at BIGINT  NOT NULL
);

CREATE TABLE oidc_sessions (
    id_hash    BYTEA   PRIMARY KEY,
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    sid        TEXT    NOT NULL,
    username   TEXT    NOT NULL,
    group_names TEXT    NOT NULL,
    id_token   BYTEA   NOT NULL,
    checksum   BYTEA   NOT NULL
);
CREATE INDEX oidc_sessions_by_subject ON oidc_sessions (issuer, subject);
CREATE INDEX oidc_sessions_by_sid ON oidc_sessions (issuer, sid);

CREATE TABLE oidc_logouts (
    name    TEXT    COLLATE "C" PRIMARY KEY,
    at      BIGINT  NOT NULL,
    ends_at BIGINT  NOT NULL
);

CREATE TABLE oidc_used (
    id      BYTEA   PRIMARY KEY,
    ends_at BIGINT  NOT NULL
);
