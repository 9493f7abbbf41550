-- From where, how, and what exactly somebody changed.

ALTER TABLE audit ADD COLUMN server        TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN source        TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN auth_method   TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN changed       TEXT NOT NULL DEFAULT '[]';
ALTER TABLE audit ADD COLUMN before_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN after_digest  TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_request ON audit (request_id);
