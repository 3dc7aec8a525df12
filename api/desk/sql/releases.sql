-- name: change
-- A change, and the release that took it; no row where it is too old to be known.
SELECT id, release, desk.moment(at), at FROM catalog.change WHERE id = %(change)s

-- name: release
-- A release by its number, with the milliseconds of its steps since its oldest change, or since it began.
SELECT r.number, r.state, desk.moment(r.started_at), r.rendered, r.uploaded, r.retired, r.purged, r.held_back,
    (extract(epoch FROM r.started_at - coalesce(%(since)s, r.started_at)) * 1000)::int,
    (extract(epoch FROM r.rendered_at - coalesce(%(since)s, r.started_at)) * 1000)::int,
    (extract(epoch FROM r.live_at - coalesce(%(since)s, r.started_at)) * 1000)::int,
    (extract(epoch FROM r.purged_at - coalesce(%(since)s, r.started_at)) * 1000)::int,
    EXISTS (SELECT FROM live.debt d WHERE d.kind = 'purge' AND d.release = r.number AND NOT d.again),
    EXISTS (SELECT FROM live.debt d WHERE d.kind = 'purge' AND d.release = r.number AND NOT d.again AND d.tries > 0),
    EXISTS (SELECT FROM live.debt d WHERE d.kind = 'receipt' AND d.release = r.number)
FROM live.release r WHERE r.number = %(release)s

-- name: failed
-- Pages that a release set aside or held back.
SELECT coalesce(nullif(path, ''), kind), kind, why FROM live.set_aside WHERE release = %(release)s ORDER BY path, unit LIMIT %(most)s

-- name: seen
-- What the edge showed of a release.
SELECT url, encoding, lag_ms, served_by FROM live.receipt WHERE release = %(release)s ORDER BY url, encoding LIMIT %(most)s

-- name: releases
-- The newest releases.
SELECT r.number, r.state, r.cause, desk.moment(r.started_at), desk.moment(r.live_at), r.changes, r.rendered, r.uploaded, r.retired,
    r.held_back, r.state = 'live' AND r.number >= s.horizon AND r.live_at > clock_timestamp() - %(kept_days)s * interval '1 day'
FROM live.release r CROSS JOIN live.site s ORDER BY r.number DESC LIMIT %(limit)s

-- name: held
-- The release that the site was taken back to while publishing is on hold.
SELECT held_at FROM live.site
