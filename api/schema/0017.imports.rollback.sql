ALTER TABLE desk.edit DROP COLUMN import_id;
