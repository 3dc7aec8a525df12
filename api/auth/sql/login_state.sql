-- name: keep
-- A log-in that was begun at a provider.
INSERT INTO student.login_state (hash, kept, expires_at) VALUES (%(hash)s, %(kept)s, now() + %(life_s)s * interval '1 second')

-- name: take
-- A log-in that comes back: once.
DELETE FROM student.login_state WHERE hash = %(hash)s AND expires_at > now() RETURNING kept

-- name: sweep
-- Log-ins that were left, a slice at a time.
DELETE FROM student.login_state WHERE hash IN (SELECT hash FROM student.login_state WHERE expires_at < now() LIMIT %(most)s)
