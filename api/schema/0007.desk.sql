-- The editors' desk: edits not yet published and those that were, questions to the builder and their answers. Both sides' own.

CREATE SCHEMA desk;
COMMENT ON SCHEMA desk IS 'Edits, and what the desk asks of the builder; the desk''s API and the builder meet here.';

-- An edit of one thing: first a draft, saved as it is typed; then, once published, a row of the thing's history.
CREATE TABLE desk.edit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('course', 'batch', 'subject', 'instructor', 'video')),
    thing_id bigint,
    deed text NOT NULL CHECK (deed IN ('create', 'change', 'merge', 'delete')),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'published', 'discarded')),
    base_etag text NOT NULL DEFAULT '',
    base jsonb NOT NULL DEFAULT '{}',
    changes jsonb NOT NULL DEFAULT '{}' CHECK (octet_length(changes::text) <= 16777216),
    kept jsonb NOT NULL DEFAULT '{}',
    author_id bigint NOT NULL,
    publisher_id bigint,
    revision integer NOT NULL DEFAULT 1,
    tab text NOT NULL DEFAULT '' CHECK (octet_length(tab) <= 64),
    tab_count integer NOT NULL DEFAULT 0,
    undoes bigint,
    change_id bigint,
    begun_at timestamptz NOT NULL DEFAULT now(),
    saved_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    CHECK ((state = 'published') = (published_at IS NOT NULL)),
    CHECK (state = 'open' OR thing_id IS NOT NULL OR state = 'discarded')
);
COMMENT ON COLUMN desk.edit.base IS 'The thing as it was when the edit began, as desk.thing tells it; what undo goes back to.';
COMMENT ON COLUMN desk.edit.changes IS 'The fields that the edit sets, in the same form; of a merge, "into".';
COMMENT ON COLUMN desk.edit.kept IS 'What a merge or a deletion took apart, so that it can be put together again.';
COMMENT ON COLUMN desk.edit.tab IS 'Which tab of the editor''s browser saved it last, and its count: so that no tab conflicts with itself.';
COMMENT ON COLUMN desk.edit.undoes IS 'The edit that this one takes back.';
COMMENT ON COLUMN desk.edit.change_id IS 'The last row that it made in the change feed, by which its release is found; NULL: it touched no page.';
CREATE UNIQUE INDEX edit_own ON desk.edit (kind, thing_id, author_id) WHERE state = 'open' AND thing_id IS NOT NULL;
CREATE INDEX edit_open ON desk.edit (saved_at) WHERE state = 'open';
CREATE INDEX edit_history ON desk.edit (kind, thing_id, published_at) WHERE state = 'published';
CREATE INDEX edit_published ON desk.edit (published_at) WHERE state = 'published';
CREATE INDEX edit_discarded ON desk.edit (saved_at) WHERE state = 'discarded';
CREATE INDEX edit_undoes ON desk.edit (undoes) WHERE undoes IS NOT NULL;

-- What the desk asks, and the builder's answer.
CREATE TABLE desk.question (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN
        ('preview', 'impact', 'fill', 'markdown', 'check', 'import', 'export', 'takedown', 'rollback', 'unhold')),
    asked jsonb NOT NULL DEFAULT '{}' CHECK (octet_length(asked::text) <= 1048576),
    file bytea CHECK (octet_length(file) <= 33554432),
    asked_by bigint NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'taken', 'answered', 'failed')),
    taken_at timestamptz,
    answer jsonb NOT NULL DEFAULT '{}',
    token text UNIQUE,
    done_at timestamptz,
    expires_at timestamptz NOT NULL DEFAULT now() + interval '1 hour'
);
COMMENT ON COLUMN desk.question.file IS 'What is to be imported; gone when the question is.';
COMMENT ON COLUMN desk.question.token IS 'Under which /preview/TOKEN/ objects of the answer lie, until it expires.';
CREATE INDEX question_waiting ON desk.question (id) WHERE state IN ('waiting', 'taken');
CREATE INDEX question_expires ON desk.question (expires_at);
CREATE INDEX question_asker ON desk.question (asked_by, asked_at);

