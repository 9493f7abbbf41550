-- When an API key was last used, to the hour; nothing where that was not seen.

ALTER TABLE tokens ADD COLUMN last_used_at INTEGER;
