-- name: ask
-- A question to the builder; nothing where the asker, or all together, have too many waiting.
INSERT INTO desk.question (kind, asked, file, asked_by, token)
SELECT %(kind)s, %(asked)s, %(file)s, %(account)s, %(token)s
WHERE (SELECT count(*) FROM desk.question WHERE state IN ('waiting', 'taken') AND asked_by = %(account)s) < %(most_own)s
    AND (SELECT count(*) FROM desk.question WHERE state IN ('waiting', 'taken')) < %(most)s
    AND (%(file)s::bytea IS NULL OR (SELECT count(*) FROM desk.question WHERE file IS NOT NULL) < %(most_files)s)
RETURNING id

-- name: question
-- A question and what came of it.
SELECT id, kind, state, answer, token, desk.moment(asked_at), desk.moment(done_at), desk.moment(expires_at), asked_by
FROM desk.question WHERE id = %(id)s AND expires_at > clock_timestamp()

-- name: hold_check
-- A checked import for who is about to have it done.
SELECT state, asked, file FROM desk.question WHERE id = %(id)s AND kind = 'check' AND asked_by = %(account)s
    AND expires_at > clock_timestamp() FOR UPDATE

-- name: are_open
-- Which of some edits are open.
SELECT id FROM desk.edit WHERE id = ANY(%(ids)s) AND state = 'open'
