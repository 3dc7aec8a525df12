-- Publishing: what each object was made for, what replaced bodies are kept as, and what is owed.

ALTER TABLE live.object
    ADD COLUMN unit bigint NOT NULL DEFAULT 0,
    ADD COLUMN etag text NOT NULL DEFAULT '';
COMMENT ON COLUMN live.object.unit IS 'Packed part and unit that the page is made by: see builder/task.py.';
COMMENT ON COLUMN live.object.etag IS 'What the store calls this version; empty where it follows from digest and write number.';
CREATE INDEX object_unit ON live.object (unit);

ALTER TABLE live.release
    DROP COLUMN made_of,
    ADD COLUMN cause text NOT NULL DEFAULT 'build' CHECK (cause IN ('build', 'rollback', 'takedown', 'heal')),
    ADD COLUMN changes integer NOT NULL DEFAULT 0,
    ADD COLUMN purged integer NOT NULL DEFAULT 0,
    ADD COLUMN held_back integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN live.release.held_back IS 'Retirements that the guard did not let pass.';

ALTER TABLE live.site
    ADD COLUMN held_at integer,
    ADD COLUMN horizon integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN live.site.horizon IS 'No rollback goes behind this release: a takedown, or bodies kept no longer.';
COMMENT ON COLUMN live.site.held_at IS 'The release that a rollback went back to: nothing but takedowns is released until the hold ends.';

-- The highest number that each list has given.
CREATE TABLE live.list_end (
    list bigint PRIMARY KEY,
    last integer NOT NULL
);
INSERT INTO live.list_end SELECT list, max(number) FROM live.list_number GROUP BY list;

-- A manifest row as it was when a release replaced it, and the store key of its body.
CREATE TABLE live.retained (
    path text NOT NULL COLLATE "C",
    replaced_by integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kept_as text NOT NULL,
    kind text NOT NULL,
    digest bytea NOT NULL,
    tags text NOT NULL,
    keys bigint[] NOT NULL,
    size_bytes integer NOT NULL,
    release integer NOT NULL,
    etag text NOT NULL,
    unit bigint NOT NULL,
    PRIMARY KEY (path, replaced_by)
);
CREATE INDEX retained_release ON live.retained (replaced_by);
CREATE INDEX retained_at ON live.retained (at);

-- Units with a page that could not be rendered: tried again by every release.
CREATE TABLE live.set_aside (
    unit bigint NOT NULL,
    path text NOT NULL,
    kind text NOT NULL,
    why text NOT NULL,
    release integer NOT NULL,
    PRIMARY KEY (unit, path)
);

-- What is owed until it is done.
CREATE TABLE live.debt (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('purge', 'retirement', 'receipt')),
    release integer NOT NULL,
    cdn text NOT NULL DEFAULT '',
    what text[] NOT NULL,
    again boolean NOT NULL DEFAULT false,
    owed_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries integer NOT NULL DEFAULT 0,
    why text NOT NULL DEFAULT ''
);
COMMENT ON COLUMN live.debt.what IS 'purge: names of one CDN; retirement, receipt: paths.';
COMMENT ON COLUMN live.debt.again IS 'The second purge, for an edge that fetched just before the upload and stored just after the first.';
CREATE INDEX debt_due ON live.debt (due_at);
CREATE INDEX debt_release ON live.debt (release, kind);

-- What an edge showed of a release, and how long after the change.
CREATE TABLE live.receipt (
    release integer NOT NULL,
    kind text NOT NULL,
    url text NOT NULL,
    encoding text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lag_ms integer,
    served_by text NOT NULL DEFAULT '',
    PRIMARY KEY (release, url, encoding)
);
COMMENT ON COLUMN live.receipt.lag_ms IS 'From the change to the new bytes; NULL where they were not seen in time.';

DO $$
DECLARE builder text := current_database() || '_builder';
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = builder) THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA live TO %I', builder);
        EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA live TO %I', builder);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no rights given: % may not grant them', current_user;
END $$;
