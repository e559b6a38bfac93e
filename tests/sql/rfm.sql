-- From recency, frequency and monetary to scores, segments and groups.
SET search_path = public, strata;
CREATE TABLE users (name text, recency int, frequency bigint, monetary numeric);
INSERT INTO users VALUES
    ('ann', 1, 8, 900), ('bob', 5, 5, 400), ('cem', 10, 3, 120), ('dee', 20, 2, 80), ('eva', 30, 1, 300),
    ('fay', 40, 1, 60), ('gus', 60, 1, 50), ('hal', 90, 2, 45), ('ida', 150, 4, 500), ('jon', 300, 1, 10),
    ('new', NULL, 0, 0);                              -- no purchase yet: counts nowhere

-- The cuts of the three metrics over the ten users; of recency, less is better.
CREATE TABLE stored AS SELECT rfm_cuts_agg(recency, frequency, monetary) AS cuts FROM users;
SELECT jsonb_pretty(cuts::text::jsonb) AS cuts FROM stored;
SELECT s.cuts::text = rfm_cuts_agg(recency, frequency, monetary, 5)::text AS bins_is_5,
       s.cuts::text = rfm_cuts_agg(recency, frequency, monetary, 5, 'min')::text AS ties_is_min,
       s.cuts::text::rfm_cuts::text = s.cuts::text AS reads_back
FROM users, stored AS s GROUP BY s.cuts::text;

-- Scores, their code, and the segment by both schemes. A user without scores is a prospect.
SELECT name, scores, (scores).r, (scores).f, (scores).m, rfm_code(scores) AS code,
       rfm_segment(scores) AS eleven, rfm_segment(scores, 'ten') AS ten, rfm_segment(scores, 'eleven', 'zh') AS zh
FROM users, stored, LATERAL (SELECT rfm_score(recency, frequency, monetary, cuts)) AS s (scores)
ORDER BY name;
SELECT rfm_segment(NULL), rfm_segment(NULL, 'ten', 'zh'), rfm_segment('(5,,5)') AS a_null,
       rfm_code(NULL) IS NULL AS no_code, rfm_code('(5,,5)') IS NULL AS no_code;
SELECT rfm_score(1, 1, NULL, cuts) IS NULL AS no_money, rfm_score(NULL, 1, 1, cuts) IS NULL AS no_recency,
       rfm_score(1, NULL, 1, cuts) IS NULL AS no_frequency, rfm_score(1, 1, 1, NULL) IS NULL AS no_cuts,
       rfm_score(2, 100, -5, cuts) AS unseen
FROM stored;

-- With bins => 10 a code sets its scores apart, so that no two users share one by accident.
SELECT name, rfm_code(rfm_score(recency, frequency, monetary, cuts)) AS code
FROM users, (SELECT rfm_cuts_agg(recency, frequency, monetary, 10, 'max') FROM users) AS c (cuts)
WHERE name IN ('ann', 'fay', 'jon') ORDER BY name;

-- The eight groups by each split. For 'fixed': recency at most, frequency and monetary at least.
SELECT name, rfm_group(recency, frequency, monetary, cuts, 'raw_mean') AS raw_mean,
       rfm_group(recency, frequency, monetary, cuts) AS score_mean,
       rfm_group(recency, frequency, monetary, cuts, 'score_4') AS score_4,
       rfm_group(recency, frequency, monetary, cuts, 'fixed', fixed => ARRAY[30, 2, 100]) AS fixed
FROM users, stored ORDER BY name;
SELECT DISTINCT rfm_group(r, f, m, NULL, 'fixed', 'en', ARRAY[1, 1, 1]) AS en,
       rfm_group(r, f, m, NULL, 'fixed', 'zh', ARRAY[1, 1, 1]) AS zh
FROM generate_series(0, 2, 2) AS r, generate_series(0, 2, 2) AS f, generate_series(0, 2, 2) AS m ORDER BY en;
SELECT rfm_group(1, 1, 1, NULL) AS no_cuts, rfm_group(NULL, 1, 1, cuts, 'fixed', 'zh', ARRAY[1, 1, 1]) AS no_recency FROM stored;

-- On the border: at the mean is not above it; 'fixed' includes its constants.
SELECT rfm_group(2, 2, 2, cuts, 'raw_mean') AS at_the_mean, rfm_group(1, 3, 2.01, cuts, 'raw_mean') AS above,
       rfm_group(2, 2, 2, cuts, 'fixed', fixed => ARRAY[2, 2, 2]) AS fixed
FROM (SELECT rfm_cuts_agg(v, v::bigint, v::numeric) FROM generate_series(1, 3) AS v) AS c (cuts);

-- The schemes cover every cell once.
SELECT rfm_segment(scores) AS segment, rfm_segment(scores, lang => 'zh') AS zh, count(*) AS cells,
       string_agg(rfm_code(scores), ' ' ORDER BY rfm_code(scores) DESC) AS cells
FROM generate_series(1, 5) AS r, generate_series(1, 5) AS f, generate_series(1, 5) AS m,
     LATERAL (SELECT ROW(r, f, m)::rfm_scores) AS s (scores)
GROUP BY 1, 2 ORDER BY max(rfm_code(scores)) DESC;
SELECT rfm_segment(scores, 'ten') AS segment, rfm_segment(scores, 'ten', 'zh') AS zh, count(*) / 5 AS cells,
       string_agg(DISTINCT r::text || f, ' ' ORDER BY r::text || f DESC) AS cells
FROM generate_series(1, 5) AS r, generate_series(1, 5) AS f, generate_series(1, 5) AS m,
     LATERAL (SELECT ROW(r, f, m)::rfm_scores) AS s (scores)
GROUP BY 1, 2 ORDER BY max(rfm_code(scores)) DESC;

-- No user at all has no cuts. FILTER, and window aggregates, running and moving.
SELECT rfm_cuts_agg(recency, frequency, monetary) IS NULL AS no_rows FROM users WHERE false;
SELECT rfm_cuts_agg(recency, frequency, monetary) IS NULL AS only_nulls FROM users WHERE name = 'new';
SELECT rfm_cuts_agg(recency, frequency, monetary, 2) FILTER (WHERE name < 'd')::text::json -> 'monetary' AS of_three FROM users;
SELECT name, rfm_cuts_agg(recency, frequency, monetary, 2) OVER w::text::json -> 'users' AS so_far,
       rfm_cuts_agg(recency, frequency, monetary, 2) OVER w::text::json -> 'monetary' ->> 'cuts' AS cuts,
       rfm_cuts_agg(recency, frequency, monetary, 2) OVER m::text::json -> 'users' AS moving,
       rfm_cuts_agg(recency, frequency, monetary, 2) OVER m::text::json -> 'monetary' ->> 'cuts' AS cuts
FROM users WINDOW w AS (ORDER BY name), m AS (ORDER BY name ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY name;

-- Scores in a column, compared and indexed as any row.
CREATE TABLE scored (name text, scores rfm_scores);
INSERT INTO scored SELECT name, rfm_score(recency, frequency, monetary, cuts) FROM users, stored;
CREATE INDEX ON scored (scores);
SELECT name, scores FROM scored WHERE scores >= ROW(4, 1, 1)::rfm_scores ORDER BY scores DESC, name;

DROP TABLE users, stored, scored;
