DO $$
DECLARE
    builder text := current_database() || '_builder';
    feed regprocedure;
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = builder) THEN
        EXECUTE format('REVOKE UPDATE (status) ON catalog.video FROM %I', builder);
    END IF;
    FOR feed IN SELECT oid FROM pg_proc WHERE pronamespace = 'catalog'::regnamespace AND proname LIKE 'feed\_%' LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', feed);
    END LOOP;
END $$;
DROP FUNCTION catalog.unnumbered;
ALTER TABLE catalog.video DROP COLUMN card, DROP COLUMN unavailable_since;
DROP TABLE catalog.change;
DROP FUNCTION catalog.ring_bell;
