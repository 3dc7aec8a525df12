-- Rights that the builder's role still lacked, so that whoever is its member can do all that the builder does, a first load too.

-- A first load fills the bare table and indexes it at the end, in a third of the time; only its owner may do that.
CREATE FUNCTION live.drop_object_indexes() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM live.object) THEN
        RAISE EXCEPTION 'live.object has rows: its indexes are needed';
    END IF;
    DROP INDEX live.object_keys, live.object_release, live.object_unit;
END $$;
CREATE FUNCTION live.make_object_indexes() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CREATE INDEX object_keys ON live.object USING gin (keys) WITH (fastupdate = off);
    CREATE INDEX object_release ON live.object (release);
    CREATE INDEX object_unit ON live.object (unit);
END $$;
REVOKE EXECUTE ON FUNCTION live.drop_object_indexes(), live.make_object_indexes() FROM PUBLIC;

DO $$
DECLARE
    builder text := current_database() || '_builder';
    api text := current_database() || '_api';
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = builder) THEN
        EXECUTE format('GRANT EXECUTE ON FUNCTION live.drop_object_indexes(), live.make_object_indexes() TO %I', builder);
        -- A store that is ahead raises the numbers; verify looks how far they are.
        EXECUTE format('GRANT SELECT, UPDATE ON SEQUENCE live.write_number TO %I', builder);
        -- "Everything may have changed" is a change of the builder's own.
        EXECUTE format('GRANT INSERT ON catalog.change TO %I', builder);
        -- A takedown deletes subjects and instructors, and a thing's old slugs go with it.
        EXECUTE format('GRANT DELETE ON catalog.subject, catalog.instructor, catalog.old_slug TO %I', builder);
        EXECUTE format('GRANT SELECT ON _yoyo_migration TO %I', builder);
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = api) THEN
        EXECUTE format('GRANT SELECT ON _yoyo_migration TO %I', api);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no rights given: % may not grant them', current_user;
END $$;
