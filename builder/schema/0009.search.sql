-- What search files are made of: the terms of each lecture that is shown, and for each term the lectures that it leads to.
-- Kept beside the catalog, since a release may read only what an edit touches; made anew wherever it is missing.

CREATE TABLE live.search_video (
    video_id bigint PRIMARY KEY,
    made_of bigint NOT NULL,
    terms text[] NOT NULL,
    places smallint[] NOT NULL
);
COMMENT ON COLUMN live.search_video.made_of IS 'Hash of all that the terms are made of, and of the rules that they are made by.';
COMMENT ON COLUMN live.search_video.places IS 'Where each term stands, as bits: see builder/catalog/terms.py.';

CREATE TABLE live.search_term (
    unit bigint NOT NULL,
    term text NOT NULL COLLATE "C",
    postings text NOT NULL,
    PRIMARY KEY (unit, term)
);
COMMENT ON COLUMN live.search_term.unit IS 'The file that it stands in.';
COMMENT ON COLUMN live.search_term.postings IS 'Ascending: the step from the lecture before, less one, in base 36 ("" for 0), then a letter for where the term stands.';

DO $$
DECLARE builder text := current_database() || '_builder';
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = builder) THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON live.search_video, live.search_term TO %I', builder);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no right given: % may not', current_user;
END $$;
