-- name: preferences
-- What a student set.
SELECT preferences::text FROM student.account WHERE id = %(account_id)s

-- name: prefer
-- What a student sets.
UPDATE student.account SET preferences = %(preferences)s WHERE id = %(account_id)s
