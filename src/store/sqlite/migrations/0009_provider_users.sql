-- Users of identity providers as they last logged in: what their API keys stand for follows.

CREATE TABLE oidc_users (
    provider    TEXT NOT NULL,
    subject     TEXT NOT NULL,
    username    TEXT    NOT NULL,
    group_names TEXT    NOT NULL,
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (provider, subject)
) STRICT;
