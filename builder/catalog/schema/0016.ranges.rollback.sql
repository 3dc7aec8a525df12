ALTER TABLE catalog.course DROP CONSTRAINT course_id_range;
ALTER TABLE catalog.subject DROP CONSTRAINT subject_id_range;
ALTER TABLE catalog.instructor DROP CONSTRAINT instructor_id_range;
ALTER TABLE catalog.batch
    DROP CONSTRAINT batch_id_range,
    DROP CONSTRAINT batch_starts_on_range,
    DROP CONSTRAINT batch_ends_on_range;
ALTER TABLE catalog.video
    DROP CONSTRAINT video_id_range,
    DROP CONSTRAINT video_recorded_on_range,
    DROP CONSTRAINT video_publish_at_range,
    DROP CONSTRAINT video_words_at_range,
    DROP CONSTRAINT video_unavailable_since_range;
ALTER TABLE catalog.old_slug DROP CONSTRAINT old_slug_owner_id_range;
