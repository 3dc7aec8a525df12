-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS desk.edit_import;
