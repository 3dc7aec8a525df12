-- A database from a backup holds sessions that have ended since, and mailed secrets that were used. It is told by what
-- a backup cannot take along: the server's identity and timeline, and the number of a table.

CREATE TABLE student.database (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    started timestamptz NOT NULL,
    sessions oid NOT NULL,
    server text NOT NULL,
    timeline text NOT NULL,
    least_revision bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE student.database IS 'The database that the sessions were begun in. One row.';
COMMENT ON COLUMN student.database.started IS 'The start of the server at which it was last looked at.';
COMMENT ON COLUMN student.database.sessions IS 'The number of the sessions'' table: a restored dump has another one.';
COMMENT ON COLUMN student.database.server IS 'The server''s own identifier.';
COMMENT ON COLUMN student.database.timeline IS 'Of the write-ahead log: another one after a recovery to a point in time, or a promotion.';
COMMENT ON COLUMN student.database.least_revision IS
    'Revisions of accounts go on above this: those of after the backup were given, and caches may hold their answers.';

-- A managed server may not tell it; then only a restored dump is seen.
CREATE FUNCTION student.server_now() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT system_identifier FROM pg_control_system());
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_function THEN
    RETURN '';
END $$;
-- pg_control_checkpoint() would tell the old one until a promotion's first checkpoint.
CREATE FUNCTION student.timeline_now() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN left(pg_walfile_name(pg_current_wal_lsn()), 8);
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_function THEN
    RETURN '';
END $$;

INSERT INTO student.database (started, sessions, server, timeline)
VALUES (pg_postmaster_start_time(), 'student.session'::regclass, student.server_now(), student.timeline_now());

-- Ends every session, mailed secret and begun log-in; mail that was owed then has been sent since.
CREATE FUNCTION student.end_everything() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    TRUNCATE student.session, student.secret, student.login_state, student.mail;
    UPDATE student.database SET least_revision = greatest(extract(epoch FROM clock_timestamp())::bigint, least_revision + 1);
END $$;
REVOKE EXECUTE ON FUNCTION student.end_everything() FROM PUBLIC;

-- Looks which database this is, and ends everything where it is from a backup; true then. A standby that took over is none
-- where it followed its primary to within five minutes: it had been started before the last thing that it was told.
CREATE FUNCTION student.look_where() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    was student.database;
    server_now text := student.server_now();
    timeline_now text := student.timeline_now();
    followed boolean := coalesce(pg_last_xact_replay_timestamp() >= pg_postmaster_start_time()
        AND pg_last_xact_replay_timestamp() > now() - interval '5 minutes', false);
    restored boolean;
BEGIN
    SELECT * INTO was FROM student.database FOR UPDATE;
    IF was.started = pg_postmaster_start_time() AND was.sessions = 'student.session'::regclass THEN
        RETURN false;
    END IF;
    restored := was.sessions <> 'student.session'::regclass OR was.server <> server_now OR was.timeline <> timeline_now AND NOT followed;
    IF restored THEN
        PERFORM student.end_everything();
    END IF;
    UPDATE student.database SET started = pg_postmaster_start_time(), sessions = 'student.session'::regclass,
        server = server_now, timeline = timeline_now;
    RETURN restored;
END $$;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[current_database() || '_api', current_database() || '_builder'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('GRANT USAGE ON SCHEMA student TO %I', name);
            EXECUTE format('GRANT EXECUTE ON FUNCTION student.end_everything() TO %I', name);
        END IF;
    END LOOP;
    name := current_database() || '_api';
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
        EXECUTE format('GRANT SELECT, UPDATE ON student.database TO %I', name);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no rights given: % may not grant them', current_user;
END $$;
