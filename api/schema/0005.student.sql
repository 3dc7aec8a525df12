-- Accounts and what is one student's own. No foreign key leads to the catalog: rows of deleted things are swept.

CREATE SCHEMA student;
COMMENT ON SCHEMA student IS 'Accounts, sessions and one student''s own data; the API''s.';

CREATE TABLE student.account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (octet_length(email) BETWEEN 3 AND 254),
    email_verified_at timestamptz,
    name text NOT NULL DEFAULT '' CHECK (octet_length(name) <= 400),
    password text,
    role text NOT NULL DEFAULT 'student' CHECK (role IN ('student', 'editor', 'admin')),
    preferences jsonb NOT NULL DEFAULT '{}' CHECK (octet_length(preferences::text) <= 8192),
    revision bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN student.account.email IS 'Trimmed, NFKC, casefolded: one address is one account.';
COMMENT ON COLUMN student.account.password IS 'argon2id, encoded; NULL where only a provider knows the student.';
COMMENT ON COLUMN student.account.revision IS
    'Raised in every transaction that writes anything of this student: it stands in ETags, cache keys and addresses.';

CREATE TABLE student.session (
    token_hash bytea PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES student.account ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    agent text NOT NULL DEFAULT '' CHECK (octet_length(agent) <= 400)
);
COMMENT ON COLUMN student.session.token_hash IS 'SHA-256 of the 256-bit token, which only the browser has.';
CREATE INDEX session_account ON student.session (account_id);
CREATE INDEX session_expires ON student.session (expires_at);

-- A secret that was mailed: to make the account that was asked for, to set a password, to change an address.
CREATE TABLE student.secret (
    hash bytea PRIMARY KEY,
    account_id bigint REFERENCES student.account ON DELETE CASCADE,
    purpose text NOT NULL CHECK (purpose IN ('register', 'password', 'email')),
    email text NOT NULL,
    kept jsonb NOT NULL DEFAULT '{}',
    expires_at timestamptz NOT NULL,
    CHECK ((account_id IS NULL) = (purpose = 'register'))
);
COMMENT ON COLUMN student.secret.kept IS 'Name and hashed password of an account that is made when its address is proven.';
CREATE INDEX secret_account ON student.secret (account_id, purpose);
CREATE INDEX secret_email ON student.secret (email, purpose);
CREATE INDEX secret_expires ON student.secret (expires_at);

-- A student as an OpenID provider knows them: by issuer and subject, never by address.
CREATE TABLE student.identity (
    issuer text NOT NULL,
    subject text NOT NULL,
    account_id bigint NOT NULL REFERENCES student.account ON DELETE CASCADE,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identity_account ON student.identity (account_id);

-- A log-in that was begun at a provider.
CREATE TABLE student.login_state (
    hash bytea PRIMARY KEY,
    kept jsonb NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX login_state_expires ON student.login_state (expires_at);

-- Mail that is owed until the server took it. It is written when it is sent: no secret lies here, and a request
-- that owes one does the same work whether the address has an account or not.
CREATE TABLE student.mail (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipient text NOT NULL,
    kind text NOT NULL,
    facts jsonb NOT NULL DEFAULT '{}',
    due_at timestamptz NOT NULL DEFAULT now(),
    tries integer NOT NULL DEFAULT 0,
    why text NOT NULL DEFAULT ''
);
CREATE INDEX mail_due ON student.mail (due_at);

CREATE TABLE student.enrolment (
    account_id bigint NOT NULL REFERENCES student.account ON DELETE CASCADE,
    batch_id bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, batch_id)
);
CREATE INDEX enrolment_batch ON student.enrolment (batch_id, account_id);

CREATE TABLE student.progress (
    account_id bigint NOT NULL REFERENCES student.account ON DELETE CASCADE,
    video_id bigint NOT NULL,
    position_s real NOT NULL CHECK (position_s >= 0 AND position_s <= 86400),
    at timestamptz NOT NULL,
    completed boolean NOT NULL DEFAULT false,
    completed_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (account_id, video_id)
);
COMMENT ON COLUMN student.progress.at IS
    'When the client said the position, by its clock but never later than the server''s: the last writer wins.';
COMMENT ON COLUMN student.progress.completed_at IS
    'The same of "completed", apart: who only tells a position, on another device, takes no tick away.';
CREATE INDEX progress_recent ON student.progress (account_id, at DESC, video_id DESC);

CREATE TABLE student.bookmark (
    account_id bigint NOT NULL REFERENCES student.account ON DELETE CASCADE,
    video_id bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, video_id)
);
CREATE INDEX bookmark_recent ON student.bookmark (account_id, at DESC, video_id DESC);

CREATE TABLE student.note (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES student.account ON DELETE CASCADE,
    video_id bigint NOT NULL,
    at_s real NOT NULL CHECK (at_s >= 0 AND at_s <= 86400),
    body text NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 8192),
    made_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX note_video ON student.note (account_id, video_id, at_s, id);

-- How far the sweep of deleted things' rows has come. One row.
CREATE TABLE student.sweep (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    after_account bigint NOT NULL DEFAULT 0,
    began_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO student.sweep DEFAULT VALUES;

DO $$
DECLARE api text := current_database() || '_api';
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = api) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', api);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA student, catalog TO %I', api);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA student TO %I', api);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA student TO %I', api);
    -- What playback and enrolment ask of the catalog, and no more.
    EXECUTE format('GRANT SELECT ON catalog.video, catalog.batch, catalog.source TO %I', api);
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no role made: % may not create roles', current_user;
END $$;
