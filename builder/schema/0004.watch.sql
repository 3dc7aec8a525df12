-- What the worker remembers of its nightly check: a plan from nothing, which finds what came past the triggers.

ALTER TABLE live.site
    ADD COLUMN checked_at timestamptz,
    ADD COLUMN check_found text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN live.site.checked_at IS 'When the last nightly check ended; NULL: none has yet.';
COMMENT ON COLUMN live.site.check_found IS 'Paths that it mended though no change had named them, the first of them; empty: all was well.';
