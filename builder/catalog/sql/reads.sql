-- name: courses
-- Courses by id that have a published video.
SELECT c.id, c.slug, c.title, c.description, c.description_markup, c.card,
       (SELECT count(*) FROM catalog.course o WHERE o.title = c.title AND o.id < c.id) AS namesakes
FROM catalog.course c
WHERE c.id = ANY(%(ids)s) AND EXISTS (
    SELECT FROM catalog.batch b JOIN catalog.video v ON v.batch_id = b.id
    WHERE b.course_id = c.id AND v.status = 'published')
ORDER BY c.id

-- name: batches
-- Batches by id that have a published video, with what their pages say of the whole.
SELECT b.id, b.slug, b.title, b.description, b.description_markup, b.url, b.starts_on, b.ends_on, b.gated, b.card,
       c.id AS course_id, c.slug AS course_slug, c.title AS course_title,
       (SELECT count(*) FROM catalog.batch o WHERE o.title = b.title AND o.id < b.id) AS namesakes,
       t.videos, t.total_s, t.timed, t.first_on, t.last_on
FROM catalog.batch b JOIN catalog.course c ON c.id = b.course_id
CROSS JOIN LATERAL (
    SELECT count(*)::int AS videos, coalesce(sum(v.duration_s), 0)::int AS total_s, count(v.duration_s)::int AS timed,
           min(v.recorded_on) AS first_on, max(v.recorded_on) AS last_on
    FROM catalog.video v WHERE v.batch_id = b.id AND v.status = 'published') t
WHERE b.id = ANY(%(ids)s) AND t.videos > 0
ORDER BY b.id

-- name: subjects
-- Subjects by id that have a published video.
SELECT s.id, s.slug, s.title,
       (SELECT count(*) FROM catalog.subject o WHERE o.title = s.title AND o.id < s.id) AS namesakes
FROM catalog.subject s WHERE s.id = ANY(%(ids)s) AND EXISTS (
    SELECT FROM catalog.video_subject vs JOIN catalog.video v ON v.id = vs.video_id
    WHERE vs.subject_id = s.id AND v.status = 'published')
ORDER BY s.id

-- name: instructors
-- Instructors by id who have a published video.
SELECT i.id, i.slug, i.name AS title,
       (SELECT count(*) FROM catalog.instructor o WHERE o.name = i.name AND o.id < i.id) AS namesakes
FROM catalog.instructor i WHERE i.id = ANY(%(ids)s) AND EXISTS (
    SELECT FROM catalog.video_instructor vi JOIN catalog.video v ON v.id = vi.video_id
    WHERE vi.instructor_id = i.id AND v.status = 'published')
ORDER BY i.id

-- name: batch_orders
-- The published videos of batches in the editor's order, and the titles that several of them bear.
SELECT batch_id, array_agg(id ORDER BY position NULLS LAST, id) AS ids,
       array_agg(title::text ORDER BY position NULLS LAST, id) AS titles
FROM catalog.video WHERE batch_id = ANY(%(ids)s) AND status = 'published'
GROUP BY batch_id ORDER BY batch_id

-- name: videos
-- Published videos by id, whole; the description as its clean HTML, or as its source where none is kept yet.
SELECT v.id, v.slug, v.title, t.html, t.plain, CASE WHEN t.hash IS NULL THEN v.description END,
       v.description_markup, v.language, v.duration_s, v.recorded_on, v.licence, v.picture_url, v.picture, v.card,
       (v.unavailable_since AT TIME ZONE 'UTC')::date, v.batch_id
FROM catalog.video v LEFT JOIN live.clean_text t
    ON t.hash = sha256(%(salt)s::bytea || v.text_hash)
WHERE v.id = ANY(%(ids)s) AND v.status = 'published' ORDER BY v.id

-- name: clips
-- What sitemaps say of published videos; clean HTML only where it is longer than one page takes.
SELECT v.id, v.slug, v.title, t.plain, CASE WHEN octet_length(t.html) > %(limit)s THEN t.html END,
       CASE WHEN t.hash IS NULL THEN v.description END, v.description_markup,
       v.duration_s, v.recorded_on, v.picture_url, v.picture, b.gated, b.id
FROM catalog.video v JOIN catalog.batch b ON b.id = v.batch_id LEFT JOIN live.clean_text t
    ON t.hash = sha256(%(salt)s::bytea || v.text_hash)
WHERE v.id = ANY(%(ids)s) AND v.status = 'published' ORDER BY v.id

