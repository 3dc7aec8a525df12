-- transactional: false
-- The hourly sweep looks for sessions that nobody has used for long; without this it read the whole table. Built while students go on
-- logging in; one that a killed build left half done is built again.
DROP INDEX CONCURRENTLY IF EXISTS student.session_seen;
CREATE INDEX CONCURRENTLY session_seen ON student.session (seen_at);
