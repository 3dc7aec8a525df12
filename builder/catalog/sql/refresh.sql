-- name: sources
-- Addresses that are due, longest unseen first, each once, with whatever videos have it (withdrawn ones aside).
SELECT s.kind, s.url, coalesce(r.etag, ''), coalesce(r.last_modified, ''), coalesce(r.asked_with, ''), s.videos
FROM (
    SELECT s.url, min(s.kind) AS kind, array_agg(DISTINCT s.video_id ORDER BY s.video_id) AS videos
    FROM catalog.source s JOIN catalog.video v ON v.id = s.video_id
    WHERE v.status <> 'withdrawn' AND (s.kind = 'youtube') = %(youtube)s
    GROUP BY s.url) s
LEFT JOIN live.refresh_source r ON r.url = s.url
WHERE r.next_at IS NULL OR r.next_at <= clock_timestamp()
ORDER BY r.asked_at NULLS FIRST, s.url
LIMIT %(most)s

-- name: note_clear
-- Clear answers: found, with what was told, or missing once more.
INSERT INTO live.refresh_source AS r (url, asked_at, missing_runs, why, duration_s, picture_url, etag, last_modified, asked_with)
SELECT a.url, clock_timestamp(), a.missing, a.why, a.duration_s, a.picture_url, a.etag, a.last_modified, a.asked_with
FROM (VALUES %s) a (url, missing, why, duration_s, picture_url, etag, last_modified, asked_with)
ON CONFLICT (url) DO UPDATE SET
    asked_at = EXCLUDED.asked_at, next_at = '-infinity', failures = 0, why = EXCLUDED.why,
    missing_runs = CASE WHEN EXCLUDED.missing_runs = 1 THEN r.missing_runs + 1 ELSE 0 END,
    duration_s = EXCLUDED.duration_s, picture_url = EXCLUDED.picture_url,
    etag = EXCLUDED.etag, last_modified = EXCLUDED.last_modified, asked_with = EXCLUDED.asked_with

-- name: note_same
-- The last clear answer once more.
UPDATE live.refresh_source SET asked_at = clock_timestamp(), next_at = '-infinity', failures = 0,
    missing_runs = missing_runs + (missing_runs > 0)::int,
    why = CASE WHEN missing_runs > 0 THEN why ELSE '' END
WHERE url = ANY(%(urls)s)

-- name: note_failed
-- No clear answer: one failure is tried again by the next run, from the second on the wait doubles, up to a day.
INSERT INTO live.refresh_source AS r (url, failures, why)
SELECT a.url, 1, a.why FROM (VALUES %s) a (url, why)
ON CONFLICT (url) DO UPDATE SET failures = r.failures + 1, why = EXCLUDED.why,
    next_at = clock_timestamp() + least(24, 2 ^ least(r.failures, 5) - 1) * interval '1 hour' - interval '5 minutes'

-- name: hosts_at_rest
-- Hosts that are not asked yet.
SELECT host FROM live.refresh_host WHERE until > clock_timestamp()

-- name: host_down
-- A host answered for nobody: the next run tries it again, from the second time on the wait doubles, up to a day.
INSERT INTO live.refresh_host AS h (host, failures, until, why)
VALUES (%(host)s, 1, clock_timestamp() + %(wait_s)s * interval '1 second', %(why)s)
ON CONFLICT (host) DO UPDATE SET failures = h.failures + 1, why = EXCLUDED.why,
    until = greatest(EXCLUDED.until, clock_timestamp() + least(24, 2 ^ least(h.failures, 5) - 1) * interval '1 hour' - interval '5 minutes')

-- name: hosts_up
-- Hosts that answered.
DELETE FROM live.refresh_host WHERE host = ANY(%(hosts)s)

-- name: units_left
-- Units of a provider's day that are left, and hours until its next day (YouTube's begins at midnight in California).
SELECT greatest(0, %(quota)s - coalesce((SELECT used FROM live.refresh_quota q
    WHERE q.provider = 'youtube' AND q.day = (now() AT TIME ZONE 'America/Los_Angeles')::date), 0)),
    24 - extract(hour FROM now() AT TIME ZONE 'America/Los_Angeles')::int

