DO $$
DECLARE
    builder text := current_database() || '_builder';
    api text := current_database() || '_api';
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = builder) THEN
        EXECUTE format('REVOKE SELECT ON _yoyo_migration FROM %I', builder);
        EXECUTE format('REVOKE DELETE ON catalog.subject, catalog.instructor, catalog.old_slug FROM %I', builder);
        EXECUTE format('REVOKE INSERT ON catalog.change FROM %I', builder);
        EXECUTE format('REVOKE SELECT, UPDATE ON SEQUENCE live.write_number FROM %I', builder);
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = api) THEN
        EXECUTE format('REVOKE SELECT ON _yoyo_migration FROM %I', api);
    END IF;
END $$;
DROP FUNCTION live.make_object_indexes(), live.drop_object_indexes();