-- name: cards
-- What other pages show of published videos.
SELECT id, slug, title, duration_s, recorded_on, language, picture, batch_id
FROM catalog.video WHERE id = ANY(%(ids)s) AND status = 'published' ORDER BY id

-- name: entry_texts
-- What feeds say of videos beside their cards.
SELECT v.id, t.plain, CASE WHEN t.hash IS NULL THEN v.description END, v.description_markup, v.words_at
FROM catalog.video v LEFT JOIN live.clean_text t
    ON t.hash = sha256(%(salt)s::bytea || v.text_hash)
WHERE v.id = ANY(%(ids)s) ORDER BY v.id

-- name: video_instructors
-- Who teaches in videos, in order.
SELECT vi.video_id, i.id, i.slug, i.name FROM catalog.video_instructor vi
JOIN catalog.instructor i ON i.id = vi.instructor_id
WHERE vi.video_id = ANY(%(ids)s) ORDER BY vi.video_id, vi.position, i.id

-- name: video_subjects
-- The subjects of videos, in the order of their slugs, which no server's locale changes.
SELECT vs.video_id, s.id, s.slug, s.title FROM catalog.video_subject vs
JOIN catalog.subject s ON s.id = vs.subject_id
WHERE vs.video_id = ANY(%(ids)s) ORDER BY vs.video_id, s.slug COLLATE "C"

-- name: video_sources
-- Where videos can be watched, in order.
SELECT video_id, kind, url, start_s FROM catalog.source
WHERE video_id = ANY(%(ids)s) ORDER BY video_id, position

-- name: video_resources
-- Slides and links of videos, in order.
SELECT video_id, label, url FROM catalog.resource
WHERE video_id = ANY(%(ids)s) ORDER BY video_id, position

-- name: video_captions
-- Which captions and transcripts videos have.
SELECT video_id, language, kind FROM catalog.caption
WHERE video_id = ANY(%(ids)s) ORDER BY video_id, language COLLATE "C", kind

-- name: short_captions
-- The captions of videos that are short enough to stand in a page.
SELECT video_id, language, body FROM catalog.caption
WHERE video_id = ANY(%(ids)s) AND kind = 'captions' AND octet_length(body) <= %(most_bytes)s

-- name: captions
-- The captions and transcripts of published videos whose batch is not gated, whole.
SELECT c.video_id, c.language, c.kind, c.body, v.batch_id, b.course_id
FROM catalog.caption c JOIN catalog.video v ON v.id = c.video_id AND v.status = 'published'
JOIN catalog.batch b ON b.id = v.batch_id AND NOT b.gated
WHERE c.video_id = ANY(%(ids)s) ORDER BY c.video_id, c.language COLLATE "C", c.kind

-- name: captioned
-- The published videos that have captions or transcripts.
SELECT DISTINCT v.id FROM catalog.caption c JOIN catalog.video v ON v.id = c.video_id
WHERE v.status = 'published' ORDER BY v.id

-- name: neighbours
-- For each video, the items that stand within three places of it in the lists of its subjects and
-- instructors: the bounded neighbourhood that related lectures come from. A place outlives what it was
-- given for, so both are asked whether they still belong there.
SELECT a.item_id, array_agg(b.item_id ORDER BY b.list, b.number) AS near
FROM live.list_number a JOIN live.list_number b
    ON b.list = a.list AND b.number BETWEEN a.number - 3 AND a.number + 3 AND b.number <> a.number
WHERE a.item_id = ANY(%(ids)s) AND (a.list & 255) IN (5, 7)
AND CASE a.list & 255
    WHEN 5 THEN (SELECT true FROM catalog.video_subject s WHERE s.video_id = a.item_id AND s.subject_id = a.list >> 8)
        AND (SELECT true FROM catalog.video_subject s WHERE s.video_id = b.item_id AND s.subject_id = b.list >> 8)
    ELSE (SELECT true FROM catalog.video_instructor i WHERE i.video_id = a.item_id AND i.instructor_id = a.list >> 8)
        AND (SELECT true FROM catalog.video_instructor i WHERE i.video_id = b.item_id AND i.instructor_id = b.list >> 8)
    END
GROUP BY a.item_id

-- name: list_ends
-- The highest number of each list.
SELECT list, last FROM live.list_end WHERE list = ANY(%(lists)s)

