-- name: published
-- Whether a video can be watched by anybody at all.
SELECT EXISTS (SELECT FROM catalog.video WHERE id = %(video_id)s AND status = 'published')
