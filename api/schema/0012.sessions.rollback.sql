-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS student.session_seen;
