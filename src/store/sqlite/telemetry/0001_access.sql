-- Who used what, and how far each run of each gateway has told.

CREATE TABLE access_events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    gateway     TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    user_name   TEXT    NOT NULL,
    auth_method TEXT    NOT NULL,
    client      TEXT    NOT NULL,
    server      TEXT    NOT NULL,
    method      TEXT    NOT NULL,
    tool        TEXT    NOT NULL,
    decision    TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    status      INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    arguments   TEXT    NOT NULL,
    bytes       INTEGER NOT NULL
) STRICT;
CREATE INDEX access_events_by_time ON access_events (at, id);
CREATE INDEX access_events_by_request ON access_events (request_id);

CREATE TABLE access_runs (
    gateway  TEXT    NOT NULL,
    run      TEXT    NOT NULL,
    sequence INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL,
    PRIMARY KEY (gateway, run)
) STRICT;

CREATE TABLE access_size (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    bytes INTEGER NOT NULL
) STRICT;
INSERT INTO access_size (id, bytes) VALUES (1, 0);

-- 'mcpt': tells our file from anybody else's.
PRAGMA application_id = 1835233396;
