-- name: current
-- Whose session a token is: the one read that every signed-in request does. $1 the token's hash.
SELECT s.account_id, a.role, a.revision, s.seen_at < now() - interval '1 hour' AS unseen
FROM student.session s
JOIN student.account a ON a.id = s.account_id
WHERE s.token_hash = %(hash)s AND s.expires_at > now() AND s.seen_at > now() - %(idle_s)s * interval '1 second'

-- name: seen
-- Note that a session is in use, at most once an hour.
UPDATE student.session SET seen_at = now() WHERE token_hash = %(hash)s

-- name: begin
-- A new session.
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
