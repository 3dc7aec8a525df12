-- What is live: the builder's own tables. No client but the builder writes here.

CREATE SCHEMA live;
COMMENT ON SCHEMA live IS 'What the site shows: manifest, releases, list numbers, derived text.';

-- Who this site is, whatever its host is called: feed ids are made from it.
CREATE TABLE live.site (
    uuid uuid NOT NULL DEFAULT gen_random_uuid(),
    one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
INSERT INTO live.site DEFAULT VALUES;

-- One sequence numbers releases and fences every attempt to write.
CREATE SEQUENCE live.write_number AS integer;

CREATE TABLE live.release (
    number integer PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('writing', 'live', 'superseded')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    live_at timestamptz,
    rendered integer NOT NULL DEFAULT 0,
    uploaded integer NOT NULL DEFAULT 0,
    retired integer NOT NULL DEFAULT 0,
    store text NOT NULL,
    made_of bytea
);
COMMENT ON COLUMN live.release.store IS 'The store that it went to: the manifest speaks of the last one''s.';
COMMENT ON COLUMN live.release.made_of IS
    'Digest of the catalog''s state and the pages'' fingerprint: equal, nothing to do. NULL where a page was set aside.';
COMMENT ON COLUMN live.release.state IS
    'writing: uploads may be under way; live: all done; superseded: died, its paths were taken by a later release.';

-- The manifest: a row a path. What a row says is certain once its release is live; until then
-- the path is uncertain and the store is asked.
CREATE TABLE live.object (
    path text PRIMARY KEY COLLATE "C",
    kind text NOT NULL,
    digest bytea NOT NULL,
    fingerprint bytea NOT NULL,
    tags text NOT NULL,
    keys bigint[] NOT NULL,
    size_bytes integer NOT NULL,
    release integer NOT NULL
);
COMMENT ON COLUMN live.object.digest IS 'XXH3-128 over uncompressed body, headers and tags.';
COMMENT ON COLUMN live.object.keys IS 'What the page depends on, packed: see builder/catalog/keys.py.';
CREATE INDEX object_keys ON live.object USING gin (keys) WITH (fastupdate = off);
CREATE INDEX object_release ON live.object (release);

-- An item's place in a list: written by the release that first shows it, never changed or reused.
CREATE TABLE live.list_number (
    list bigint NOT NULL,
    number integer NOT NULL,
    item_id bigint NOT NULL,
    PRIMARY KEY (list, number)
);
CREATE UNIQUE INDEX list_number_item ON live.list_number (item_id, list);
COMMENT ON COLUMN live.list_number.list IS 'Packed key of the thing whose list it is: site, course, subject, instructor.';

-- A prefix of an alphabetical index that has its own pages, one a further letter. Never undone.
CREATE TABLE live.index_split (
    list text NOT NULL CHECK (list IN ('course', 'subject', 'instructor')),
    prefix text NOT NULL,
    PRIMARY KEY (list, prefix)
);

-- A path that was used once and shows nothing now: it answers "gone", or leads on.
CREATE TABLE live.tombstone (
    path text PRIMARY KEY COLLATE "C",
    release integer NOT NULL
);

-- Clean HTML of a source text, by the SHA-256 of the sanitiser's version and catalog.text_hash.
CREATE TABLE live.clean_text (
    hash bytea PRIMARY KEY,
    html text NOT NULL,
    plain text NOT NULL,
    note text NOT NULL DEFAULT ''
);
COMMENT ON COLUMN live.clean_text.plain IS 'The first words without markup, for meta descriptions.';
COMMENT ON COLUMN live.clean_text.note IS 'Why the text is shown plain, where its markup could not be read.';

DO $$
DECLARE builder text := current_database() || '_builder';
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = builder) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', builder);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA live TO %I', builder);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA live TO %I', builder);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA live TO %I', builder);
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no role made: % may not create roles', current_user;
END $$;
