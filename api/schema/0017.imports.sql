-- What a file brought in at the desk is kept as edits too: which of them came with which file.

ALTER TABLE desk.edit ADD COLUMN import_id bigint;
COMMENT ON COLUMN desk.edit.import_id IS 'The question by which the file was imported that it came with; NULL: it was made by hand.';
