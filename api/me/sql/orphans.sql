-- name: begin
-- The place of the sweep, held until the transaction ends; no row where another holds it, or the day's round is done.
SELECT after_account FROM student.sweep
WHERE after_account > 0 OR began_at < now() - %(round_s)s * interval '1 second'
FOR UPDATE SKIP LOCKED

-- name: slice
-- The last of the next accounts; NULL where none is left.
SELECT max(id) FROM (SELECT id FROM student.account WHERE id > %(after)s ORDER BY id LIMIT %(most)s) a

-- name: dead
-- Of the accounts of a slice: how many rows they have, how many name what the catalog has no more, and whose these are.
SELECT count(*), count(*) FILTER (WHERE gone), coalesce(array_agg(DISTINCT account_id ORDER BY account_id) FILTER (WHERE gone), '{}')
FROM (
    SELECT account_id, v.id IS NULL AS gone
    FROM (
        SELECT account_id, video_id FROM student.progress WHERE account_id > %(after)s AND account_id <= %(last)s
        UNION ALL SELECT account_id, video_id FROM student.bookmark WHERE account_id > %(after)s AND account_id <= %(last)s
        UNION ALL SELECT account_id, video_id FROM student.note WHERE account_id > %(after)s AND account_id <= %(last)s
    ) named
    LEFT JOIN catalog.video v ON v.id = named.video_id
    UNION ALL
    SELECT account_id, b.id IS NULL
    FROM student.enrolment e LEFT JOIN catalog.batch b ON b.id = e.batch_id
    WHERE account_id > %(after)s AND account_id <= %(last)s
) rows

-- name: hold
-- These accounts' rows, in one order, as everyone who writes of a student holds them first.
SELECT id FROM student.account WHERE id = ANY (%(accounts)s) ORDER BY id FOR NO KEY UPDATE

-- name: raise
-- What was kept of these students is old from here on.
UPDATE student.account SET revision = revision + 1 WHERE id = ANY (%(accounts)s)

-- name: delete
-- These students' rows that name what the catalog has no more.
WITH progress AS (
    DELETE FROM student.progress p WHERE account_id = ANY (%(accounts)s)
        AND NOT EXISTS (SELECT FROM catalog.video v WHERE v.id = p.video_id) RETURNING 1
), bookmark AS (
    DELETE FROM student.bookmark b WHERE account_id = ANY (%(accounts)s)
        AND NOT EXISTS (SELECT FROM catalog.video v WHERE v.id = b.video_id) RETURNING 1
), note AS (
    DELETE FROM student.note n WHERE account_id = ANY (%(accounts)s)
        AND NOT EXISTS (SELECT FROM catalog.video v WHERE v.id = n.video_id) RETURNING 1
), enrolment AS (
    DELETE FROM student.enrolment e WHERE account_id = ANY (%(accounts)s)
        AND NOT EXISTS (SELECT FROM catalog.batch b WHERE b.id = e.batch_id) RETURNING 1
)
SELECT (SELECT count(*) FROM progress) + (SELECT count(*) FROM bookmark) + (SELECT count(*) FROM note) + (SELECT count(*) FROM enrolment)

-- name: advance
-- The sweep has come so far; from 0 the next round begins.
UPDATE student.sweep SET after_account = %(after)s, began_at = CASE WHEN %(began)s THEN now() ELSE began_at END
