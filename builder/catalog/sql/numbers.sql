-- name: shown
-- Every item that a list shows: (list, item, date). Lists are packed keys: 11 all videos, 12 all batches,
-- course 1, subject 5, instructor 7.
CREATE OR REPLACE TEMPORARY VIEW shown AS
WITH published AS (SELECT id, batch_id, recorded_on FROM catalog.video WHERE status = 'published'),
dated AS (SELECT b.id, b.course_id, coalesce(b.starts_on, min(v.recorded_on)) AS day
    FROM catalog.batch b JOIN published v ON v.batch_id = b.id GROUP BY b.id)
SELECT 11::bigint AS list, id AS item_id, recorded_on AS day FROM published
UNION ALL SELECT s.subject_id << 8 | 5, v.id, v.recorded_on FROM published v JOIN catalog.video_subject s ON s.video_id = v.id
UNION ALL SELECT i.instructor_id << 8 | 7, v.id, v.recorded_on FROM published v JOIN catalog.video_instructor i ON i.video_id = v.id
UNION ALL SELECT 12, id, day FROM dated
UNION ALL SELECT course_id << 8 | 1, id, day FROM dated

-- name: assign
-- Give every shown item without a number the next of its list: by date, undated first, then by id.
INSERT INTO live.list_number (list, number, item_id)
SELECT list, coalesce(last, 0) + row_number() OVER (PARTITION BY list ORDER BY day NULLS FIRST, item_id), item_id
FROM shown LEFT JOIN live.list_end USING (list)
WHERE NOT EXISTS (SELECT FROM live.list_number n WHERE n.item_id = shown.item_id AND n.list = shown.list)

-- name: end_all
-- Note the highest number of every list.
INSERT INTO live.list_end (list, last) SELECT list, max(number) FROM live.list_number GROUP BY list
ON CONFLICT (list) DO UPDATE SET last = EXCLUDED.last WHERE list_end.last <> EXCLUDED.last

-- name: assign_some
-- The same for some videos and some batches. Each shown item asks by index: as joins, the two tables would be read from end to end.
WITH published AS (SELECT id, batch_id, recorded_on FROM catalog.video WHERE id = ANY(%(videos)s) AND status = 'published'),
dated AS (SELECT b.id, b.course_id, coalesce(b.starts_on, (
        SELECT min(v.recorded_on) FROM catalog.video v WHERE v.batch_id = b.id AND v.status = 'published')) AS day
    FROM catalog.batch b WHERE b.id = ANY(ARRAY(SELECT unnest(%(batches)s::bigint[]) UNION SELECT batch_id FROM published))
    AND EXISTS (SELECT FROM catalog.video v WHERE v.batch_id = b.id AND v.status = 'published')),
shown AS (SELECT 11::bigint AS list, id AS item_id, recorded_on AS day FROM published
    UNION ALL SELECT s.subject_id << 8 | 5, v.id, v.recorded_on FROM published v JOIN catalog.video_subject s ON s.video_id = v.id
    UNION ALL SELECT i.instructor_id << 8 | 7, v.id, v.recorded_on FROM published v JOIN catalog.video_instructor i ON i.video_id = v.id
    UNION ALL SELECT 12, id, day FROM dated
    UNION ALL SELECT course_id << 8 | 1, id, day FROM dated),
given AS (INSERT INTO live.list_number (list, number, item_id)
    SELECT list, coalesce((SELECT last FROM live.list_end e WHERE e.list = shown.list), 0)
        + row_number() OVER (PARTITION BY list ORDER BY day NULLS FIRST, item_id), item_id
    FROM shown WHERE (SELECT true FROM live.list_number n WHERE n.item_id = shown.item_id AND n.list = shown.list) IS NULL
    RETURNING list, number)
INSERT INTO live.list_end (list, last) SELECT list, max(number) FROM given GROUP BY list
ON CONFLICT (list) DO UPDATE SET last = EXCLUDED.last

-- name: missing
-- Whether any shown item has no number.
SELECT EXISTS (SELECT FROM shown s
    WHERE NOT EXISTS (SELECT FROM live.list_number n WHERE n.item_id = s.item_id AND n.list = s.list))

-- name: split
-- Note that a prefix of an index has pages of its own from now on.
INSERT INTO live.index_split (list, prefix) VALUES (%(list)s, %(prefix)s) ON CONFLICT DO NOTHING
