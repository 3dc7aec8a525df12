-- name: edits
-- Edits as they are answered.
SELECT e.id, e.revision, e.kind, e.thing_id, e.deed, e.state, e.base_etag,
    e.state = 'open' AND e.thing_id IS NOT NULL AND (SELECT etag FROM desk.thing(e.kind, e.thing_id)) IS DISTINCT FROM e.base_etag,
    e.base, e.changes, e.author_id, coalesce(nullif(a.name, ''), split_part(a.email, '@', 1), '?'),
    e.publisher_id, coalesce(nullif(p.name, ''), split_part(p.email, '@', 1), '?'), e.undoes,
    (SELECT u.id FROM desk.edit u WHERE u.undoes = e.id AND u.state = 'published' ORDER BY u.id DESC LIMIT 1),
    desk.moment(e.begun_at), desk.moment(e.saved_at), desk.moment(e.published_at), e.change_id
FROM desk.edit e LEFT JOIN student.account a ON a.id = e.author_id LEFT JOIN student.account p ON p.id = e.publisher_id
WHERE e.id = ANY(%(ids)s)

-- name: open
-- Open edits, the last saved first, of one editor or of all.
SELECT e.id, (extract(epoch FROM e.saved_at) * 1000000)::bigint FROM desk.edit e
WHERE e.state = 'open' AND (NOT %(mine)s OR e.author_id = %(account)s)
    AND (e.saved_at, e.id) < (to_timestamp(%(at_us)s / 1000000.0), %(id)s)
ORDER BY e.saved_at DESC, e.id DESC LIMIT %(limit)s

-- name: own
-- One's own open edit of a thing.
SELECT id FROM desk.edit WHERE state = 'open' AND kind = %(kind)s AND thing_id = %(thing)s AND author_id = %(account)s

-- name: begin
-- Begins an edit; nothing where the editor has one of this thing already.
INSERT INTO desk.edit (kind, thing_id, deed, base_etag, base, changes, author_id, tab, tab_count, undoes)
VALUES (%(kind)s, %(thing)s, %(deed)s, %(base_etag)s, %(base)s, %(changes)s, %(account)s, %(tab)s, %(count)s, %(undoes)s)
ON CONFLICT (kind, thing_id, author_id) WHERE state = 'open' AND thing_id IS NOT NULL DO NOTHING RETURNING id

-- name: count
-- How many edits an editor has open.
SELECT count(*) FROM desk.edit WHERE state = 'open' AND author_id = %(account)s

-- name: hold
-- An edit for who is about to write it.
SELECT id, revision, kind, thing_id, deed, state, base_etag, base, changes, kept, author_id, tab, tab_count, undoes
FROM desk.edit WHERE id = %(id)s FOR UPDATE

-- name: save
-- Another state of an open edit.
UPDATE desk.edit SET changes = %(changes)s, base_etag = %(base_etag)s, base = %(base)s, tab = %(tab)s, tab_count = %(count)s,
    revision = revision + 1, saved_at = clock_timestamp() WHERE id = %(id)s

-- name: discard
-- An edit that is not to be.
UPDATE desk.edit SET state = 'discarded', revision = revision + 1, saved_at = clock_timestamp() WHERE id = %(id)s

-- name: lock
-- A thing whose row nobody else writes until the transaction ends.
SELECT desk.hold(%(kind)s, %(id)s)

-- name: now
-- A thing as this transaction sees it, and its ETag.
SELECT etag, thing FROM desk.thing(%(kind)s, %(id)s)

-- name: actor
-- Who the change feed notes for what follows.
SELECT set_config('lectern.actor', %(actor)s, true)

-- name: apply
-- Applies an edit to the catalog.
SELECT id, kept FROM desk.apply(%(kind)s, %(thing)s, %(deed)s, %(changes)s, %(undoes)s)

