-- name: owe
-- A mail to be sent.
INSERT INTO student.mail (recipient, kind, facts) VALUES (%(recipient)s, %(kind)s, %(facts)s)

-- name: claim
-- The mail that is due longest, for this sender alone; it falls due again should the sender die.
UPDATE student.mail SET tries = tries + 1, due_at = now() + %(hold_s)s * interval '1 second'
WHERE id = (SELECT id FROM student.mail WHERE due_at <= now() ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, recipient, kind, facts, tries

-- name: sent
-- A mail that the server took.
DELETE FROM student.mail WHERE id = %(id)s

-- name: failed
-- Why a mail was not taken, and when to try again.
UPDATE student.mail SET why = %(why)s, due_at = now() + %(wait_s)s * interval '1 second' WHERE id = %(id)s