-- name: list_spans
-- The items of lists within spans, by number; 0 in the place of one that has left its subject, instructor or course.
SELECT n.list, n.number, coalesce(CASE n.list & 255
    WHEN 5 THEN (SELECT s.video_id FROM catalog.video_subject s WHERE s.video_id = n.item_id AND s.subject_id = n.list >> 8)
    WHEN 7 THEN (SELECT i.video_id FROM catalog.video_instructor i WHERE i.video_id = n.item_id AND i.instructor_id = n.list >> 8)
    WHEN 1 THEN (SELECT b.id FROM catalog.batch b WHERE b.id = n.item_id AND b.course_id = n.list >> 8)
    ELSE n.item_id END, 0)
FROM unnest(%(lists)s::bigint[], %(lows)s::int[], %(highs)s::int[]) AS span (list, low, high)
JOIN live.list_number n ON n.list = span.list AND n.number BETWEEN span.low AND span.high
ORDER BY n.list, n.number

-- name: shown_courses
-- All courses that have a page.
SELECT DISTINCT c.id FROM catalog.course c JOIN catalog.batch b ON b.course_id = c.id
JOIN catalog.video v ON v.batch_id = b.id WHERE v.status = 'published' ORDER BY c.id

-- name: shown_batches
-- All batches that have a page, with their size.
SELECT batch_id AS id, count(*)::int AS videos FROM catalog.video WHERE status = 'published' GROUP BY batch_id ORDER BY batch_id

-- name: shown_subjects
-- All subjects that have a page.
SELECT DISTINCT vs.subject_id AS id FROM catalog.video_subject vs JOIN catalog.video v ON v.id = vs.video_id
WHERE v.status = 'published' ORDER BY 1

-- name: shown_instructors
-- All instructors that have a page.
SELECT DISTINCT vi.instructor_id AS id FROM catalog.video_instructor vi JOIN catalog.video v ON v.id = vi.video_id
WHERE v.status = 'published' ORDER BY 1

-- name: shown_things
-- Those of the things that have a page now: (kind, id).
SELECT 'course', c.id FROM catalog.course c WHERE c.id = ANY(%(course)s) AND EXISTS (
    SELECT FROM catalog.batch b JOIN catalog.video v ON v.batch_id = b.id WHERE b.course_id = c.id AND v.status = 'published')
UNION ALL SELECT 'batch', b.id FROM catalog.batch b WHERE b.id = ANY(%(batch)s) AND EXISTS (
    SELECT FROM catalog.video v WHERE v.batch_id = b.id AND v.status = 'published')
UNION ALL SELECT 'subject', s.id FROM catalog.subject s WHERE s.id = ANY(%(subject)s) AND EXISTS (
    SELECT FROM catalog.video_subject x JOIN catalog.video v ON v.id = x.video_id WHERE x.subject_id = s.id AND v.status = 'published')
UNION ALL SELECT 'instructor', i.id FROM catalog.instructor i WHERE i.id = ANY(%(instructor)s) AND EXISTS (
    SELECT FROM catalog.video_instructor x JOIN catalog.video v ON v.id = x.video_id WHERE x.instructor_id = i.id AND v.status = 'published')
UNION ALL SELECT 'video', v.id FROM catalog.video v WHERE v.id = ANY(%(video)s) AND v.status = 'published'

-- name: course_newest
-- The newest published videos of courses, newest first, by their number in the site's list.
SELECT c.id, (SELECT array_agg(n.item_id) FROM (
        SELECT n.item_id FROM catalog.batch b JOIN catalog.video v ON v.batch_id = b.id AND v.status = 'published'
        JOIN live.list_number n ON n.item_id = v.id AND n.list = 11
        WHERE b.course_id = c.id ORDER BY n.number DESC LIMIT %(limit)s) n) AS newest
FROM catalog.course c WHERE c.id = ANY(%(ids)s) ORDER BY c.id

-- name: newest_videos
-- The newest published videos by their number in the site's list.
SELECT n.item_id FROM live.list_number n JOIN catalog.video v ON v.id = n.item_id AND v.status = 'published'
WHERE n.list = 11 ORDER BY n.number DESC LIMIT %(limit)s

-- name: newest_batches
-- The newest batches by their number in the site's list.
SELECT n.item_id FROM live.list_number n WHERE n.list = 12
AND EXISTS (SELECT FROM catalog.video v WHERE v.batch_id = n.item_id AND v.status = 'published')
ORDER BY n.number DESC LIMIT %(limit)s

-- name: largest_subjects
-- The subjects that most videos have had, by their lists' highest numbers.
SELECT s.title, s.slug, s.id FROM live.list_end l JOIN catalog.subject s ON s.id = l.list >> 8
WHERE l.list & 255 = 5 AND EXISTS (SELECT FROM catalog.video_subject vs JOIN catalog.video v ON v.id = vs.video_id
    WHERE vs.subject_id = s.id AND v.status = 'published')