-- Deliveries of the webhook: one that comes again is answered as it was, and does nothing.
CREATE TABLE desk.delivery (
    id text PRIMARY KEY CHECK (octet_length(id) BETWEEN 1 AND 256),
    body_hash bytea NOT NULL,
    answer jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX delivery_at ON desk.delivery (at);

CREATE FUNCTION desk.ring_bell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_notify('lectern_desk', '');
    RETURN NULL;
END $$;
CREATE TRIGGER ring_bell AFTER INSERT ON desk.question FOR EACH STATEMENT EXECUTE FUNCTION desk.ring_bell();

CREATE FUNCTION desk.moment(at timestamptz) RETURNS text LANGUAGE sql STABLE RETURN
    CASE WHEN isfinite(at) THEN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END;

-- A thing as the desk sees it, NULL where there is none, and its ETag: the row's version and a digest of all that is told, so
-- that an edit of a child row by any client conflicts too. A batch's videos are told, but stand outside its ETag: a lecture that
-- comes in conflicts with nobody who mends the batch's title.
CREATE FUNCTION desk.thing(of_kind text, of_id bigint, OUT etag text, OUT thing jsonb) LANGUAGE plpgsql STABLE AS $$
DECLARE version bigint;
BEGIN
    CASE of_kind
    WHEN 'course' THEN
        SELECT c.version, jsonb_build_object('slug', c.slug, 'title', c.title, 'description', c.description,
            'description_markup', c.description_markup) INTO version, thing FROM catalog.course c WHERE c.id = of_id;
    WHEN 'batch' THEN
        SELECT b.version, jsonb_build_object('slug', b.slug, 'title', b.title, 'description', b.description,
            'description_markup', b.description_markup, 'course', b.course_id, 'url', b.url, 'starts_on', b.starts_on,
            'ends_on', b.ends_on, 'gated', b.gated) INTO version, thing FROM catalog.batch b WHERE b.id = of_id;
    WHEN 'subject' THEN
        SELECT s.version, jsonb_build_object('slug', s.slug, 'title', s.title) INTO version, thing
        FROM catalog.subject s WHERE s.id = of_id;
    WHEN 'instructor' THEN
        SELECT i.version, jsonb_build_object('slug', i.slug, 'title', i.name) INTO version, thing
        FROM catalog.instructor i WHERE i.id = of_id;
    WHEN 'video' THEN
        SELECT v.version, jsonb_build_object('slug', v.slug, 'title', v.title, 'description', v.description,
            'description_markup', v.description_markup, 'language', v.language, 'duration_s', v.duration_s,
            'recorded_on', v.recorded_on, 'status', v.status, 'publish_at', desk.moment(v.publish_at), 'batch', v.batch_id,
            'licence', v.licence, 'picture_url', v.picture_url,
            'subjects', (SELECT coalesce(jsonb_agg(x.subject_id ORDER BY x.subject_id), '[]')
                FROM catalog.video_subject x WHERE x.video_id = v.id),
            'instructors', (SELECT coalesce(jsonb_agg(x.instructor_id ORDER BY x.position, x.instructor_id), '[]')
                FROM catalog.video_instructor x WHERE x.video_id = v.id),
            'sources', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', x.kind, 'url', x.url, 'start_s', x.start_s)
                ORDER BY x.position), '[]') FROM catalog.source x WHERE x.video_id = v.id),
            'resources', (SELECT coalesce(jsonb_agg(jsonb_build_object('label', x.label, 'url', x.url) ORDER BY x.position), '[]')
                FROM catalog.resource x WHERE x.video_id = v.id),
            'captions', (SELECT coalesce(jsonb_agg(jsonb_build_object('language', x.language, 'kind', x.kind, 'body', x.body)
                ORDER BY x.language COLLATE "C", x.kind COLLATE "C"), '[]') FROM catalog.caption x WHERE x.video_id = v.id))
        INTO version, thing FROM catalog.video v WHERE v.id = of_id;
    END CASE;
    etag := version || '.' || left(md5(thing::text), 12);
    IF of_kind = 'batch' THEN
        thing := thing || jsonb_build_object('videos', (SELECT coalesce(jsonb_agg(v.id ORDER BY v.position, v.id), '[]')
            FROM catalog.video v WHERE v.batch_id = of_id));
    END IF;
END $$;

