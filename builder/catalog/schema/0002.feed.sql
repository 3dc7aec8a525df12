-- The change feed: which keys each committed edit touched. Appended by triggers in the editor's own transaction.

CREATE TABLE catalog.change (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL DEFAULT coalesce(nullif(current_setting('lectern.actor', true), ''), session_user),
    keys bigint[] NOT NULL,
    release integer
);
COMMENT ON COLUMN catalog.change.actor IS 'The setting lectern.actor of the transaction, or the session''s user.';
COMMENT ON COLUMN catalog.change.keys IS 'Packed keys, each once, in no order: see builder/catalog/keys.py.';
COMMENT ON COLUMN catalog.change.release IS 'The release that took it; NULL: it waits.';
-- One index, and no primary key: each costs every editor's COMMIT.
CREATE INDEX change_release ON catalog.change (release, id);
-- Each row is written, taken, deleted: left to the defaults, a large table would be cleaned too seldom.
ALTER TABLE catalog.change SET (autovacuum_vacuum_scale_factor = 0.02);

ALTER TABLE catalog.video
    ADD COLUMN unavailable_since timestamptz,
    ADD COLUMN card text CHECK (card ~ '^[a-z0-9/._-]{1,200}$');
COMMENT ON COLUMN catalog.video.unavailable_since IS
    'Since when its provider says that it is no longer there; NULL: it is, or nobody asked.';
COMMENT ON COLUMN catalog.video.card IS 'Store key of the picture that other sites show beside a link; NULL until refresh drew one.';

-- The bell. It carries no keys, for a payload of 8,000 bytes would end the editor's transaction. A transaction that
-- notifies holds one lock of the whole server until its COMMIT is on the disk, so of many that commit at once one rings for
-- all; who listens looks again a moment later, for those that were still on their way. Deferred: the lock is
-- held for a COMMIT, never for the length of a transaction.
CREATE FUNCTION catalog.ring_bell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.pg_try_advisory_xact_lock(1281713012, 1650814060) THEN  -- "Lect", "bell"
        PERFORM pg_catalog.pg_notify('lectern_change', '');
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ring_bell AFTER INSERT ON catalog.change
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalog.ring_bell();
ALTER TABLE catalog.change ENABLE ALWAYS TRIGGER ring_bell;

-- What a TRUNCATE took is known to nobody: everything is planned anew.
CREATE FUNCTION catalog.feed_truncate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO catalog.change (keys) VALUES (ARRAY[0]);
    RETURN NULL;
END $$;

