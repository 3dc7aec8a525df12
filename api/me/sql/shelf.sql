-- name: published
-- Whether a video can be watched by anybody at all.
SELECT EXISTS (SELECT FROM catalog.video WHERE id = %(video_id)s AND status = 'published')

-- name: bookmark
-- Keeps a video; one that is kept already stays where it is. Nothing where the shelf is full.
INSERT INTO student.bookmark (account_id, video_id)
SELECT %(account_id)s, %(video_id)s
WHERE (SELECT count(*) FROM student.bookmark WHERE account_id = %(account_id)s) < %(most)s
    OR EXISTS (SELECT FROM student.bookmark WHERE account_id = %(account_id)s AND video_id = %(video_id)s)
ON CONFLICT (account_id, video_id) DO UPDATE SET video_id = excluded.video_id

-- name: unbookmark
-- Keeps a video no more.
DELETE FROM student.bookmark WHERE account_id = %(account_id)s AND video_id = %(video_id)s

-- name: bookmarks
-- What is kept, the last first; from behind the place where the last page ended.
SELECT video_id, (extract(epoch FROM at) * 1000)::bigint, (extract(epoch FROM at) * 1000000)::bigint
FROM student.bookmark
WHERE account_id = %(account_id)s
    AND (at, video_id) < (timestamptz 'epoch' + %(at_us)s * interval '1 microsecond', %(id)s)
ORDER BY at DESC, video_id DESC LIMIT %(limit)s

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

-- name: preferences
-- What a student set.
SELECT preferences::text FROM student.account WHERE id = %(account_id)s

-- name: prefer
-- What a student sets.
UPDATE student.account SET preferences = %(preferences)s WHERE id = %(account_id)s
