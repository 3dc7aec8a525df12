-- name: sources
-- A published video's sources in their order, and whether the student is enrolled in its batch; no row for what is not published.
SELECT EXISTS (SELECT FROM student.enrolment e WHERE e.account_id = %(account_id)s AND e.batch_id = v.batch_id),
    ARRAY(SELECT json_build_array(s.kind, s.url, s.start_s)::text FROM catalog.source s WHERE s.video_id = v.id ORDER BY s.position)
FROM catalog.video v
WHERE v.id = %(video_id)s AND v.status = 'published'
