-- name: overlay
-- All that a page needs of one student, and the revision that it is the state of.
SELECT revision, body FROM student.overlay(%(account_id)s, %(videos)s::bigint[], %(batch_id)s)

-- name: revision
-- The revision that a reader of this database sees.
SELECT revision FROM student.account WHERE id = %(account_id)s
