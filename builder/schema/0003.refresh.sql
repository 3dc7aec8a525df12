-- What the hourly refresh knows: of addresses, hosts, quotas, and what it last wrote itself.

-- A row an address, whichever videos have it: what its provider said last, and since when it says nothing.
CREATE TABLE live.refresh_source (
    url text PRIMARY KEY COLLATE "C",
    asked_at timestamptz,
    next_at timestamptz NOT NULL DEFAULT '-infinity',
    etag text NOT NULL DEFAULT '',
    last_modified text NOT NULL DEFAULT '',
    asked_with text NOT NULL DEFAULT '',
    duration_s integer CHECK (duration_s BETWEEN 1 AND 86400),
    picture_url catalog.web_url,
    missing_runs integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    why text NOT NULL DEFAULT ''
);
COMMENT ON COLUMN live.refresh_source.asked_at IS 'The last clear answer, found or not found; NULL: none yet.';
COMMENT ON COLUMN live.refresh_source.asked_with IS 'Digest of the addresses that were asked for in one request: the ETag is of their common answer.';
COMMENT ON COLUMN live.refresh_source.missing_runs IS 'Runs in a row in which the provider said that it is not there.';
COMMENT ON COLUMN live.refresh_source.failures IS 'Runs in a row without a clear answer, the reason in "why".';

-- Hosts that answered for nobody: not asked again before "until".
CREATE TABLE live.refresh_host (
    host text PRIMARY KEY,
    failures integer NOT NULL,
    until timestamptz NOT NULL,
    why text NOT NULL
);

-- Units that a provider's API was asked for, by the provider's own day.
CREATE TABLE live.refresh_quota (
    provider text NOT NULL,
    day date NOT NULL,
    used integer NOT NULL,
    PRIMARY KEY (provider, day)
);

-- What refresh itself last wrote into a video: only that is its to change.
CREATE TABLE live.refresh_video (
    video_id bigint PRIMARY KEY,
    duration_s integer,
    picture_url text,
    picture_of text,
    picture_failures integer NOT NULL DEFAULT 0,
    picture_next_at timestamptz NOT NULL DEFAULT '-infinity',
    picture_why text NOT NULL DEFAULT '',
    card_of bytea
);
COMMENT ON COLUMN live.refresh_video.picture_of IS 'The picture_url that video.picture is a copy of.';
COMMENT ON COLUMN live.refresh_video.card_of IS 'Digest of what video.card was drawn from.';

-- Copies and cards in the store: each belongs to one video.
CREATE TABLE live.refresh_picture (
    key text PRIMARY KEY COLLATE "C",
    video_id bigint NOT NULL,
    dropped_at timestamptz
);
COMMENT ON COLUMN live.refresh_picture.dropped_at IS 'Since when no row names it; it stays until no cached page can.';
CREATE INDEX refresh_picture_video ON live.refresh_picture (video_id);

-- A version is an editor's: what the hourly job found out conflicts with nobody's edit.
CREATE OR REPLACE FUNCTION catalog.raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE was record := OLD;
BEGIN
    IF TG_TABLE_NAME = 'video' THEN
        was.picture := NEW.picture;
        was.card := NEW.card;
        was.unavailable_since := NEW.unavailable_since;
        NEW.text_hash := OLD.text_hash;  -- a generated column is still NULL here, and so always distinct
    END IF;
    IF NEW IS DISTINCT FROM was THEN
        NEW.version := OLD.version + 1;
    END IF;
    RETURN NEW;
END $$;

DO $$
DECLARE builder text := current_database() || '_builder';
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = builder) THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON live.refresh_source, live.refresh_host, live.refresh_quota,
            live.refresh_video, live.refresh_picture TO %I', builder);
        EXECUTE format('GRANT UPDATE (duration_s, picture_url, picture, card, unavailable_since) ON catalog.video TO %I', builder);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no rights given: % may not grant them', current_user;
END $$;
