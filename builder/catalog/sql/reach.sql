-- name: bearing
-- The units of the live pages that bear one of the keys.
SELECT DISTINCT unit FROM live.object WHERE keys && %(keys)s::bigint[] AND kind NOT IN ('asset', 'gone')

-- name: videos_of_instructors
SELECT DISTINCT video_id FROM catalog.video_instructor WHERE instructor_id = ANY(%(ids)s)

-- name: videos_of_subjects
SELECT DISTINCT video_id FROM catalog.video_subject WHERE subject_id = ANY(%(ids)s)

-- name: batches_of
-- The batches that videos are in, with their courses.
SELECT DISTINCT v.batch_id, b.course_id FROM catalog.video v JOIN catalog.batch b ON b.id = v.batch_id WHERE v.id = ANY(%(ids)s)

-- name: courses_of
SELECT DISTINCT course_id FROM catalog.batch WHERE id = ANY(%(ids)s)

-- name: captioned_in
-- The published videos of batches that have captions.
SELECT DISTINCT v.id FROM catalog.video v JOIN catalog.caption c ON c.video_id = v.id
WHERE v.batch_id = ANY(%(ids)s) AND v.status = 'published'

-- name: places
-- Every place that items have, or had, in lists: (list, number, item).
SELECT list, number, item_id FROM live.list_number WHERE item_id = ANY(%(ids)s) AND (list & 255) = ANY(%(kinds)s)

-- name: beside_places
-- The videos within three places of videos in the lists of subjects and instructors, whoever belongs there still.
SELECT DISTINCT b.item_id FROM live.list_number a JOIN live.list_number b
    ON b.list = a.list AND b.number BETWEEN a.number - 3 AND a.number + 3 AND b.number <> a.number
WHERE a.item_id = ANY(%(ids)s) AND (a.list & 255) IN (5, 7)

-- name: own_pages
-- The keys of the live pages of units, path by path. What is to be retired is not among them, though it may stand until
-- a purge is acknowledged.
SELECT o.unit, o.path, o.keys FROM live.object o WHERE o.unit = ANY(%(units)s) AND o.kind NOT IN ('asset', 'gone', 'redirect')
AND NOT EXISTS (SELECT FROM live.tombstone t WHERE t.path = o.path)

-- name: ranges_shown
-- Those of the sitemap ranges (folder's place, range) that hold something with a page.
SELECT r.folder, r.id_range FROM unnest(%(folders)s::int[], %(ranges)s::bigint[]) AS r (folder, id_range)
WHERE CASE r.folder
    WHEN 0 THEN EXISTS (SELECT FROM catalog.video v
        WHERE v.id BETWEEN r.id_range * %(size)s AND r.id_range * %(size)s + %(size)s - 1 AND v.status = 'published')
    WHEN 1 THEN EXISTS (SELECT FROM catalog.batch b JOIN catalog.video v ON v.batch_id = b.id AND v.status = 'published'
        WHERE b.course_id BETWEEN r.id_range * %(size)s AND r.id_range * %(size)s + %(size)s - 1)
    WHEN 2 THEN EXISTS (SELECT FROM catalog.video v
        WHERE v.batch_id BETWEEN r.id_range * %(size)s AND r.id_range * %(size)s + %(size)s - 1 AND v.status = 'published')
    WHEN 3 THEN EXISTS (SELECT FROM catalog.video_subject x JOIN catalog.video v ON v.id = x.video_id AND v.status = 'published'
        WHERE x.subject_id BETWEEN r.id_range * %(size)s AND r.id_range * %(size)s + %(size)s - 1)
    WHEN 4 THEN EXISTS (SELECT FROM catalog.video_instructor x JOIN catalog.video v ON v.id = x.video_id AND v.status = 'published'
        WHERE x.instructor_id BETWEEN r.id_range * %(size)s AND r.id_range * %(size)s + %(size)s - 1)
    END
