-- name: current
-- Whose session a token is, and whether this is the database that it was looked at in: the one read that every signed-in
-- request does. One row always. $1 the token's hash.
SELECT found.account_id, found.role, found.revision, found.unseen,
    d.started = pg_postmaster_start_time() AND d.sessions = 'student.session'::regclass AS known
FROM student.database d
LEFT JOIN LATERAL (
    SELECT s.account_id, a.role, a.revision, s.seen_at < now() - interval '1 hour' AS unseen
    FROM student.session s
    JOIN student.account a ON a.id = s.account_id
    WHERE s.token_hash = %(hash)s AND s.expires_at > now() AND s.seen_at > now() - %(idle_s)s * interval '1 second') found ON true

-- name: end_restored
-- After a start of the server or a restored dump: whether the database is from a backup, and then the end of every session.
SELECT student.look_where()

-- name: end_everything
-- Every session, mailed secret and begun log-in of everybody.
SELECT student.end_everything()

-- name: seen
-- Note that a session is in use, at most once an hour.
UPDATE student.session SET seen_at = now() WHERE token_hash = %(hash)s

-- name: begin
-- A new session. The account's revision is none that was given before a restored backup.
WITH lifted AS (
    UPDATE student.account a SET revision = d.least_revision FROM student.database d
    WHERE a.id = %(account_id)s AND a.revision < d.least_revision)
INSERT INTO student.session (token_hash, account_id, expires_at, agent)
VALUES (%(hash)s, %(account_id)s, now() + %(life_s)s * interval '1 second', %(agent)s)

-- name: trim
-- An account keeps its newest sessions; those beyond end.
DELETE FROM student.session WHERE token_hash IN (
    SELECT token_hash FROM student.session WHERE account_id = %(account_id)s ORDER BY seen_at DESC, token_hash OFFSET %(most)s)

-- name: end
-- One session, by its token.
DELETE FROM student.session WHERE token_hash = %(hash)s

-- name: end_tagged
-- One session of an account, by the tag that its list shows.
DELETE FROM student.session
WHERE account_id = %(account_id)s AND left(encode(sha256('tag:'::bytea || token_hash), 'hex'), 16) = %(tag)s

-- name: end_all
-- Every session of an account.
DELETE FROM student.session WHERE account_id = %(account_id)s

-- name: list
-- An account's sessions that hold, the one last seen first.
SELECT token_hash, created_at, seen_at, expires_at, agent
FROM student.session
WHERE account_id = %(account_id)s AND expires_at > now() AND seen_at > now() - %(idle_s)s * interval '1 second'
ORDER BY seen_at DESC, token_hash

-- name: age
-- How old a session is, in seconds.
SELECT extract(epoch FROM now() - created_at)::float8 FROM student.session WHERE token_hash = %(hash)s

-- name: raise_revision
-- Whatever was kept of this student's data is old from here on.
UPDATE student.account SET revision = revision + 1 WHERE id = %(account_id)s RETURNING revision

-- name: sweep
-- Sessions that hold no more, a slice at a time.
DELETE FROM student.session WHERE token_hash IN (
    SELECT token_hash FROM student.session
    WHERE expires_at < now() OR seen_at < now() - %(idle_s)s * interval '1 second' LIMIT %(most)s)
