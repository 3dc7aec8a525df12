-- What PostgreSQL can hold and a site cannot show is refused where it is written, for one such row would stop every release: dates
-- that are infinite or outside of the years 1 to 9999, and ids that a unit of the manifest, packed into 63 bits, does not hold. A thing's
-- old addresses are a unit with 16 bits beside the id, a page of a subject or an instructor one with 24.
-- NOT VALID: rows that are there are looked at when they are next changed, so that no table is read under a lock.

ALTER TABLE catalog.course ADD CONSTRAINT course_id_range CHECK (id BETWEEN 1 AND 140737488355327) NOT VALID;
ALTER TABLE catalog.subject ADD CONSTRAINT subject_id_range CHECK (id BETWEEN 1 AND 549755813887) NOT VALID;
ALTER TABLE catalog.instructor ADD CONSTRAINT instructor_id_range CHECK (id BETWEEN 1 AND 549755813887) NOT VALID;
ALTER TABLE catalog.batch
    ADD CONSTRAINT batch_id_range CHECK (id BETWEEN 1 AND 140737488355327) NOT VALID,
    ADD CONSTRAINT batch_starts_on_range CHECK (starts_on BETWEEN '0001-01-01' AND '9999-12-31') NOT VALID,
    ADD CONSTRAINT batch_ends_on_range CHECK (ends_on BETWEEN '0001-01-01' AND '9999-12-31') NOT VALID;
ALTER TABLE catalog.video
    ADD CONSTRAINT video_id_range CHECK (id BETWEEN 1 AND 140737488355327) NOT VALID,
    ADD CONSTRAINT video_recorded_on_range CHECK (recorded_on BETWEEN '0001-01-01' AND '9999-12-31') NOT VALID,
    ADD CONSTRAINT video_publish_at_range CHECK (publish_at BETWEEN '0001-01-02 00:00Z' AND '9999-12-30 00:00Z') NOT VALID,
    ADD CONSTRAINT video_words_at_range CHECK (words_at BETWEEN '0001-01-02 00:00Z' AND '9999-12-30 00:00Z') NOT VALID,
    ADD CONSTRAINT video_unavailable_since_range CHECK (unavailable_since BETWEEN '0001-01-02 00:00Z' AND '9999-12-30 00:00Z') NOT VALID;
ALTER TABLE catalog.old_slug ADD CONSTRAINT old_slug_owner_id_range CHECK (owner_id BETWEEN 1 AND 140737488355327) NOT VALID;
