-- Who may do what: one row, once somebody has written a policy.

CREATE TABLE policy (
    id         BIGINT  PRIMARY KEY CHECK (id = 1),
    rules      TEXT    NOT NULL,
    version    BIGINT  NOT NULL CHECK (version > 0),
    updated_at BIGINT  NOT NULL,
    updated_by TEXT    NOT NULL,
    checksum   BYTEA   NOT NULL
);