-- name: spend
-- Units spent.
INSERT INTO live.refresh_quota AS q (provider, day, used)
VALUES ('youtube', (now() AT TIME ZONE 'America/Los_Angeles')::date, %(units)s)
ON CONFLICT (provider, day) DO UPDATE SET used = q.used + EXCLUDED.used

-- name: set_durations
-- A length from the first source that tells one, where the editor has none or refresh wrote it. A recording that
-- several videos share, or that is begun in its middle, is longer than the lecture and tells nothing.
WITH told AS (
    SELECT DISTINCT ON (s.video_id) s.video_id, r.duration_s
    FROM catalog.source s JOIN live.refresh_source r ON r.url = s.url
    WHERE r.duration_s IS NOT NULL AND r.missing_runs = 0 AND s.start_s = 0
        AND NOT EXISTS (SELECT FROM catalog.source o WHERE o.url = s.url AND o.video_id <> s.video_id)
    ORDER BY s.video_id, s.position),
due AS (
    SELECT v.id, told.duration_s
    FROM told JOIN catalog.video v ON v.id = told.video_id LEFT JOIN live.refresh_video w ON w.video_id = v.id
    WHERE v.duration_s IS DISTINCT FROM told.duration_s AND (v.duration_s IS NULL OR v.duration_s = w.duration_s)
    FOR UPDATE OF v SKIP LOCKED),
noted AS (
    INSERT INTO live.refresh_video (video_id, duration_s) SELECT id, duration_s FROM due
    ON CONFLICT (video_id) DO UPDATE SET duration_s = EXCLUDED.duration_s)
UPDATE catalog.video v SET duration_s = due.duration_s FROM due WHERE v.id = due.id RETURNING v.id

-- name: set_picture_urls
-- A picture's address likewise. Where only the query differs it is the same picture under a new signature.
WITH told AS (
    SELECT DISTINCT ON (s.video_id) s.video_id, r.picture_url
    FROM catalog.source s JOIN live.refresh_source r ON r.url = s.url
    WHERE r.picture_url IS NOT NULL AND r.missing_runs = 0
    ORDER BY s.video_id, s.position),
due AS (
    SELECT v.id, told.picture_url
    FROM told JOIN catalog.video v ON v.id = told.video_id LEFT JOIN live.refresh_video w ON w.video_id = v.id
    WHERE (v.picture_url IS NULL OR v.picture_url = w.picture_url)
        AND split_part(v.picture_url, '?', 1) IS DISTINCT FROM split_part(told.picture_url, '?', 1)
    FOR UPDATE OF v SKIP LOCKED),
noted AS (
    INSERT INTO live.refresh_video (video_id, picture_url) SELECT id, picture_url FROM due
    ON CONFLICT (video_id) DO UPDATE SET picture_url = EXCLUDED.picture_url)
UPDATE catalog.video v SET picture_url = due.picture_url FROM due WHERE v.id = due.id RETURNING v.id

-- name: set_unavailable
-- Videos all of whose sources were missing on so many runs in a row.
WITH gone AS (
    SELECT v.id FROM catalog.video v
    WHERE v.unavailable_since IS NULL AND v.status <> 'withdrawn'
        AND v.id IN (SELECT s.video_id FROM catalog.source s LEFT JOIN live.refresh_source r ON r.url = s.url
            GROUP BY s.video_id HAVING min(coalesce(r.missing_runs, 0)) >= %(runs)s)
    FOR UPDATE OF v SKIP LOCKED)
UPDATE catalog.video v SET unavailable_since = date_trunc('second', clock_timestamp()) FROM gone WHERE v.id = gone.id
RETURNING v.id

-- name: set_available
-- Videos one of whose sources was found again, or has been replaced by another.
WITH back AS (
    SELECT v.id FROM catalog.video v
    WHERE v.unavailable_since IS NOT NULL
        AND EXISTS (SELECT FROM catalog.source s LEFT JOIN live.refresh_source r ON r.url = s.url
            WHERE s.video_id = v.id AND coalesce(r.missing_runs, 0) = 0)
    FOR UPDATE OF v SKIP LOCKED)