-- name: publish
-- An edit that is done: what it really set, and what it takes to undo it.
UPDATE desk.edit SET state = 'published', thing_id = %(thing)s, base = %(base)s, changes = %(changes)s, kept = %(kept)s,
    publisher_id = %(account)s, revision = revision + 1, published_at = clock_timestamp() WHERE id = %(id)s

-- name: change
-- The last row that this transaction wrote into the change feed.
SELECT max(id) FROM catalog.change WHERE release IS NULL AND xmin = pg_current_xact_id()::xid

-- name: note_change
-- By which its release is found.
UPDATE desk.edit SET change_id = %(change)s WHERE id = ANY(%(ids)s)

-- name: taken_slugs
-- Slugs in use that begin so.
SELECT slug FROM catalog.course WHERE %(kind)s = 'course' AND slug LIKE %(like)s
UNION SELECT slug FROM catalog.batch WHERE %(kind)s = 'batch' AND slug LIKE %(like)s
UNION SELECT slug FROM catalog.subject WHERE %(kind)s = 'subject' AND slug LIKE %(like)s
UNION SELECT slug FROM catalog.instructor WHERE %(kind)s = 'instructor' AND slug LIKE %(like)s
UNION SELECT slug FROM catalog.video WHERE %(kind)s = 'video' AND slug LIKE %(like)s
UNION SELECT slug FROM catalog.old_slug WHERE kind = %(kind)s AND slug LIKE %(like)s

-- name: by_slug
-- The thing that has a slug.
SELECT id FROM catalog.course WHERE %(kind)s = 'course' AND slug = %(slug)s
UNION ALL SELECT id FROM catalog.batch WHERE %(kind)s = 'batch' AND slug = %(slug)s
UNION ALL SELECT id FROM catalog.subject WHERE %(kind)s = 'subject' AND slug = %(slug)s
UNION ALL SELECT id FROM catalog.instructor WHERE %(kind)s = 'instructor' AND slug = %(slug)s
UNION ALL SELECT id FROM catalog.video WHERE %(kind)s = 'video' AND slug = %(slug)s

-- name: hangs_on
-- How many things would go with one that is deleted.
SELECT CASE %(kind)s WHEN 'course' THEN (SELECT count(*) FROM catalog.batch WHERE course_id = %(id)s)
    WHEN 'batch' THEN (SELECT count(*) FROM catalog.video WHERE batch_id = %(id)s)
    WHEN 'subject' THEN (SELECT count(*) FROM catalog.video_subject WHERE subject_id = %(id)s)
    WHEN 'instructor' THEN (SELECT count(*) FROM catalog.video_instructor WHERE instructor_id = %(id)s) ELSE 0 END

-- name: is_future
-- Whether a moment is still to come, by the database's clock, which is the one that publishes.
SELECT %(at)s::timestamptz > clock_timestamp()

-- name: history
-- What was published, the newest first, of one thing, of one file that was imported, or of all.
SELECT e.id, e.revision, e.kind, e.thing_id, e.deed, e.publisher_id, coalesce(nullif(a.name, ''), split_part(a.email, '@', 1), '?'),
    desk.moment(e.published_at), e.base, e.changes, e.undoes,
    (SELECT u.id FROM desk.edit u WHERE u.undoes = e.id AND u.state = 'published' ORDER BY u.id DESC LIMIT 1),
    e.change_id, e.import_id, (SELECT thing FROM desk.thing(e.kind, e.thing_id)),
    (extract(epoch FROM e.published_at) * 1000000)::bigint
FROM desk.edit e LEFT JOIN student.account a ON a.id = e.publisher_id
WHERE e.state = 'published' AND (%(thing)s::bigint IS NULL OR e.kind = %(kind)s AND e.thing_id = %(thing)s)
    AND (%(imported)s::bigint IS NULL OR e.import_id = %(imported)s)
    AND (e.published_at, e.id) < (to_timestamp(%(at_us)s / 1000000.0), %(id)s)
ORDER BY e.published_at DESC, e.id DESC LIMIT %(limit)s
