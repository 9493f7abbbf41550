-- What a provider grants to clients that ask, by its own word: a list of names.

ALTER TABLE oidc_issuers ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]';
