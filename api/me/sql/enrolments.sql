-- name: batch
-- Whether a batch is for those enrolled only; no row where there is no such batch.
SELECT gated FROM catalog.batch WHERE id = %(batch_id)s

-- name: enrol
-- Enrols who is not yet; when they were first enrolled stays. Nothing where a student has their most.
INSERT INTO student.enrolment (account_id, batch_id)
SELECT %(account_id)s, %(batch_id)s
WHERE (SELECT count(*) FROM student.enrolment WHERE account_id = %(account_id)s) < %(most)s
    OR EXISTS (SELECT FROM student.enrolment WHERE account_id = %(account_id)s AND batch_id = %(batch_id)s)
ON CONFLICT (account_id, batch_id) DO UPDATE SET batch_id = excluded.batch_id

-- name: is_enrolled
-- Whether a student is in a batch.
SELECT EXISTS (SELECT FROM student.enrolment WHERE account_id = %(account_id)s AND batch_id = %(batch_id)s)

-- name: leave
-- Takes a student out of a batch.
DELETE FROM student.enrolment WHERE account_id = %(account_id)s AND batch_id = %(batch_id)s

-- name: enrolments
-- The batches of a student, the last first; from behind the place where the last page ended.
SELECT batch_id, (extract(epoch FROM at) * 1000)::bigint, (extract(epoch FROM at) * 1000000)::bigint
FROM student.enrolment
WHERE account_id = %(account_id)s
    AND (at, batch_id) < (timestamptz 'epoch' + %(at_us)s * interval '1 microsecond', %(id)s)
ORDER BY at DESC, batch_id DESC LIMIT %(limit)s

-- name: accounts
-- Who bears these addresses; their rows are held, in one order, until the transaction ends.
SELECT id, email FROM student.account WHERE email = ANY (%(emails)s) ORDER BY id FOR NO KEY UPDATE

-- name: students
-- Who is in a batch, by account; from behind the place where the last page ended.
SELECT account_id, (extract(epoch FROM at) * 1000)::bigint FROM student.enrolment
WHERE batch_id = %(batch_id)s AND account_id > %(id)s
ORDER BY account_id LIMIT %(limit)s
