-- name: record
-- The last writer by the client's time wins, for the position and for the tick apart; equal times: the greater value,
-- so that neither order nor repetition matters. What is not published is left out. Gives back the ids that were not.
WITH given AS (
    SELECT n.video_id, n.position_s,
        LEAST(to_timestamp(n.at_ms / 1000.0), now()) AS at,
        coalesce(n.completed, false) AS completed,
        CASE WHEN n.completed IS NULL THEN '-infinity' ELSE LEAST(to_timestamp(n.completed_at_ms / 1000.0), now()) END AS completed_at
    FROM unnest(%(videos)s::bigint[], %(positions_s)s::real[], %(at_ms)s::bigint[], %(completed)s::boolean[],
        %(completed_at_ms)s::bigint[]) AS n (video_id, position_s, at_ms, completed, completed_at_ms)
    JOIN catalog.video v ON v.id = n.video_id AND v.status = 'published'
), written AS (
    INSERT INTO student.progress AS p (account_id, video_id, position_s, at, completed, completed_at)
    SELECT %(account_id)s, video_id, position_s, at, completed, completed_at FROM given ORDER BY video_id
    ON CONFLICT (account_id, video_id) DO UPDATE SET
        position_s = CASE WHEN (excluded.at, excluded.position_s) > (p.at, p.position_s)
            THEN excluded.position_s ELSE p.position_s END,
        at = GREATEST(excluded.at, p.at),
        completed = CASE WHEN (excluded.completed_at, excluded.completed) > (p.completed_at, p.completed)
            THEN excluded.completed ELSE p.completed END,
        completed_at = GREATEST(excluded.completed_at, p.completed_at)
    WHERE (excluded.at, excluded.position_s) > (p.at, p.position_s)
        OR (excluded.completed_at, excluded.completed) > (p.completed_at, p.completed)
)
SELECT id FROM unnest(%(videos)s::bigint[]) AS asked (id) WHERE id NOT IN (SELECT video_id FROM given) ORDER BY id

-- name: forget
-- One video's place and tick.
DELETE FROM student.progress WHERE account_id = %(account_id)s AND video_id = %(video_id)s

-- name: forget_all
-- All places and ticks.
DELETE FROM student.progress WHERE account_id = %(account_id)s

-- name: begun
-- What was begun, is not done and can still be watched, the last first.
SELECT p.video_id, p.position_s, p.completed, (extract(epoch FROM p.at) * 1000)::bigint
FROM student.progress p
JOIN catalog.video v ON v.id = p.video_id AND v.status = 'published'
WHERE p.account_id = %(account_id)s AND NOT p.completed AND p.position_s > 0
ORDER BY p.at DESC, p.video_id DESC LIMIT %(limit)s

-- name: history
-- All that was watched or ticked, the last first; from behind the place where the last page ended.
SELECT video_id, position_s, completed, (extract(epoch FROM at) * 1000)::bigint, (extract(epoch FROM at) * 1000000)::bigint
FROM student.progress
WHERE account_id = %(account_id)s
    AND (at, video_id) < (timestamptz 'epoch' + %(at_us)s * interval '1 microsecond', %(id)s)
ORDER BY at DESC, video_id DESC LIMIT %(limit)s
