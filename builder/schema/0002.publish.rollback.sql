DROP TABLE live.receipt, live.debt, live.set_aside, live.retained, live.list_end;
ALTER TABLE live.site DROP COLUMN horizon, DROP COLUMN held_at;
ALTER TABLE live.release
    DROP COLUMN held_back, DROP COLUMN purged, DROP COLUMN changes, DROP COLUMN cause, ADD COLUMN made_of bytea;
ALTER TABLE live.object DROP COLUMN etag, DROP COLUMN unit;