ORDER BY l.last DESC, l.list LIMIT %(limit)s

-- name: course_names
-- Title and slug of every course that has a page.
SELECT c.title, c.slug, c.id FROM catalog.course c WHERE EXISTS (
    SELECT FROM catalog.batch b JOIN catalog.video v ON v.batch_id = b.id
    WHERE b.course_id = c.id AND v.status = 'published')

-- name: subject_names
-- Title and slug of every subject that has a page.
SELECT s.title, s.slug, s.id FROM catalog.subject s WHERE EXISTS (
    SELECT FROM catalog.video_subject vs JOIN catalog.video v ON v.id = vs.video_id
    WHERE vs.subject_id = s.id AND v.status = 'published')

-- name: instructor_names
-- Name and slug of every instructor who has a page.
SELECT i.name, i.slug, i.id FROM catalog.instructor i WHERE EXISTS (
    SELECT FROM catalog.video_instructor vi JOIN catalog.video v ON v.id = vi.video_id
    WHERE vi.instructor_id = i.id AND v.status = 'published')

-- name: index_splits
-- The prefixes of an alphabetical index that are split.
SELECT prefix FROM live.index_split WHERE list = %(list)s

-- name: map_ranges
-- The id ranges that hold something with a page, for cutting sitemaps: (place in sitemap.FOLDERS, range).
WITH published AS (SELECT id, batch_id FROM catalog.video WHERE status = 'published')
SELECT 0 AS folder, id / %(size)s AS id_range FROM published
UNION SELECT 1, b.course_id / %(size)s FROM published v JOIN catalog.batch b ON b.id = v.batch_id
UNION SELECT 2, batch_id / %(size)s FROM published
UNION SELECT 3, s.subject_id / %(size)s FROM published v JOIN catalog.video_subject s ON s.video_id = v.id
UNION SELECT 4, i.instructor_id / %(size)s FROM published v JOIN catalog.video_instructor i ON i.video_id = v.id
ORDER BY folder, id_range

-- name: moved
-- The things that have an old address: (kind, id).
SELECT DISTINCT kind, owner_id FROM catalog.old_slug
UNION SELECT 'video', video_id FROM catalog.alias ORDER BY kind, owner_id

-- name: retired
-- Old addresses of things of one kind that have a page: (id, old slug, slug now).
SELECT o.owner_id, o.slug, thing.slug FROM catalog.old_slug o CROSS JOIN LATERAL (
    SELECT v.slug FROM catalog.video v WHERE o.kind = 'video' AND v.id = o.owner_id AND v.status = 'published'
    UNION ALL SELECT b.slug FROM catalog.batch b WHERE o.kind = 'batch' AND b.id = o.owner_id
        AND EXISTS (SELECT FROM catalog.video x WHERE x.batch_id = b.id AND x.status = 'published')
    UNION ALL SELECT c.slug FROM catalog.course c WHERE o.kind = 'course' AND c.id = o.owner_id AND EXISTS (
        SELECT FROM catalog.batch y JOIN catalog.video x ON x.batch_id = y.id WHERE y.course_id = c.id AND x.status = 'published')
    UNION ALL SELECT s.slug FROM catalog.subject s WHERE o.kind = 'subject' AND s.id = o.owner_id AND EXISTS (
        SELECT FROM catalog.video_subject y JOIN catalog.video x ON x.id = y.video_id
        WHERE y.subject_id = s.id AND x.status = 'published')
    UNION ALL SELECT i.slug FROM catalog.instructor i WHERE o.kind = 'instructor' AND i.id = o.owner_id AND EXISTS (
        SELECT FROM catalog.video_instructor y JOIN catalog.video x ON x.id = y.video_id
        WHERE y.instructor_id = i.id AND x.status = 'published')) thing
WHERE o.kind = %(kind)s AND o.owner_id = ANY(%(ids)s)
-- Two editors at once can make a slug old and in use: the thing that bears it comes first.
AND NOT EXISTS (SELECT FROM catalog.video x WHERE o.kind = 'video' AND x.slug = o.slug)
AND NOT EXISTS (SELECT FROM catalog.batch x WHERE o.kind = 'batch' AND x.slug = o.slug)
AND NOT EXISTS (SELECT FROM catalog.course x WHERE o.kind = 'course' AND x.slug = o.slug)
AND NOT EXISTS (SELECT FROM catalog.subject x WHERE o.kind = 'subject' AND x.slug = o.slug)
AND NOT EXISTS (SELECT FROM catalog.instructor x WHERE o.kind = 'instructor' AND x.slug = o.slug)
ORDER BY o.slug COLLATE "C"

