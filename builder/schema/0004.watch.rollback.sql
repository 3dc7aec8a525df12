ALTER TABLE live.site DROP COLUMN check_found, DROP COLUMN checked_at;
