-- name: words
-- What the terms of shown lectures are made of, beside names and subjects; the description's first words as kept, or its source.
SELECT v.id, v.title, b.title, t.plain, v.language, extract(year FROM v.recorded_on)::int,
    CASE WHEN t.hash IS NULL THEN v.description END, v.description_markup
FROM catalog.video v JOIN catalog.batch b ON b.id = v.batch_id
LEFT JOIN live.clean_text t ON t.hash = sha256(%(clean)s::bytea || v.text_hash)
WHERE v.id = ANY(%(ids)s) AND v.status = 'published' ORDER BY v.id

-- name: made_of
-- A hash of all that the terms of shown lectures are made of, and of the rules.
WITH name AS (
    SELECT x.video_id, string_agg(i.name, E'\x1E' ORDER BY x.position, i.id) AS names
    FROM catalog.video_instructor x JOIN catalog.instructor i ON i.id = x.instructor_id
    WHERE x.video_id = ANY(%(ids)s) GROUP BY x.video_id),
subject AS (
    SELECT x.video_id, string_agg(s.title || E'\x1E' || s.slug, E'\x1E' ORDER BY s.slug COLLATE "C") AS names
    FROM catalog.video_subject x JOIN catalog.subject s ON s.id = x.subject_id
    WHERE x.video_id = ANY(%(ids)s) GROUP BY x.video_id)
SELECT v.id, hashtextextended(concat_ws(E'\x1F', %(salt)s::text, v.title, b.title, v.language, extract(year FROM v.recorded_on),
    name.names, E'\x1D', subject.names, encode(v.text_hash, 'base64')), 0)
FROM catalog.video v JOIN catalog.batch b ON b.id = v.batch_id LEFT JOIN name ON name.video_id = v.id
LEFT JOIN subject ON subject.video_id = v.id
WHERE v.id = ANY(%(ids)s) AND v.status = 'published'

-- name: stale
-- The lectures whose terms are missing, made of something else, or of one that is shown no more.
WITH name AS (
    SELECT x.video_id, string_agg(i.name, E'\x1E' ORDER BY x.position, i.id) AS names
    FROM catalog.video_instructor x JOIN catalog.instructor i ON i.id = x.instructor_id GROUP BY x.video_id),
subject AS (
    SELECT x.video_id, string_agg(s.title || E'\x1E' || s.slug, E'\x1E' ORDER BY s.slug COLLATE "C") AS names
    FROM catalog.video_subject x JOIN catalog.subject s ON s.id = x.subject_id GROUP BY x.video_id),
shown AS (
    SELECT v.id, hashtextextended(concat_ws(E'\x1F', %(salt)s::text, v.title, b.title, v.language, extract(year FROM v.recorded_on),
        name.names, E'\x1D', subject.names, encode(v.text_hash, 'base64')), 0) AS made_of
    FROM catalog.video v JOIN catalog.batch b ON b.id = v.batch_id LEFT JOIN name ON name.video_id = v.id
    LEFT JOIN subject ON subject.video_id = v.id WHERE v.status = 'published')
SELECT coalesce(shown.id, s.video_id) FROM shown FULL JOIN live.search_video s ON s.video_id = shown.id
WHERE shown.made_of IS DISTINCT FROM s.made_of OR shown.id IS NULL ORDER BY 1

-- name: had
-- The terms that lectures have had.
SELECT video_id, terms, places FROM live.search_video WHERE video_id = ANY(%(ids)s)

-- name: of_batches
SELECT id FROM catalog.video WHERE batch_id = ANY(%(ids)s)

-- name: postings
-- What stands for terms of files.
SELECT t.unit, t.term, t.postings FROM unnest(%(units)s::bigint[], %(terms)s::text[]) AS n (unit, term)
JOIN live.search_term t ON t.unit = n.unit AND t.term = n.term

-- name: keep_postings
INSERT INTO live.search_term (unit, term, postings) SELECT * FROM unnest(%(units)s::bigint[], %(terms)s::text[], %(postings)s::text[])
ON CONFLICT (unit, term) DO UPDATE SET postings = EXCLUDED.postings

-- name: drop_postings
DELETE FROM live.search_term t USING unnest(%(units)s::bigint[], %(terms)s::text[]) AS n (unit, term)
WHERE t.unit = n.unit AND t.term = n.term

-- name: drop_videos
DELETE FROM live.search_video WHERE video_id = ANY(%(ids)s)

-- name: files
-- Files by unit, each as JSON, term by term. Of what terms and postings are made of, JSON quotes the backslash alone.
SELECT unit, '{"' || replace(string_agg(term || '":"' || postings, '","' ORDER BY term), E'\\', E'\\\\') || '"}'
FROM live.search_term WHERE unit = ANY(%(units)s) GROUP BY unit ORDER BY unit

-- name: files_shown
-- Those of the files that hold something.
SELECT u.unit FROM unnest(%(units)s::bigint[]) AS u (unit) WHERE EXISTS (SELECT FROM live.search_term t WHERE t.unit = u.unit)

-- name: all_files
-- Every file, by one look into the index for each.
WITH RECURSIVE file AS (
    (SELECT unit FROM live.search_term ORDER BY unit LIMIT 1)
    UNION ALL SELECT (SELECT t.unit FROM live.search_term t WHERE t.unit > file.unit ORDER BY t.unit LIMIT 1)
    FROM file WHERE file.unit IS NOT NULL)
SELECT unit FROM file WHERE unit IS NOT NULL
