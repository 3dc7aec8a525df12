-- transactional: false
-- All edits of one file are sought at once, to be taken back. Built while editors go on; one that a killed build left half done is built again.
DROP INDEX CONCURRENTLY IF EXISTS desk.edit_import;
CREATE INDEX CONCURRENTLY edit_import ON desk.edit (import_id, id) WHERE import_id IS NOT NULL;