-- A title without the number that a second lecture of it would bear.
CREATE FUNCTION catalog.unnumbered(title text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN right(title, 1) = ')' THEN regexp_replace(title, ' \([1-9][0-9]*\)$', '') ELSE title END;

-- Three functions for each table, one an operation, all from one rule. "seen" compares a row's columns before (o) and after (n);
-- "touched" makes of that an array of keys, or of NULLs. An INSERT has no o and a DELETE no n, and a row whose identity changes is
-- both. A rule never looks for a row's parent: in a cascade that is already gone. It may look for rows of its own table that
-- bear the same title, for these are numbered. What no rule names (version, publish_at, a child's id) is shown nowhere.
DO $$
DECLARE
    rule record;
    feed text;
    kept text := 'LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp';  -- an editor needs no right on the feed
    namesakes text := $q$ || CASE WHEN was_called IS DISTINCT FROM is_called THEN ARRAY(
        SELECT unnest(ARRAY[s.id << 8 | %1$s, s.id << 8 | %1$s + 1]) FROM catalog.%2$I s
        WHERE s.%3$I IN (was_called, is_called) AND s.id <> r.id) END $q$;
BEGIN
    FOR rule IN SELECT * FROM (VALUES

    -- Only a published video is shown. Lectures of one title in a batch are numbered in the editor's order, past
    -- the numbers that stand in a title: "X" has to do with "X" and, as the second of them, with "X (2)".
    ('video', 'o.id = n.id', $q$
        coalesce(n.id, o.id) AS id, o.title AS was_called, n.title AS is_called,
        CASE WHEN o.status = 'published' THEN o.batch_id END AS was_in,
        CASE WHEN n.status = 'published' THEN n.batch_id END AS is_in,
        (o.duration_s, o.recorded_on) IS DISTINCT FROM (n.duration_s, n.recorded_on) AS sums,
        (o.title, o.slug, o.language, o.picture) IS DISTINCT FROM (n.title, n.slug, n.language, n.picture) AS card,
        (o.text_hash, o.licence, o.picture_url, o.card, o.words_at, o.unavailable_since)
            IS DISTINCT FROM (n.text_hash, n.licence, n.picture_url, n.card, n.words_at, n.unavailable_since) AS own,
        o.position IS DISTINCT FROM n.position AS place $q$, $q$
        CASE
            WHEN was_in IS DISTINCT FROM is_in THEN ARRAY[id << 8 | 9, id << 8 | 10, id << 8 | 18,
                was_in << 8 | 16, was_in << 8 | 17, is_in << 8 | 16, is_in << 8 | 17]
            WHEN is_in IS NOT NULL THEN ARRAY[
                CASE WHEN own OR card OR sums OR place THEN id << 8 | 9 END, CASE WHEN card OR sums THEN id << 8 | 10 END,
                CASE WHEN sums THEN is_in << 8 | 16 END, CASE WHEN place THEN is_in << 8 | 17 END]
        END || CASE WHEN was_in IS DISTINCT FROM is_in OR is_in IS NOT NULL AND (place OR was_called <> is_called)
            THEN ARRAY(SELECT v.id << 8 | 9 FROM catalog.video v
                WHERE v.batch_id IN (was_in, is_in) AND v.status = 'published' AND v.id <> r.id
                AND v.title IN (was_called, is_called, catalog.unnumbered(was_called), catalog.unnumbered(is_called))) END $q$),

    -- Courses, batches, subjects and instructors of one title are numbered by id.
    ('course', 'o.id = n.id', $q$
        coalesce(n.id, o.id) AS id, o.title AS was_called, n.title AS is_called,
        (o.title, o.slug) IS DISTINCT FROM (n.title, n.slug) AS card,
        (o.description, o.description_markup) IS DISTINCT FROM (n.description, n.description_markup) AS own $q$,
        'ARRAY[CASE WHEN own OR card THEN id << 8 | 1 END, CASE WHEN card THEN id << 8 | 2 END]'
        || format(namesakes, 1, 'course', 'title')),
    ('batch', 'o.id = n.id', $q$
        coalesce(n.id, o.id) AS id, o.title AS was_called, n.title AS is_called,
        (o.title, o.slug, o.gated, o.course_id) IS DISTINCT FROM (n.title, n.slug, n.gated, n.course_id) AS card,
        (o.description, o.description_markup, o.url, o.starts_on, o.ends_on)
            IS DISTINCT FROM (n.description, n.description_markup, n.url, n.starts_on, n.ends_on) AS own $q$,
        'ARRAY[CASE WHEN own OR card THEN id << 8 | 3 END, CASE WHEN card THEN id << 8 | 4 END]'
        || format(namesakes, 3, 'batch', 'title')),
    ('subject', 'o.id = n.id', $q$
        coalesce(n.id, o.id) AS id, o.title AS was_called, n.title AS is_called,
        (o.title, o.slug) IS DISTINCT FROM (n.title, n.slug) AS card $q$,
        'CASE WHEN card THEN ARRAY[id << 8 | 5, id << 8 | 6] END' || format(namesakes, 5, 'subject', 'title')),
    ('instructor', 'o.id = n.id', $q$
        coalesce(n.id, o.id) AS id, o.name AS was_called, n.name AS is_called,
        (o.name, o.slug) IS DISTINCT FROM (n.name, n.slug) AS card $q$,
        'CASE WHEN card THEN ARRAY[id << 8 | 7, id << 8 | 8] END' || format(namesakes, 7, 'instructor', 'name')),

    -- Neighbours leave out a recording that is listed twice, so they ask for each other's address.
    ('source', 'o.id = n.id', $q$
        o.video_id AS was_of, n.video_id AS is_of, (o.video_id, o.url) IS DISTINCT FROM (n.video_id, n.url) AS place,
        (o.position, o.kind, o.start_s) IS DISTINCT FROM (n.position, n.kind, n.start_s) AS own $q$, $q$
        CASE WHEN place THEN ARRAY[was_of << 8 | 9, was_of << 8 | 18, is_of << 8 | 9, is_of << 8 | 18]
            WHEN own THEN ARRAY[is_of << 8 | 9] END $q$),
    ('caption', 'o.id = n.id', $q$
        o.video_id AS was_of, n.video_id AS is_of,
        (o.video_id, o.language, o.kind, o.body_hash) IS DISTINCT FROM (n.video_id, n.language, n.kind, n.body_hash) AS own $q$, $q$
        CASE WHEN own THEN ARRAY[was_of << 8 | 9, is_of << 8 | 9] END $q$),
    ('resource', 'o.id = n.id', $q$
        o.video_id AS was_of, n.video_id AS is_of,
        (o.video_id, o.position, o.label, o.url) IS DISTINCT FROM (n.video_id, n.position, n.label, n.url) AS own $q$, $q$
        CASE WHEN own THEN ARRAY[was_of << 8 | 9, is_of << 8 | 9] END $q$),
    ('video_subject', 'o.video_id = n.video_id AND o.subject_id = n.subject_id', $q$
        o.video_id AS was_of, n.video_id AS is_of $q$, $q$
        CASE WHEN was_of IS DISTINCT FROM is_of THEN ARRAY[was_of << 8 | 9, was_of << 8 | 18, is_of << 8 | 9, is_of << 8 | 18] END $q$),
    ('video_instructor', 'o.video_id = n.video_id AND o.instructor_id = n.instructor_id', $q$
        o.video_id AS was_of, n.video_id AS is_of, o.position IS DISTINCT FROM n.position AS card $q$, $q$
        CASE WHEN was_of IS DISTINCT FROM is_of THEN ARRAY[was_of << 8 | 9, was_of << 8 | 10, was_of << 8 | 18,
                is_of << 8 | 9, is_of << 8 | 10, is_of << 8 | 18]
            WHEN card THEN ARRAY[is_of << 8 | 9, is_of << 8 | 10] END $q$),

    ('old_slug', 'o.kind = n.kind AND o.slug = n.slug', $q$
        o.owner_id AS was_of, n.owner_id AS is_of, CASE coalesce(n.kind, o.kind)
            WHEN 'course' THEN 19 WHEN 'batch' THEN 20 WHEN 'subject' THEN 21 WHEN 'instructor' THEN 22 ELSE 23 END AS moved $q$, $q$
        CASE WHEN was_of IS DISTINCT FROM is_of THEN ARRAY[was_of << 8 | moved, is_of << 8 | moved] END $q$),
    -- Of two that are one address the first counts, and the other one when that leaves.
    ('alias', 'o.path = n.path', $q$
        coalesce(n.path, o.path) AS path, o.video_id AS was_of, n.video_id AS is_of $q$, $q$
        CASE WHEN was_of IS DISTINCT FROM is_of THEN ARRAY[was_of << 8 | 23, is_of << 8 | 23] || ARRAY(
            SELECT a.video_id << 8 | 23 FROM catalog.alias a
            WHERE catalog.alias_address(a.path) = catalog.alias_address(r.path)) END $q$)

    ) AS r (of_table, same, seen, touched) LOOP
        feed := 'feed_' || rule.of_table;
        EXECUTE format($f$
            CREATE FUNCTION catalog.%I() RETURNS trigger %s AS $body$
            BEGIN
                INSERT INTO catalog.change (keys) SELECT array_agg(DISTINCT key) FROM (
                    SELECT unnest(%s) FROM (
                        SELECT %s FROM new_rows n LEFT JOIN (SELECT * FROM new_rows LIMIT 0) o ON true OFFSET 0) r) k (key)
                WHERE key IS NOT NULL HAVING count(*) > 0;
                RETURN NULL;
            END $body$ $f$, feed || '_insert', kept, rule.touched, rule.seen);
        EXECUTE format($f$
            CREATE FUNCTION catalog.%I() RETURNS trigger %s AS $body$
            BEGIN
                INSERT INTO catalog.change (keys) SELECT array_agg(DISTINCT key) FROM (
                    SELECT unnest(%s) FROM (
                        SELECT %s FROM old_rows o LEFT JOIN (SELECT * FROM old_rows LIMIT 0) n ON true OFFSET 0) r) k (key)
                WHERE key IS NOT NULL HAVING count(*) > 0;
                RETURN NULL;
            END $body$ $f$, feed || '_delete', kept, rule.touched, rule.seen);
        -- Editors write one row at a time, and many editors at once: the first query costs them little. OFFSET 0 keeps
        -- the planner from computing twice what is used twice.
        EXECUTE format($f$
            CREATE FUNCTION catalog.%1$I() RETURNS trigger %2$s AS $body$
            BEGIN
                INSERT INTO catalog.change (keys) SELECT keys FROM (
                    SELECT array_remove(%3$s, NULL) FROM (
                        SELECT %4$s FROM old_rows o JOIN new_rows n ON %5$s
                        WHERE NOT EXISTS (SELECT FROM new_rows OFFSET 1) OFFSET 0) r OFFSET 0) k (keys)
                WHERE keys <> '{}';
                IF NOT FOUND THEN
                    INSERT INTO catalog.change (keys) SELECT array_agg(DISTINCT key) FROM (
                        SELECT unnest(%3$s) FROM (
                            SELECT %4$s FROM old_rows o FULL JOIN new_rows n ON %5$s OFFSET 0) r) k (key)
                    WHERE key IS NOT NULL HAVING count(*) > 0;
                END IF;
                RETURN NULL;
            END $body$ $f$, feed || '_update', kept, rule.touched, rule.seen, rule.same);

        EXECUTE format('CREATE TRIGGER feed_insert AFTER INSERT ON catalog.%I REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION catalog.%I()', rule.of_table, feed || '_insert');
        EXECUTE format('CREATE TRIGGER feed_update AFTER UPDATE ON catalog.%I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION catalog.%I()', rule.of_table, feed || '_update');
        EXECUTE format('CREATE TRIGGER feed_delete AFTER DELETE ON catalog.%I REFERENCING OLD TABLE AS old_rows
            FOR EACH STATEMENT EXECUTE FUNCTION catalog.%I()', rule.of_table, feed || '_delete');
        EXECUTE format('CREATE TRIGGER feed_truncate AFTER TRUNCATE ON catalog.%I
            FOR EACH STATEMENT EXECUTE FUNCTION catalog.feed_truncate()', rule.of_table);
        EXECUTE format('ALTER TABLE catalog.%I ENABLE ALWAYS TRIGGER feed_insert, ENABLE ALWAYS TRIGGER feed_update,
            ENABLE ALWAYS TRIGGER feed_delete, ENABLE ALWAYS TRIGGER feed_truncate', rule.of_table);
    END LOOP;
END $$;

DO $$
DECLARE builder text := current_database() || '_builder';
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = builder) THEN
        EXECUTE format('GRANT SELECT, UPDATE, DELETE ON catalog.change TO %I', builder);
        EXECUTE format('GRANT UPDATE (status) ON catalog.video TO %I', builder);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no rights given: % may not grant them', current_user;
END $$;
