-- name: lock
-- Two tries of one delivery go one after the other.
SELECT pg_advisory_xact_lock(hashtext('lectern.hook'), hashtext(%(id)s))

-- name: delivery
-- A delivery that came before.
SELECT body_hash, answer FROM desk.delivery WHERE id = %(id)s

-- name: note
-- A delivery that was applied.
INSERT INTO desk.delivery (id, body_hash, answer) VALUES (%(id)s, %(hash)s, %(answer)s)
