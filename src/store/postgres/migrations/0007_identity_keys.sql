-- Public keys with which gateways sign what servers are told of callers.

CREATE TABLE identity_keys (
    kid     TEXT    COLLATE "C" PRIMARY KEY,
    x       TEXT    NOT NULL,
    y       TEXT    NOT NULL,
    gateway TEXT    NOT NULL,
    seen_at BIGINT  NOT NULL
);