UPDATE catalog.video v SET unavailable_since = NULL FROM back WHERE v.id = back.id RETURNING v.id

-- name: dead
-- Videos that are gone at their providers.
SELECT v.id, v.slug, v.unavailable_since,
    (SELECT s.url FROM catalog.source s WHERE s.video_id = v.id ORDER BY s.position LIMIT 1)
FROM catalog.video v WHERE v.unavailable_since IS NOT NULL AND v.status <> 'withdrawn' ORDER BY v.unavailable_since DESC, v.id

-- name: behind
-- How many videos have a source without a clear answer for so long.
SELECT count(DISTINCT s.video_id)::int
FROM catalog.source s JOIN catalog.video v ON v.id = s.video_id LEFT JOIN live.refresh_source r ON r.url = s.url
WHERE v.status <> 'withdrawn' AND coalesce(r.asked_at, '-infinity') < clock_timestamp() - %(hours)s * interval '1 hour'

-- name: sweep
-- Rows of what is no more.
WITH sources AS (
    DELETE FROM live.refresh_source r WHERE NOT EXISTS (SELECT FROM catalog.source s WHERE s.url = r.url)),
videos AS (
    DELETE FROM live.refresh_video w WHERE NOT EXISTS (SELECT FROM catalog.video v WHERE v.id = w.video_id)),
cards AS (
    DELETE FROM live.refresh_card w
    WHERE NOT EXISTS (SELECT FROM catalog.batch b WHERE b.id << 8 | 3 = w.owner)
        AND NOT EXISTS (SELECT FROM catalog.course c WHERE c.id << 8 | 1 = w.owner)),
hosts AS (
    DELETE FROM live.refresh_host WHERE until < clock_timestamp() - interval '30 days')
DELETE FROM live.refresh_quota WHERE day < current_date - 7

-- name: pictures_due
-- Published videos first: those without a copy, or whose copy, made by refresh, is of another address or of one width only.
SELECT v.id, v.picture_url, ARRAY(SELECT s.url::text FROM catalog.source s WHERE s.video_id = v.id AND s.kind = 'youtube')
FROM catalog.video v LEFT JOIN live.refresh_video w ON w.video_id = v.id
WHERE v.status <> 'withdrawn' AND v.picture_url IS NOT NULL
    AND coalesce(w.picture_next_at, '-infinity') <= clock_timestamp()
    AND (v.picture IS NULL OR ((w.picture_of <> v.picture_url OR v.picture NOT LIKE '%%-640.webp') AND EXISTS (SELECT FROM live.refresh_picture p WHERE p.key = v.picture)))
ORDER BY v.status = 'published' DESC, v.id DESC LIMIT %(most)s

-- name: picture_promised
-- A key that is about to be stored: known before it is there, so that nothing in the store is unknown.
INSERT INTO live.refresh_picture (key, video_id, batch_id, course_id)
SELECT key, CASE kind WHEN 'video' THEN id END, CASE kind WHEN 'batch' THEN id END, CASE kind WHEN 'course' THEN id END
FROM unnest(%(keys)s::text[], %(kinds)s::text[], %(ids)s::bigint[]) p (key, kind, id)
ON CONFLICT (key) DO UPDATE SET dropped_at = NULL

-- name: set_picture
-- A copy that is stored, unless the video's picture has another address by now, or an editor holds the row.
WITH due AS (
    SELECT id FROM catalog.video WHERE id = %(video)s AND picture_url = %(url)s FOR UPDATE SKIP LOCKED),
noted AS (
    INSERT INTO live.refresh_video (video_id, picture_of) SELECT id, %(url)s FROM due
    ON CONFLICT (video_id) DO UPDATE SET picture_of = EXCLUDED.picture_of, picture_failures = 0, picture_why = '',
        picture_next_at = '-infinity')
UPDATE catalog.video v SET picture = %(key)s FROM due WHERE v.id = due.id AND v.picture IS DISTINCT FROM %(key)s RETURNING v.id

