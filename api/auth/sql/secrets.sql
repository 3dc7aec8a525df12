-- name: end_older
-- A newer secret ends those before it.
DELETE FROM student.secret WHERE email = %(email)s AND purpose = %(purpose)s

-- name: end_all
-- What was mailed to an account's owner before serves no more.
DELETE FROM student.secret WHERE account_id = %(account_id)s

-- name: make
-- A secret that is being mailed.
INSERT INTO student.secret (hash, account_id, purpose, email, kept, expires_at)
VALUES (%(hash)s, %(account_id)s, %(purpose)s, %(email)s, %(kept)s, now() + %(life_s)s * interval '1 second')

-- name: look
-- What a secret is for, without using it.
SELECT account_id, email, kept FROM student.secret WHERE hash = %(hash)s AND purpose = %(purpose)s AND expires_at > now()

-- name: take
-- Uses a secret: who deletes the row has it.
DELETE FROM student.secret WHERE hash = %(hash)s AND purpose = %(purpose)s AND expires_at > now()
RETURNING account_id, email, kept

-- name: sweep
-- Secrets that nobody used, a slice at a time.
DELETE FROM student.secret WHERE hash IN (SELECT hash FROM student.secret WHERE expires_at < now() LIMIT %(most)s)
