-- name: by_email
-- Who logs in.
SELECT id, role, password FROM student.account WHERE email = %(email)s

-- name: by_id
-- What an account's owner is shown of it.
SELECT id, email, name, role, password, revision FROM student.account WHERE id = %(id)s

-- name: holds
-- Whether the password that was checked is still the account's; nobody changes it until this transaction ends.
SELECT 1 FROM student.account WHERE id = %(id)s AND password = %(password)s FOR SHARE

-- name: add
-- A new account whose address is proven; no row where the address has one.
INSERT INTO student.account (email, name, password, email_verified_at)
VALUES (%(email)s, %(name)s, %(password)s, now())
ON CONFLICT (email) DO NOTHING RETURNING id

-- name: rehash
-- The same password with today's costs.
UPDATE student.account SET password = %(new)s WHERE id = %(id)s AND password = %(password)s

-- name: set_password
-- A new password, where the old one is still the one that was checked.
UPDATE student.account SET password = %(new)s, revision = revision + 1
WHERE id = %(id)s AND password IS NOT DISTINCT FROM %(password)s RETURNING email

-- name: reset_password
-- A new password for who has read the mail: so the address is proven too.
UPDATE student.account SET password = %(new)s, email_verified_at = coalesce(email_verified_at, now()), revision = revision + 1
WHERE id = %(id)s RETURNING email

-- name: set_email
-- A new, proven address; no row where another account has it.
UPDATE student.account a SET email = %(email)s, email_verified_at = now(), revision = revision + 1
FROM (SELECT id, email FROM student.account WHERE id = %(id)s FOR UPDATE) old
WHERE a.id = old.id AND NOT EXISTS (SELECT FROM student.account WHERE email = %(email)s AND id <> %(id)s)
RETURNING old.email

-- name: delete
-- An account and all that is the student's; nothing is kept.
DELETE FROM student.account WHERE id = %(id)s RETURNING email

-- name: export
-- All that is kept of one student, of one moment.
SELECT jsonb_build_object(
    'account', (SELECT to_jsonb(a) - 'password' - 'revision' FROM student.account a WHERE a.id = %(id)s),
    'sessions', (SELECT coalesce(jsonb_agg(to_jsonb(s) - 'token_hash' - 'account_id' ORDER BY s.created_at), '[]')
                 FROM student.session s WHERE s.account_id = %(id)s),
    'identities', (SELECT coalesce(jsonb_agg(to_jsonb(i) - 'account_id' ORDER BY i.issuer, i.subject), '[]')
                   FROM student.identity i WHERE i.account_id = %(id)s),
    'secrets', (SELECT coalesce(jsonb_agg(to_jsonb(s) - 'hash' - 'kept' - 'account_id' ORDER BY s.expires_at), '[]')
                FROM student.secret s WHERE s.account_id = %(id)s),
    'enrolments', (SELECT coalesce(jsonb_agg(to_jsonb(e) - 'account_id' ORDER BY e.at, e.batch_id), '[]')
                   FROM student.enrolment e WHERE e.account_id = %(id)s),
    'progress', (SELECT coalesce(jsonb_agg(to_jsonb(p) - 'account_id' ORDER BY p.at, p.video_id), '[]')
                 FROM student.progress p WHERE p.account_id = %(id)s),
    'bookmarks', (SELECT coalesce(jsonb_agg(to_jsonb(b) - 'account_id' ORDER BY b.at, b.video_id), '[]')
                  FROM student.bookmark b WHERE b.account_id = %(id)s),
    'notes', (SELECT coalesce(jsonb_agg(to_jsonb(n) - 'account_id' ORDER BY n.id), '[]')
              FROM student.note n WHERE n.account_id = %(id)s)
)::text

-- name: appoint
-- Who an operator names: a new account, or a new role for the one that is there.
INSERT INTO student.account (email, name, role) VALUES (%(email)s, %(name)s, %(role)s)
ON CONFLICT (email) DO UPDATE SET role = EXCLUDED.role, revision = student.account.revision + 1
RETURNING id, xmax = 0 AS added, password IS NOT NULL
