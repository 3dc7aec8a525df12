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
        (o.description, o.description_markup) IS DISTINCT FROM (n.description, n.description_markup) AS own $q$),
    ('batch', 3, $q$
        coalesce(n.id, o.id) AS id, o.title AS was_called, n.title AS is_called,
        (o.title, o.slug, o.gated, o.course_id) IS DISTINCT FROM (n.title, n.slug, n.gated, n.course_id) AS card,
        (o.description, o.description_markup, o.url, o.starts_on, o.ends_on)
            IS DISTINCT FROM (n.description, n.description_markup, n.url, n.starts_on, n.ends_on) AS own $q$)
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

DROP TABLE live.refresh_card;
DELETE FROM live.refresh_picture WHERE video_id IS NULL;
DROP INDEX live.refresh_picture_owner;
ALTER TABLE live.refresh_picture DROP COLUMN owner, DROP COLUMN batch_id, DROP COLUMN course_id, ALTER COLUMN video_id SET NOT NULL;
ALTER TABLE catalog.batch DROP COLUMN card;
ALTER TABLE catalog.course DROP COLUMN card;
