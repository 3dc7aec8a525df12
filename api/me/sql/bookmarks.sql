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