-- name: picture_failed
-- No copy: one failure is tried again by the next run, then later and later; what is no picture, after a week.
INSERT INTO live.refresh_video AS w (video_id, picture_failures, picture_why, picture_next_at)
VALUES (%(video)s, 1, %(why)s, clock_timestamp() + %(wait_s)s * interval '1 second')
ON CONFLICT (video_id) DO UPDATE SET picture_failures = w.picture_failures + 1, picture_why = EXCLUDED.picture_why,
    picture_next_at = greatest(EXCLUDED.picture_next_at,
        clock_timestamp() + least(24, 2 ^ least(w.picture_failures, 5) - 1) * interval '1 hour' - interval '5 minutes')

-- name: clear_pictures
-- Copies of an address that the editor took out.
WITH due AS (
    SELECT v.id FROM catalog.video v
    WHERE v.picture_url IS NULL AND EXISTS (SELECT FROM live.refresh_picture p WHERE p.key = v.picture) FOR UPDATE OF v SKIP LOCKED)
UPDATE catalog.video v SET picture = NULL FROM due WHERE v.id = due.id RETURNING v.id

-- name: cards_due
-- Published and scheduled videos whose card is not drawn from what they say now.
SELECT 'video', v.id, v.title, v.batch_title, v.names, v.made_of FROM (
    SELECT v.id, v.status, v.title, b.title AS batch_title, n.names,
        sha256(convert_to(concat_ws(E'\n', %(style)s, v.title, b.title, n.names), 'UTF8')) AS made_of
    FROM catalog.video v JOIN catalog.batch b ON b.id = v.batch_id
    CROSS JOIN LATERAL (SELECT coalesce(string_agg(name, ', '), '') AS names FROM (
        SELECT i.name FROM catalog.video_instructor vi JOIN catalog.instructor i ON i.id = vi.instructor_id
        WHERE vi.video_id = v.id ORDER BY vi.position, i.id LIMIT 4) i) n
    WHERE v.status IN ('published', 'scheduled')) v
LEFT JOIN live.refresh_video w ON w.video_id = v.id
WHERE w.card_of IS DISTINCT FROM v.made_of
ORDER BY v.status = 'published' DESC, v.id DESC LIMIT %(most)s

-- name: thing_cards_due
-- Batches, then courses, with something to show, whose card is not drawn from what they say now. No count stands on a
-- card: it would be another picture after each lecture.
SELECT t.kind, t.id, t.title, t.above, t.years, t.made_of FROM (
    SELECT t.*, sha256(convert_to(concat_ws(E'\n', %(style)s, t.title, t.above, t.years), 'UTF8')) AS made_of FROM (
        SELECT 'batch' AS kind, b.id, b.id << 8 | 3 AS owner, b.title, c.title::text AS above,
            concat_ws('–', extract(year FROM f.first)::text,
                nullif(extract(year FROM l.last), extract(year FROM f.first))::text) AS years
        FROM catalog.batch b JOIN catalog.course c ON c.id = b.course_id
        CROSS JOIN LATERAL (SELECT count(*) AS videos, min(v.recorded_on) FILTER (WHERE v.status = 'published') AS first,
                max(v.recorded_on) FILTER (WHERE v.status = 'published') AS last
            FROM catalog.video v WHERE v.batch_id = b.id AND v.status IN ('published', 'scheduled')) s
        CROSS JOIN LATERAL (SELECT coalesce(b.starts_on, s.first) AS first) f
        CROSS JOIN LATERAL (SELECT coalesce(b.ends_on, s.last) AS last) l
        WHERE s.videos > 0
        UNION ALL
        SELECT 'course', c.id, c.id << 8 | 1, c.title, '',
            concat_ws('–', extract(year FROM s.first)::text, nullif(extract(year FROM s.last), extract(year FROM s.first))::text)
        FROM catalog.course c
        CROSS JOIN LATERAL (SELECT count(*) AS videos, min(v.recorded_on) FILTER (WHERE v.status = 'published') AS first,
                max(v.recorded_on) FILTER (WHERE v.status = 'published') AS last
            FROM catalog.batch b JOIN catalog.video v ON v.batch_id = b.id
            WHERE b.course_id = c.id AND v.status IN ('published', 'scheduled')) s
        WHERE s.videos > 0) t) t
