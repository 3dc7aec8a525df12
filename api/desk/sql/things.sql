-- name: course
-- Courses, the newest first.
SELECT t.id, t.title, t.slug, NULL::text, NULL::bigint, NULL::text,
    (SELECT count(*)::int FROM catalog.video v JOIN catalog.batch b ON b.id = v.batch_id WHERE b.course_id = t.id),
    EXISTS (SELECT FROM desk.edit e WHERE e.state = 'open' AND e.kind = 'course' AND e.thing_id = t.id),
    EXISTS (SELECT FROM live.set_aside a WHERE a.unit = t.id << 8 | 6)
FROM catalog.course t
WHERE t.id < %(after)s AND (%(ids)s::bigint[] IS NULL OR t.id = ANY(%(ids)s))
    AND (%(like)s = '' OR t.title ILIKE %(like)s OR t.slug ILIKE %(like)s)
    AND (%(status)s <> 'waiting' OR EXISTS (SELECT FROM desk.edit e WHERE e.state = 'open' AND e.kind = 'course' AND e.thing_id = t.id))
    AND (%(status)s <> 'aside' OR EXISTS (SELECT FROM live.set_aside a WHERE a.unit = t.id << 8 | 6))
ORDER BY t.id DESC LIMIT %(limit)s

-- name: batch
-- Batches, the newest first.
SELECT t.id, t.title, t.slug, NULL::text, NULL::bigint, NULL::text,
    (SELECT count(*)::int FROM catalog.video v WHERE v.batch_id = t.id),
    EXISTS (SELECT FROM desk.edit e WHERE e.state = 'open' AND e.kind = 'batch' AND e.thing_id = t.id),
    EXISTS (SELECT FROM live.set_aside a WHERE a.unit = t.id << 8 | 5)
FROM catalog.batch t
WHERE t.id < %(after)s AND (%(ids)s::bigint[] IS NULL OR t.id = ANY(%(ids)s))
    AND (%(like)s = '' OR t.title ILIKE %(like)s OR t.slug ILIKE %(like)s)
    AND (%(status)s <> 'waiting' OR EXISTS (SELECT FROM desk.edit e WHERE e.state = 'open' AND e.kind = 'batch' AND e.thing_id = t.id))
    AND (%(status)s <> 'aside' OR EXISTS (SELECT FROM live.set_aside a WHERE a.unit = t.id << 8 | 5))
ORDER BY t.id DESC LIMIT %(limit)s

-- name: subject
-- Subjects, the newest first.
SELECT t.id, t.title, t.slug, NULL::text, NULL::bigint, NULL::text,
    (SELECT count(*)::int FROM catalog.video_subject x WHERE x.subject_id = t.id),
    EXISTS (SELECT FROM desk.edit e WHERE e.state = 'open' AND e.kind = 'subject' AND e.thing_id = t.id), false
FROM catalog.subject t
WHERE t.id < %(after)s AND (%(ids)s::bigint[] IS NULL OR t.id = ANY(%(ids)s))
    AND (%(like)s = '' OR t.title ILIKE %(like)s OR t.slug ILIKE %(like)s)
    AND (%(status)s <> 'waiting' OR EXISTS (SELECT FROM desk.edit e WHERE e.state = 'open' AND e.kind = 'subject' AND e.thing_id = t.id))
    AND %(status)s <> 'aside'
ORDER BY t.id DESC LIMIT %(limit)s

-- name: instructor
-- Instructors, the newest first.
SELECT t.id, t.name, t.slug, NULL::text, NULL::bigint, NULL::text,
    (SELECT count(*)::int FROM catalog.video_instructor x WHERE x.instructor_id = t.id),
    EXISTS (SELECT FROM desk.edit e WHERE e.state = 'open' AND e.kind = 'instructor' AND e.thing_id = t.id), false
FROM catalog.instructor t
WHERE t.id < %(after)s AND (%(ids)s::bigint[] IS NULL OR t.id = ANY(%(ids)s))
    AND (%(like)s = '' OR t.name ILIKE %(like)s OR t.slug ILIKE %(like)s)
    AND (%(status)s <> 'waiting' OR EXISTS (SELECT FROM desk.edit e WHERE e.state = 'open' AND e.kind = 'instructor' AND e.thing_id = t.id))
    AND %(status)s <> 'aside'
ORDER BY t.id DESC LIMIT %(limit)s

-- name: video
-- Videos, the newest first.
SELECT t.id, t.title, t.slug, t.status, t.batch_id, desk.moment(t.publish_at), NULL::int,
    EXISTS (SELECT FROM desk.edit e WHERE e.state = 'open' AND e.kind = 'video' AND e.thing_id = t.id),
    EXISTS (SELECT FROM live.set_aside a WHERE a.unit = t.id << 8 | 1)
FROM catalog.video t
WHERE t.id < %(after)s AND (%(ids)s::bigint[] IS NULL OR t.id = ANY(%(ids)s))
    AND (%(like)s = '' OR t.title ILIKE %(like)s OR t.slug ILIKE %(like)s)
    AND (%(batch)s::bigint IS NULL OR t.batch_id = %(batch)s)
    AND (%(status)s IN ('', 'waiting', 'aside') OR t.status = %(status)s)
    AND (%(status)s <> 'waiting' OR EXISTS (SELECT FROM desk.edit e WHERE e.state = 'open' AND e.kind = 'video' AND e.thing_id = t.id))
    AND (%(status)s <> 'aside' OR EXISTS (SELECT FROM live.set_aside a WHERE a.unit = t.id << 8 | 1))
ORDER BY t.id DESC LIMIT %(limit)s

-- name: thing
-- A thing and its ETag, both NULL where there is none; and what of a video no editor writes.
SELECT t.etag, t.thing, v.picture, desk.moment(v.unavailable_since)
FROM desk.thing(%(kind)s, %(id)s) t LEFT JOIN catalog.video v ON %(kind)s = 'video' AND v.id = %(id)s

-- name: names
-- What ids mean, by kind.
SELECT 'course:' || id, title FROM catalog.course WHERE id = ANY(%(course)s)
UNION ALL SELECT 'batch:' || id, title FROM catalog.batch WHERE id = ANY(%(batch)s)
UNION ALL SELECT 'subject:' || id, title FROM catalog.subject WHERE id = ANY(%(subject)s)
UNION ALL SELECT 'instructor:' || id, name FROM catalog.instructor WHERE id = ANY(%(instructor)s)
UNION ALL SELECT 'video:' || id, title FROM catalog.video WHERE id = ANY(%(video)s)

-- name: others
-- Other editors' open edits of a thing.
SELECT e.id, e.author_id, coalesce(nullif(a.name, ''), split_part(a.email, '@', 1), '?'), desk.moment(e.saved_at)
FROM desk.edit e LEFT JOIN student.account a ON a.id = e.author_id
WHERE e.state = 'open' AND e.kind = %(kind)s AND e.thing_id = %(id)s AND e.author_id <> %(account)s
ORDER BY e.saved_at DESC, e.id LIMIT 20
