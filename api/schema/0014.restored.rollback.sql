DROP FUNCTION student.look_where(), student.end_everything(), student.timeline_now(), student.server_now();
DROP TABLE student.database;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = current_database() || '_builder') THEN
        EXECUTE format('REVOKE USAGE ON SCHEMA student FROM %I', current_database() || '_builder');
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no rights taken: % may not', current_user;
END $$;
