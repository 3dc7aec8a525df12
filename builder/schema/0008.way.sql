-- When a release was rendered, and when its purges were acknowledged: the steps of its way that nobody else notes.

ALTER TABLE live.release
    ADD COLUMN rendered_at timestamptz,
    ADD COLUMN purged_at timestamptz;
COMMENT ON COLUMN live.release.rendered_at IS 'When all of it was rendered, just before its COMMIT.';
COMMENT ON COLUMN live.release.purged_at IS 'When the last CDN acknowledged its first purge; NULL: not yet, or nothing was to be purged.';