-- A row that two would write is written by one after the other.
CREATE FUNCTION desk.hold(of_kind text, of_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT FROM catalog.%I WHERE id = $1 FOR UPDATE', of_kind) USING of_id;
END $$;

CREATE FUNCTION desk.set_lists(of_video bigint, changes jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF changes ? 'subjects' THEN
        DELETE FROM catalog.video_subject WHERE video_id = of_video AND NOT changes -> 'subjects' @> to_jsonb(subject_id);
        INSERT INTO catalog.video_subject (video_id, subject_id)
        SELECT of_video, e::bigint FROM jsonb_array_elements_text(changes -> 'subjects') e ON CONFLICT DO NOTHING;
    END IF;
    IF changes ? 'instructors' THEN
        DELETE FROM catalog.video_instructor WHERE video_id = of_video AND NOT changes -> 'instructors' @> to_jsonb(instructor_id);
        INSERT INTO catalog.video_instructor (video_id, instructor_id, position)
        SELECT of_video, e::bigint, min(n) FROM jsonb_array_elements_text(changes -> 'instructors') WITH ORDINALITY AS x (e, n)
        GROUP BY e::bigint
        ON CONFLICT (video_id, instructor_id) DO UPDATE SET position = EXCLUDED.position
        WHERE catalog.video_instructor.position <> EXCLUDED.position;
    END IF;
    IF changes ? 'sources' THEN
        DELETE FROM catalog.source WHERE video_id = of_video;
        INSERT INTO catalog.source (video_id, position, kind, url, start_s)
        SELECT of_video, n, e ->> 'kind', e ->> 'url', coalesce((e ->> 'start_s')::integer, 0)
        FROM jsonb_array_elements(changes -> 'sources') WITH ORDINALITY AS x (e, n);
    END IF;
    IF changes ? 'resources' THEN
        DELETE FROM catalog.resource WHERE video_id = of_video;
        INSERT INTO catalog.resource (video_id, position, label, url)
        SELECT of_video, n, e ->> 'label', e ->> 'url' FROM jsonb_array_elements(changes -> 'resources') WITH ORDINALITY AS x (e, n);
    END IF;
    IF changes ? 'captions' THEN
        DELETE FROM catalog.caption WHERE video_id = of_video;
        INSERT INTO catalog.caption (video_id, language, kind, body)
        SELECT of_video, e ->> 'language', e ->> 'kind', e ->> 'body' FROM jsonb_array_elements(changes -> 'captions') e;
    END IF;
END $$;

-- Sets the fields of one thing; what is given and equal stays, and records nothing.
CREATE FUNCTION desk.change(of_kind text, of_id bigint, c jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE of_kind
    WHEN 'course' THEN
        UPDATE catalog.course t SET
            slug = CASE WHEN c ? 'slug' THEN c ->> 'slug' ELSE t.slug END,
            title = CASE WHEN c ? 'title' THEN c ->> 'title' ELSE t.title END,
            description = CASE WHEN c ? 'description' THEN c ->> 'description' ELSE t.description END,
            description_markup = CASE WHEN c ? 'description_markup' THEN c ->> 'description_markup' ELSE t.description_markup END
        WHERE id = of_id;
    WHEN 'batch' THEN
        UPDATE catalog.batch t SET
            slug = CASE WHEN c ? 'slug' THEN c ->> 'slug' ELSE t.slug END,
            title = CASE WHEN c ? 'title' THEN c ->> 'title' ELSE t.title END,
            description = CASE WHEN c ? 'description' THEN c ->> 'description' ELSE t.description END,
            description_markup = CASE WHEN c ? 'description_markup' THEN c ->> 'description_markup' ELSE t.description_markup END,
            course_id = CASE WHEN c ? 'course' THEN (c ->> 'course')::bigint ELSE t.course_id END,
            url = CASE WHEN c ? 'url' THEN c ->> 'url' ELSE t.url END,
            starts_on = CASE WHEN c ? 'starts_on' THEN (c ->> 'starts_on')::date ELSE t.starts_on END,
            ends_on = CASE WHEN c ? 'ends_on' THEN (c ->> 'ends_on')::date ELSE t.ends_on END,
            gated = CASE WHEN c ? 'gated' THEN (c ->> 'gated')::boolean ELSE t.gated END
        WHERE id = of_id;
        UPDATE catalog.video v SET position = x.n
        FROM jsonb_array_elements_text(c -> 'videos') WITH ORDINALITY AS x (e, n)
        WHERE v.id = x.e::bigint AND v.batch_id = of_id AND v.position IS DISTINCT FROM x.n;
    WHEN 'subject' THEN
        UPDATE catalog.subject t SET slug = CASE WHEN c ? 'slug' THEN c ->> 'slug' ELSE t.slug END,
            title = CASE WHEN c ? 'title' THEN c ->> 'title' ELSE t.title END WHERE id = of_id;
    WHEN 'instructor' THEN
        UPDATE catalog.instructor t SET slug = CASE WHEN c ? 'slug' THEN c ->> 'slug' ELSE t.slug END,
            name = CASE WHEN c ? 'title' THEN c ->> 'title' ELSE t.name END WHERE id = of_id;
    WHEN 'video' THEN
        UPDATE catalog.video t SET
            slug = CASE WHEN c ? 'slug' THEN c ->> 'slug' ELSE t.slug END,
            title = CASE WHEN c ? 'title' THEN c ->> 'title' ELSE t.title END,
            description = CASE WHEN c ? 'description' THEN c ->> 'description' ELSE t.description END,
            description_markup = CASE WHEN c ? 'description_markup' THEN c ->> 'description_markup' ELSE t.description_markup END,
            language = CASE WHEN c ? 'language' THEN c ->> 'language' ELSE t.language END,
            duration_s = CASE WHEN c ? 'duration_s' THEN (c ->> 'duration_s')::integer ELSE t.duration_s END,
            recorded_on = CASE WHEN c ? 'recorded_on' THEN (c ->> 'recorded_on')::date ELSE t.recorded_on END,
            status = CASE WHEN c ? 'status' THEN c ->> 'status' ELSE t.status END,
            publish_at = CASE WHEN c ? 'publish_at' THEN (c ->> 'publish_at')::timestamptz ELSE t.publish_at END,
            batch_id = CASE WHEN c ? 'batch' THEN (c ->> 'batch')::bigint ELSE t.batch_id END,
            position = CASE WHEN c ? 'batch' AND (c ->> 'batch')::bigint <> t.batch_id THEN NULL ELSE t.position END,
            licence = CASE WHEN c ? 'licence' THEN c ->> 'licence' ELSE t.licence END,
            picture_url = CASE WHEN c ? 'picture_url' THEN c ->> 'picture_url' ELSE t.picture_url END
        WHERE id = of_id;
        PERFORM desk.set_lists(of_id, c);
    END CASE;
END $$;

-- A new thing with the fields given; of_id where it comes back under the id that it had.
CREATE FUNCTION desk.create(of_kind text, of_id bigint, c jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made bigint := of_id;
    numbers text := pg_get_serial_sequence('catalog.' || of_kind, 'id');
    last bigint;
BEGIN
    IF made IS NULL THEN  -- past what another client has numbered by hand
        EXECUTE format('SELECT max(id) FROM catalog.%I', of_kind) INTO last;
        made := nextval(numbers);
        IF made <= last THEN
            made := setval(numbers, last + 1);
        END IF;
    END IF;
    CASE of_kind
    WHEN 'course' THEN
        INSERT INTO catalog.course (id, slug, title) VALUES (made, c ->> 'slug', c ->> 'title');
    WHEN 'batch' THEN
        INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (made, (c ->> 'course')::bigint, c ->> 'slug', c ->> 'title');
    WHEN 'subject' THEN
        INSERT INTO catalog.subject (id, slug, title) VALUES (made, c ->> 'slug', c ->> 'title');
    WHEN 'instructor' THEN
        INSERT INTO catalog.instructor (id, slug, name) VALUES (made, c ->> 'slug', c ->> 'title');
    WHEN 'video' THEN
        INSERT INTO catalog.video (id, batch_id, slug, title) VALUES (made, (c ->> 'batch')::bigint, c ->> 'slug', c ->> 'title');
    END CASE;
    PERFORM desk.change(of_kind, made, c);
    RETURN made;
END $$;

-- Two subjects, or two instructors, become one: videos and old addresses go to "into", and so does the next import of the same
-- files. Returns what it takes to part them again.
CREATE FUNCTION desk.merge(of_kind text, of_id bigint, into_id bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE kept jsonb; was_slug text; old_slugs text[];
BEGIN
    IF of_id = into_id THEN
        RAISE EXCEPTION 'a thing cannot be merged into itself' USING ERRCODE = 'check_violation';
    END IF;
    EXECUTE format('SELECT slug FROM catalog.%I WHERE id = $1', of_kind) INTO STRICT was_slug USING of_id;
    SELECT coalesce(array_agg(slug), '{}') INTO old_slugs FROM catalog.old_slug WHERE kind = of_kind AND owner_id = of_id;
    EXECUTE format($q$
        SELECT jsonb_build_object('old_slugs', to_jsonb($3),
            'had', coalesce(jsonb_agg(x.video_id) FILTER (WHERE x.%1$I = $1), '[]'),
            'gave', coalesce(jsonb_agg(x.video_id) FILTER (WHERE x.%1$I = $1
                AND NOT EXISTS (SELECT FROM catalog.%2$I y WHERE y.video_id = x.video_id AND y.%1$I = $2)), '[]'),
            'refs', (SELECT coalesce(jsonb_agg(jsonb_build_array(origin, ref)), '[]') FROM catalog.import_record
                WHERE kind = %3$L AND row_id = $1))
        FROM catalog.%2$I x WHERE x.%1$I = $1 $q$, of_kind || '_id', 'video_' || of_kind, of_kind)
    INTO kept USING of_id, into_id, old_slugs;
    IF of_kind = 'subject' THEN
        INSERT INTO catalog.video_subject (video_id, subject_id)
        SELECT video_id, into_id FROM catalog.video_subject WHERE subject_id = of_id ON CONFLICT DO NOTHING;
        DELETE FROM catalog.subject WHERE id = of_id;
    ELSE
        INSERT INTO catalog.video_instructor (video_id, instructor_id, position)
        SELECT video_id, into_id, position FROM catalog.video_instructor WHERE instructor_id = of_id ON CONFLICT DO NOTHING;
        DELETE FROM catalog.instructor WHERE id = of_id;
    END IF;
    INSERT INTO catalog.old_slug (kind, slug, owner_id)
    SELECT of_kind, s, into_id FROM unnest(array_append(old_slugs, was_slug)) s ON CONFLICT (kind, slug) DO UPDATE SET owner_id = into_id;
    UPDATE catalog.import_record SET row_id = into_id WHERE kind = of_kind AND row_id = of_id;
    RETURN kept;
END $$;

-- The other way round: the thing comes back under its id, with the videos it had.
CREATE FUNCTION desk.part(of_kind text, of_id bigint, into_id bigint, was jsonb, kept jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM catalog.old_slug WHERE kind = of_kind AND owner_id = into_id
        AND (slug = was ->> 'slug' OR kept -> 'old_slugs' ? slug);
    PERFORM desk.create(of_kind, of_id, was);
    INSERT INTO catalog.old_slug (kind, slug, owner_id)
    SELECT of_kind, s, of_id FROM jsonb_array_elements_text(kept -> 'old_slugs') s ON CONFLICT DO NOTHING;
    IF of_kind = 'subject' THEN
        INSERT INTO catalog.video_subject (video_id, subject_id)
        SELECT v.id, of_id FROM catalog.video v WHERE kept -> 'had' @> to_jsonb(v.id) ON CONFLICT DO NOTHING;
        DELETE FROM catalog.video_subject WHERE subject_id = into_id AND kept -> 'gave' @> to_jsonb(video_id);
    ELSE
        INSERT INTO catalog.video_instructor (video_id, instructor_id, position)
        SELECT x.video_id, of_id, x.position FROM catalog.video_instructor x
        WHERE x.instructor_id = into_id AND kept -> 'had' @> to_jsonb(x.video_id) ON CONFLICT DO NOTHING;
        DELETE FROM catalog.video_instructor WHERE instructor_id = into_id AND kept -> 'gave' @> to_jsonb(video_id);
    END IF;
    UPDATE catalog.import_record r SET row_id = of_id FROM jsonb_array_elements(kept -> 'refs') e
    WHERE r.kind = of_kind AND r.origin = e ->> 0 AND r.ref = e ->> 1;
END $$;

-- Applies an edit to the catalog: publishing does, and a preview in a transaction that is rolled back. Returns the thing's id
-- and what a merge took apart.
CREATE FUNCTION desk.apply(of_kind text, of_id bigint, deed text, changes jsonb, takes_back bigint, OUT id bigint, OUT kept jsonb)
LANGUAGE plpgsql AS $$
DECLARE undone desk.edit;
BEGIN
    id := of_id;
    kept := '{}';
    CASE deed
    WHEN 'change' THEN
        PERFORM desk.change(of_kind, of_id, changes);
    WHEN 'create' THEN
        IF takes_back IS NOT NULL THEN
            SELECT * INTO undone FROM desk.edit e WHERE e.id = takes_back;
        END IF;
        IF undone.deed = 'merge' THEN
            PERFORM desk.part(of_kind, of_id, (undone.changes ->> 'into')::bigint, changes, undone.kept);
        ELSE
            id := desk.create(of_kind, of_id, changes);
            INSERT INTO catalog.old_slug (kind, slug, owner_id)  -- of what was deleted; of all else there are none
            SELECT of_kind, s, of_id FROM jsonb_array_elements_text(undone.kept -> 'old_slugs') s ON CONFLICT DO NOTHING;
            INSERT INTO catalog.alias (path, video_id)
            SELECT a, of_id FROM jsonb_array_elements_text(undone.kept -> 'aliases') a ON CONFLICT DO NOTHING;
            UPDATE catalog.video v SET position = (undone.kept ->> 'position')::integer
            WHERE of_kind = 'video' AND v.id = of_id AND undone.kept ->> 'position' IS NOT NULL;
        END IF;
    WHEN 'merge' THEN
        kept := desk.merge(of_kind, of_id, (changes ->> 'into')::bigint);
    WHEN 'delete' THEN
        SELECT jsonb_build_object(
            'old_slugs', (SELECT coalesce(jsonb_agg(o.slug), '[]') FROM catalog.old_slug o WHERE o.kind = of_kind AND o.owner_id = of_id),
            'aliases', (SELECT coalesce(jsonb_agg(a.path), '[]') FROM catalog.alias a WHERE of_kind = 'video' AND a.video_id = of_id),
            'position', (SELECT v.position FROM catalog.video v WHERE of_kind = 'video' AND v.id = of_id)) INTO kept;
        EXECUTE format('DELETE FROM catalog.%I WHERE id = $1', of_kind) USING of_id;
    END CASE;
END $$;

-- The desk's role, the only one that may write the catalog. The builder answers the desk's questions in its own right, and
-- applies edits only in a deployment where its user is a member of this group too.
DO $$
DECLARE
    desk text := current_database() || '_desk';
    builder text := current_database() || '_builder';
    api text := current_database() || '_api';
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = desk) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', desk);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA desk, catalog, live, student TO %I', desk);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA desk TO %I', desk);
    EXECUTE format('GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA desk, catalog TO %I', desk);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON catalog.course, catalog.batch, catalog.subject, catalog.instructor,
        catalog.video, catalog.source, catalog.caption, catalog.resource, catalog.video_subject, catalog.video_instructor,
        catalog.old_slug, catalog.alias, catalog.import_record TO %I', desk);
    EXECUTE format('GRANT SELECT ON catalog.change TO %I', desk);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA live TO %I', desk);
    EXECUTE format('GRANT SELECT ON student.progress TO %I', desk);
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = api) THEN  -- who asks is a session, which the API's role may read
        EXECUTE format('GRANT %I TO %I', api, desk);
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = builder) THEN
        EXECUTE format('GRANT USAGE ON SCHEMA desk TO %I', builder);
        EXECUTE format('GRANT SELECT, UPDATE, DELETE ON desk.question TO %I', builder);
        EXECUTE format('GRANT SELECT, DELETE ON desk.edit TO %I', builder);
        EXECUTE format('GRANT DELETE, SELECT ON desk.delivery TO %I', builder);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no role made: % may not create roles', current_user;
END $$;
