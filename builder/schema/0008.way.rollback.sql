ALTER TABLE live.release DROP COLUMN purged_at, DROP COLUMN rendered_at;
