-- All that one page needs of one student, as the JSON that is sent. A function, so that its plan is kept by the
-- database's session, through a pooler too: half the time of the same statement planned anew. It reads what the
-- caller may read.
CREATE FUNCTION student.overlay(p_account bigint, p_videos bigint[], p_batch bigint)
RETURNS TABLE (revision bigint, body text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_batch IS NOT NULL THEN
        p_videos := ARRAY(SELECT v.id FROM catalog.video v WHERE v.batch_id = p_batch AND v.status = 'published');
    END IF;
    RETURN QUERY
    SELECT a.revision, json_build_object(
        'account', a.id,
        'revision', a.revision,
        'enrolled', (SELECT coalesce(json_agg(e.batch_id ORDER BY e.batch_id), '[]')
            FROM student.enrolment e WHERE e.account_id = a.id),
        'progress', (SELECT coalesce(json_agg(json_build_object(
                'video', p.video_id, 'position_s', p.position_s, 'completed', p.completed) ORDER BY p.video_id), '[]')
            FROM student.progress p WHERE p.account_id = a.id AND p.video_id = ANY (p_videos)),
        'bookmarks', (SELECT coalesce(json_agg(b.video_id ORDER BY b.video_id), '[]')
            FROM student.bookmark b WHERE b.account_id = a.id AND b.video_id = ANY (p_videos)),
        'notes', (SELECT coalesce(json_agg(json_build_object('video', n.video_id, 'count', n.count) ORDER BY n.video_id), '[]')
            FROM (SELECT m.video_id, count(*) FROM student.note m
                WHERE m.account_id = a.id AND m.video_id = ANY (p_videos) GROUP BY m.video_id) n),
        'batch', (SELECT json_build_object('batch', p_batch, 'started', count(*),
                'completed', count(*) FILTER (WHERE p.completed),
                'last_video', (array_agg(p.video_id ORDER BY p.at DESC, p.video_id DESC))[1])
            FROM student.progress p
            WHERE p.account_id = a.id AND p.video_id = ANY (p_videos) HAVING p_batch IS NOT NULL)
        )::text
    FROM student.account a WHERE a.id = p_account;
END $$;
COMMENT ON FUNCTION student.overlay IS
    'Of the given videos, or of the published ones of a batch: positions, ticks, bookmarks, how many notes; enrolments; '
    'the progress of the batch. Ids only, in their order. And the revision that this is the state of.';
