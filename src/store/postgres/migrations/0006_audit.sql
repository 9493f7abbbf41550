-- From where, how, and what exactly somebody changed.

ALTER TABLE audit ADD COLUMN server        TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN source        TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN auth_method   TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN changed       TEXT NOT NULL DEFAULT '[]';
ALTER TABLE audit ADD COLUMN before_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN after_digest  TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_request ON audit (request_id);

-- Who used what, and how far each run of each gateway has told.

CREATE TABLE access_events (
    id          BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at          BIGINT NOT NULL,
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
    status      BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    count       BIGINT NOT NULL,
    arguments   TEXT    NOT NULL,
    bytes       BIGINT NOT NULL
);
CREATE INDEX access_events_by_time ON access_events (at, id);
CREATE INDEX access_events_by_request ON access_events (request_id);

CREATE TABLE access_runs (
    gateway  TEXT    NOT NULL,
    run      TEXT    NOT NULL,
    sequence BIGINT NOT NULL,
    seen_at  BIGINT NOT NULL,
    PRIMARY KEY (gateway, run)
);

CREATE TABLE access_size (
    id    BIGINT PRIMARY KEY CHECK (id = 1),
    bytes BIGINT NOT NULL
);
INSERT INTO access_size (id, bytes) VALUES (1, 0);