LEFT JOIN live.refresh_card w ON w.owner = t.owner
WHERE w.card_of IS DISTINCT FROM t.made_of
ORDER BY t.kind, t.id DESC LIMIT %(most)s

-- name: set_thing_cards
-- Cards of batches and courses that are stored.
WITH drawn AS (
    SELECT * FROM unnest(%(kinds)s::text[], %(ids)s::bigint[], %(keys)s::text[], %(made_of)s::bytea[]) d (kind, id, key, made_of)),
due_batch AS (
    SELECT b.id FROM catalog.batch b JOIN drawn d ON d.kind = 'batch' AND d.id = b.id ORDER BY b.id FOR UPDATE OF b SKIP LOCKED),
due_course AS (
    SELECT c.id FROM catalog.course c JOIN drawn d ON d.kind = 'course' AND d.id = c.id ORDER BY c.id FOR UPDATE OF c SKIP LOCKED),
noted AS (
    INSERT INTO live.refresh_card (owner, card_of)
    SELECT b.id << 8 | 3, d.made_of FROM due_batch b JOIN drawn d ON d.kind = 'batch' AND d.id = b.id
    UNION ALL
    SELECT c.id << 8 | 1, d.made_of FROM due_course c JOIN drawn d ON d.kind = 'course' AND d.id = c.id
    ON CONFLICT (owner) DO UPDATE SET card_of = EXCLUDED.card_of),
batches AS (
    UPDATE catalog.batch b SET card = d.key FROM due_batch u JOIN drawn d ON d.kind = 'batch' AND d.id = u.id
    WHERE b.id = u.id AND b.card IS DISTINCT FROM d.key)
UPDATE catalog.course c SET card = d.key FROM due_course u JOIN drawn d ON d.kind = 'course' AND d.id = u.id
WHERE c.id = u.id AND c.card IS DISTINCT FROM d.key

-- name: set_cards
-- Cards that are stored; NULL where none can be drawn.
WITH drawn AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(keys)s::text[], %(made_of)s::bytea[]) d (id, key, made_of)),
due AS (
    SELECT v.id FROM catalog.video v JOIN drawn USING (id) ORDER BY v.id FOR UPDATE OF v SKIP LOCKED),
noted AS (
    INSERT INTO live.refresh_video (video_id, card_of) SELECT id, made_of FROM drawn JOIN due USING (id)
    ON CONFLICT (video_id) DO UPDATE SET card_of = EXCLUDED.card_of)
UPDATE catalog.video v SET card = drawn.key FROM drawn JOIN due USING (id) WHERE v.id = drawn.id AND v.card IS DISTINCT FROM drawn.key
RETURNING v.id

-- name: drop_pictures
-- Pictures that no row names any more, and those that one names again.
UPDATE live.refresh_picture p SET dropped_at = CASE WHEN n.named THEN NULL ELSE clock_timestamp() END
FROM (SELECT p.key, EXISTS (SELECT FROM catalog.video v WHERE v.id = p.video_id
            AND p.key IN (v.picture, v.card, replace(v.picture, '-640.webp', '-256.webp')))
        OR EXISTS (SELECT FROM catalog.batch b WHERE b.id = p.batch_id AND b.card = p.key)
        OR EXISTS (SELECT FROM catalog.course c WHERE c.id = p.course_id AND c.card = p.key) AS named
    FROM live.refresh_picture p) n
WHERE n.key = p.key AND n.named = (p.dropped_at IS NOT NULL)

-- name: pictures_to_delete
-- Pictures that no cached page and no body kept for a rollback can name any more.
SELECT p.key FROM live.refresh_picture p
WHERE p.dropped_at < clock_timestamp() - %(kept_s)s * interval '1 second'
    AND NOT EXISTS (SELECT FROM live.retained r WHERE r.keys && ARRAY[p.owner, p.owner + 1])
LIMIT 1000

-- name: pictures_deleted
-- Pictures that the store no longer has.
DELETE FROM live.refresh_picture WHERE key = ANY(%(keys)s)

-- name: pictures_of
-- All pictures of things, by packed keys, that the store has.
SELECT key FROM live.refresh_picture WHERE owner = ANY(%(owners)s) ORDER BY key
