-- name: note
-- A note at a time in a video. Nothing where the video has its most.
INSERT INTO student.note (account_id, video_id, at_s, body)
SELECT %(account_id)s, %(video_id)s, %(at_s)s, %(body)s
WHERE (SELECT count(*) FROM student.note WHERE account_id = %(account_id)s AND video_id = %(video_id)s) < %(most)s
RETURNING id, video_id, at_s, body, (extract(epoch FROM made_at) * 1000)::bigint, (extract(epoch FROM changed_at) * 1000)::bigint

-- name: rewrite
-- A note's new words, or place.
UPDATE student.note SET at_s = %(at_s)s, body = %(body)s, changed_at = now()
WHERE id = %(note_id)s AND account_id = %(account_id)s
RETURNING id, video_id, at_s, body, (extract(epoch FROM made_at) * 1000)::bigint, (extract(epoch FROM changed_at) * 1000)::bigint

-- name: erase
-- One note.
DELETE FROM student.note WHERE id = %(note_id)s AND account_id = %(account_id)s

-- name: one_note
-- One note.
SELECT id, video_id, at_s, body, (extract(epoch FROM made_at) * 1000)::bigint, (extract(epoch FROM changed_at) * 1000)::bigint
FROM student.note WHERE id = %(note_id)s AND account_id = %(account_id)s

-- name: notes
-- A video's notes in the video's order; from behind the place where the last page ended.
SELECT id, video_id, at_s, body, (extract(epoch FROM made_at) * 1000)::bigint, (extract(epoch FROM changed_at) * 1000)::bigint
FROM student.note
WHERE account_id = %(account_id)s AND video_id = %(video_id)s AND (at_s, id) > (%(at_s)s::real, %(id)s)
ORDER BY at_s, id LIMIT %(limit)s
