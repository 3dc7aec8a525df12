-- name: standing
-- What waits, for how long, whether a worker listens, and whether publishing is on hold.
SELECT (SELECT count(*)::int FROM catalog.change WHERE release IS NULL),
    (SELECT coalesce(greatest(extract(epoch FROM clock_timestamp() - min(at)), 0), 0)::float8 FROM catalog.change WHERE release IS NULL),
    EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'lectern watch' AND datname = current_database()),
    (SELECT held_at FROM live.site)

-- name: dead
-- Published videos whose provider says that they are gone, the longest first, and how many in all.
SELECT id, title, desk.moment(unavailable_since), count(*) OVER ()::int FROM catalog.video
WHERE unavailable_since IS NOT NULL AND status = 'published' ORDER BY unavailable_since, id LIMIT %(most)s

-- name: aside
-- Pages that wait for another try, and how many in all.
SELECT coalesce(nullif(path, ''), kind), kind, why, count(*) OVER ()::int FROM live.set_aside ORDER BY path, unit LIMIT %(most)s

-- name: debts
-- What is owed, by kind.
SELECT kind, count(*)::int FROM live.debt GROUP BY kind ORDER BY kind

-- name: refresh
-- When a provider was last asked, how many addresses are overdue, and how many are known.
SELECT desk.moment(max(asked_at)), count(*) FILTER (WHERE next_at < clock_timestamp() AND failures = 0)::int, count(*)::int
FROM live.refresh_source

-- name: size
-- About how many rows of progress there are.
SELECT greatest(reltuples, 0)::float8 FROM pg_class WHERE oid = 'student.progress'::regclass

-- name: watched
-- What was most watched in a week, from a share of the rows that stands for all.
SELECT p.video_id, v.title, (p.students * 100 / %(share)s)::int, (p.completed * 100 / %(share)s)::int FROM (
    SELECT video_id, count(*) AS students, count(*) FILTER (WHERE completed) AS completed
    FROM student.progress TABLESAMPLE SYSTEM (%(share)s) REPEATABLE (0)
    WHERE at > clock_timestamp() - interval '7 days' GROUP BY video_id) p
JOIN catalog.video v ON v.id = p.video_id ORDER BY p.students DESC, p.video_id LIMIT %(most)s
