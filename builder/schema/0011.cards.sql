-- Social cards of batches and courses, beside those of videos: drawn by refresh, each its owner's.

ALTER TABLE catalog.course ADD COLUMN card text CHECK (card ~ '^[a-z0-9/._-]{1,200}$');
ALTER TABLE catalog.batch ADD COLUMN card text CHECK (card ~ '^[a-z0-9/._-]{1,200}$');
COMMENT ON COLUMN catalog.course.card IS 'Store key of the picture that other sites show beside a link; NULL until refresh drew one.';
COMMENT ON COLUMN catalog.batch.card IS 'Store key of the picture that other sites show beside a link; NULL until refresh drew one.';

-- A picture is one video's, one batch's or one course's.
ALTER TABLE live.refresh_picture
    ALTER COLUMN video_id DROP NOT NULL,
    ADD COLUMN batch_id bigint,
    ADD COLUMN course_id bigint,
    ADD COLUMN owner bigint GENERATED ALWAYS AS (coalesce(video_id << 8 | 9, batch_id << 8 | 3, course_id << 8 | 1)) STORED,
    ADD CHECK (num_nonnulls(video_id, batch_id, course_id) = 1);
COMMENT ON COLUMN live.refresh_picture.owner IS 'Packed key of whose it is: see builder/catalog/keys.py.';
CREATE INDEX refresh_picture_owner ON live.refresh_picture (owner);

CREATE TABLE live.refresh_card (
    owner bigint PRIMARY KEY,
    card_of bytea NOT NULL
);
COMMENT ON TABLE live.refresh_card IS 'What the cards of batches and courses were drawn from; a video''s stands in live.refresh_video.';
COMMENT ON COLUMN live.refresh_card.owner IS 'Packed key of the batch or course.';
COMMENT ON COLUMN live.refresh_card.card_of IS 'Digest of what the card was drawn from.';

-- A card is shown by its owner's own pages only. An INSERT and a DELETE touch all that a row is shown by as it is.
DO $$
DECLARE
    rule record;
    namesakes text := $q$ || CASE WHEN was_called IS DISTINCT FROM is_called THEN ARRAY(
        SELECT unnest(ARRAY[s.id << 8 | %1$s, s.id << 8 | %1$s + 1]) FROM catalog.%2$I s
        WHERE s.title IN (was_called, is_called) AND s.id <> r.id) END $q$;
BEGIN
    FOR rule IN SELECT * FROM (VALUES
    ('course', 1, $q$
        coalesce(n.id, o.id) AS id, o.title AS was_called, n.title AS is_called,
        (o.title, o.slug) IS DISTINCT FROM (n.title, n.slug) AS card,
        (o.description, o.description_markup, o.card) IS DISTINCT FROM (n.description, n.description_markup, n.card) AS own $q$),
    ('batch', 3, $q$
        coalesce(n.id, o.id) AS id, o.title AS was_called, n.title AS is_called,
        (o.title, o.slug, o.gated, o.course_id) IS DISTINCT FROM (n.title, n.slug, n.gated, n.course_id) AS card,
        (o.description, o.description_markup, o.url, o.starts_on, o.ends_on, o.card)
            IS DISTINCT FROM (n.description, n.description_markup, n.url, n.starts_on, n.ends_on, n.card) AS own $q$)
    ) AS r (of_table, code, seen) LOOP
        EXECUTE format($f$
            CREATE OR REPLACE FUNCTION catalog.%1$I() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
            BEGIN
                INSERT INTO catalog.change (keys) SELECT keys FROM (
                    SELECT array_remove(%2$s, NULL) FROM (
                        SELECT %3$s FROM old_rows o JOIN new_rows n ON o.id = n.id
                        WHERE NOT EXISTS (SELECT FROM new_rows OFFSET 1) OFFSET 0) r OFFSET 0) k (keys)
                WHERE keys <> '{}';
                IF NOT FOUND THEN
                    INSERT INTO catalog.change (keys) SELECT array_agg(DISTINCT key) FROM (
                        SELECT unnest(%2$s) FROM (
                            SELECT %3$s FROM old_rows o FULL JOIN new_rows n ON o.id = n.id OFFSET 0) r) k (key)
                    WHERE key IS NOT NULL HAVING count(*) > 0;
                END IF;
                RETURN NULL;
            END $body$ $f$,
            'feed_' || rule.of_table || '_update',
            format('ARRAY[CASE WHEN own OR card THEN id << 8 | %1$s END, CASE WHEN card THEN id << 8 | %1$s + 1 END]', rule.code)
                || format(namesakes, rule.code, rule.of_table),
            rule.seen);
    END LOOP;
END $$;

-- A card conflicts with no editor's edit.
CREATE OR REPLACE FUNCTION catalog.raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE was record := OLD;
BEGIN
    IF TG_TABLE_NAME = 'video' THEN
        was.picture := NEW.picture;
        was.card := NEW.card;
        was.unavailable_since := NEW.unavailable_since;
        NEW.text_hash := OLD.text_hash;  -- a generated column is still NULL here, and so always distinct
    ELSIF TG_TABLE_NAME IN ('batch', 'course') THEN
        was.card := NEW.card;
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
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON live.refresh_card TO %I', builder);
        EXECUTE format('GRANT UPDATE (card) ON catalog.batch TO %I', builder);
        EXECUTE format('GRANT UPDATE (card) ON catalog.course TO %I', builder);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no rights given: % may not grant them', current_user;
END $$;