-- name: aliases
-- Addresses from before, of those of the videos that are shown: (path, slug, video id). Each address once, however spelt.
SELECT a.path, v.slug, v.id FROM catalog.alias a JOIN catalog.video v ON v.id = a.video_id AND v.status = 'published'
WHERE v.id = ANY(%(ids)s) AND NOT EXISTS (SELECT FROM catalog.alias b
    WHERE catalog.alias_address(b.path) = catalog.alias_address(a.path) AND b.path COLLATE "C" < a.path COLLATE "C")
ORDER BY a.path COLLATE "C"

-- name: videos_between
-- The published videos of an id range.
SELECT id FROM catalog.video WHERE id BETWEEN %(low)s AND %(high)s AND status = 'published' ORDER BY id

-- name: courses_between
-- Id, slug and highest list number of the shown courses of an id range.
SELECT c.id, c.slug, (SELECT e.last FROM live.list_end e WHERE e.list = c.id << 8 | 1)
FROM catalog.course c WHERE c.id BETWEEN %(low)s AND %(high)s AND EXISTS (
    SELECT FROM catalog.batch b JOIN catalog.video v ON v.batch_id = b.id
    WHERE b.course_id = c.id AND v.status = 'published') ORDER BY c.id

-- name: batches_between
-- Id, slug and size of the shown batches of an id range.
SELECT b.id, b.slug, count(*)::int FROM catalog.batch b JOIN catalog.video v ON v.batch_id = b.id AND v.status = 'published'
WHERE b.id BETWEEN %(low)s AND %(high)s GROUP BY b.id ORDER BY b.id

-- name: subjects_between
-- Id, slug and highest list number of the shown subjects of an id range.
SELECT s.id, s.slug, (SELECT e.last FROM live.list_end e WHERE e.list = s.id << 8 | 5)
FROM catalog.subject s WHERE s.id BETWEEN %(low)s AND %(high)s AND EXISTS (
    SELECT FROM catalog.video_subject vs JOIN catalog.video v ON v.id = vs.video_id
    WHERE vs.subject_id = s.id AND v.status = 'published') ORDER BY s.id

-- name: instructors_between
-- Id, slug and highest list number of the shown instructors of an id range.
SELECT i.id, i.slug, (SELECT e.last FROM live.list_end e WHERE e.list = i.id << 8 | 7)
FROM catalog.instructor i WHERE i.id BETWEEN %(low)s AND %(high)s AND EXISTS (
    SELECT FROM catalog.video_instructor vi JOIN catalog.video v ON v.id = vi.video_id
    WHERE vi.instructor_id = i.id AND v.status = 'published') ORDER BY i.id

-- name: site_uuid
-- Who this site is.
SELECT uuid::text FROM live.site

-- name: known
-- The manifest's rows of paths and of units, as builder.manifest.Row. Where a release that died left a path uncertain,
-- with the version that stood there before it.
SELECT o.path, o.unit, o.kind, encode(o.digest, 'hex'), o.keys, encode(o.fingerprint, 'hex'), o.size_bytes, o.release, o.etag,
       o.tags, r.state = 'live', encode(u.digest, 'hex'), u.release, u.etag
FROM live.object o JOIN live.release r ON r.number = o.release
LEFT JOIN LATERAL (SELECT k.digest, k.release, k.etag
    FROM live.retained k JOIN live.release d ON d.number = k.replaced_by AND d.state <> 'live'
    WHERE r.state <> 'live' AND k.path = o.path ORDER BY k.replaced_by DESC LIMIT 1) u ON true
WHERE o.path = ANY(%(paths)s) OR o.unit = ANY(%(units)s)

-- name: paths_of
-- The paths of the pages of a unit.
SELECT path FROM live.object WHERE unit = %(unit)s

-- name: name_of
-- Slug and title of one thing.
SELECT slug, title FROM catalog.video WHERE %(kind)s = 'video' AND id = %(id)s
UNION ALL SELECT slug, title FROM catalog.batch WHERE %(kind)s = 'batch' AND id = %(id)s
UNION ALL SELECT slug, title FROM catalog.course WHERE %(kind)s = 'course' AND id = %(id)s
UNION ALL SELECT slug, title FROM catalog.subject WHERE %(kind)s = 'subject' AND id = %(id)s
UNION ALL SELECT slug, name FROM catalog.instructor WHERE %(kind)s = 'instructor' AND id = %(id)s
