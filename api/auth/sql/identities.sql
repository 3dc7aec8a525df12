-- name: find
-- Whose account a provider's student is.
SELECT account_id FROM student.identity WHERE issuer = %(issuer)s AND subject = %(subject)s

-- name: of_account
-- The providers that open an account.
SELECT issuer FROM student.identity WHERE account_id = %(account_id)s

-- name: link
-- From now on this provider's student opens the account; no row where they open one already.
INSERT INTO student.identity (issuer, subject, account_id) VALUES (%(issuer)s, %(subject)s, %(account_id)s)
ON CONFLICT (issuer, subject) DO NOTHING RETURNING account_id

-- name: unlink
-- A provider opens the account no more; only where another way in is left.
DELETE FROM student.identity i
WHERE i.account_id = %(account_id)s AND i.issuer = %(issuer)s
  AND (EXISTS (SELECT FROM student.account a WHERE a.id = i.account_id AND a.password IS NOT NULL)
       OR EXISTS (SELECT FROM student.identity o WHERE o.account_id = i.account_id AND o.issuer <> i.issuer))
RETURNING i.issuer
