-- Takedowns that are owed until they are done, and what keeps the builder's own tables small and quick to ask.

-- A row from the COMMIT that takes a thing out of the catalog until it is gone everywhere: any later run finishes it.
CREATE TABLE live.takedown (
    kind text NOT NULL,
    id bigint NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed bigint[] NOT NULL,
    units bigint[] NOT NULL,
    videos bigint[] NOT NULL,
    pictures text[] NOT NULL,
    paths text[] NOT NULL DEFAULT '{}',
    release integer,
    done_at timestamptz,
    PRIMARY KEY (kind, id)
);
COMMENT ON COLUMN live.takedown.changed IS 'Packed keys that its pages, and those that show it, bear.';
COMMENT ON COLUMN live.takedown.units IS 'Packed units whose pages are its own.';
COMMENT ON COLUMN live.takedown.pictures IS 'Store keys of its pictures.';
COMMENT ON COLUMN live.takedown.release IS 'The release by which it left; NULL: none yet, or nothing of it was live.';
COMMENT ON COLUMN live.takedown.done_at IS 'NULL: owed.';
COMMENT ON COLUMN live.takedown.paths IS 'Every path that its pages were found at, live or kept: what edges are told to forget.';

-- Assets that no live page can name any more, and since when; they leave once no cache and no rollback can show one that does.
CREATE TABLE live.unnamed_asset (
    path text PRIMARY KEY COLLATE "C",
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Each release asks for those that died; there are none, among all that ever were.
CREATE INDEX release_writing ON live.release (number) WHERE state = 'writing';
CREATE INDEX receipt_asked ON live.receipt (asked_at);

DO $$
DECLARE builder text := current_database() || '_builder';
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = builder) THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON live.takedown, live.unnamed_asset TO %I', builder);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no rights given: % may not grant them', current_user;
END $$;
