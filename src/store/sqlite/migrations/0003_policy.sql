-- Who may do what: one row, once somebody has written a policy.

CREATE TABLE policy (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    rules      TEXT    NOT NULL,
    version    INTEGER NOT NULL CHECK (version > 0),
    updated_at INTEGER NOT NULL,
    updated_by TEXT    NOT NULL,
    checksum   BLOB    NOT NULL
) STRICT;
