-- cuts_agg and score: the cut points of one metric over a set of users, and the score of any value by them.
SET search_path = public, strata;

-- Ten users: six bought once. Their numbers of orders:
CREATE TABLE users (name text, orders numeric);
INSERT INTO users VALUES
    ('ann', 1), ('bob', 1), ('cem', 1), ('dee', 1), ('eva', 1), ('fay', 1), ('gus', 2), ('hal', 3), ('ida', 5), ('jon', 9);

-- Cut k is the worst value that reaches score k + 1. The default is 5 bins, ties 'min', best 'high'.
SELECT cuts_agg(orders) FROM users;
SELECT cuts_agg(orders)::text = cuts_agg(orders, 5, 'min', 'high')::text AS default_is,
       cuts_agg(orders)::text = cuts_agg(orders, 5)::text AS bins_only,
       cuts_agg(orders)::text = cuts_agg(orders, 5, 'min')::text AS bins_and_ties
FROM users;

-- Equal values, equal scores; the tie policies differ in how high. With w users strictly worse and e equal, of n = 10:
-- 'min' 1 + floor(5 w / n), 'max' ceil(5 (w + e) / n), 'mid' 1 + floor(5 (w + e / 2) / n). ntile tears the six apart.
SELECT name, orders, score(orders, min) AS min, score(orders, max) AS max, score(orders, mid) AS mid,
       ntile(5) OVER (ORDER BY orders, name) AS ntile
FROM users, (SELECT cuts_agg(orders, 5, 'min'), cuts_agg(orders, 5, 'max'), cuts_agg(orders, 5, 'mid') FROM users)
            AS cuts (min, max, mid)
ORDER BY orders, name;

-- Any value has a score, observed or not; NULL has none.
SELECT value, score(value, cuts)
FROM (SELECT cuts_agg(orders) FROM users) AS c (cuts), (VALUES (-1), (1.99), (2), (4.999), (5), (1e20), (NULL)) AS v (value)
ORDER BY value;
SELECT score(3, NULL) IS NULL AS no_cuts;

-- best => 'low': the smaller, the better, as for recency. The direction is part of the cuts.
SELECT cuts_agg(days, 4, 'min', 'low') FROM generate_series(1, 8) AS days;
SELECT days, score(days, cuts)
FROM generate_series(1, 8) AS days, (SELECT cuts_agg(d, 4, 'min', 'low') FROM generate_series(1, 8) AS d) AS c (cuts);

-- Documented corners. All tied: 'min' gives 1, 'max' the number of bins, 'mid' the middle.
SELECT ties, cuts_agg(7, 5, ties) AS cuts, score(7, cuts_agg(7, 5, ties))
FROM generate_series(1, 4), (VALUES ('min'), ('max'), ('mid')) AS t (ties) GROUP BY ties ORDER BY ties;
-- Fewer users than bins: 'min' never reaches the top, 'max' never the bottom.
SELECT ties, cuts_agg(value, 5, ties)::text::json -> 'cuts' AS cuts, score(1, cuts_agg(value, 5, ties)) AS worst,
       score(3, cuts_agg(value, 5, ties)) AS best
FROM (SELECT ties, value FROM generate_series(1, 3) AS value, (VALUES ('min'), ('max'), ('mid')) AS t (ties)) AS x
GROUP BY ties ORDER BY ties;

-- Rows with NULL are left out; none left is NULL.
SELECT cuts_agg(value) FROM (VALUES (NULL), (3), (NULL), (4.50), (4.5)) AS v (value);
SELECT cuts_agg(value) IS NULL AS all_null FROM (VALUES (NULL::numeric), (NULL)) AS v (value);
SELECT cuts_agg(orders) IS NULL AS no_rows FROM users WHERE false;

-- FILTER, DISTINCT, GROUP BY; as a window aggregate, running and moving.
SELECT cuts_agg(orders, 2) FILTER (WHERE orders > 1) AS filtered, cuts_agg(DISTINCT orders, 2) AS distinct FROM users;
SELECT orders > 1 AS again, cuts_agg(orders, 2) FROM users GROUP BY 1 ORDER BY 1;
SELECT value, cuts_agg(value, 2) OVER (ORDER BY value) AS so_far,
       cuts_agg(value, 2) OVER (ORDER BY value ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS last_two
FROM generate_series(1, 4) AS value;

-- The text form reads back as the same value, whatever the order of the keys. The sums keep both means exact.
SELECT c::text::cuts::text = c::text AS same FROM (SELECT cuts_agg(orders / 3, 10, 'mid') FROM users) AS made (c);
SELECT cuts '{"sum": 45.50, "score_sum": 4, "cuts": [20], "best": "high", "users": 3, "ties": "min", "bins": 2}';
-- The binary form is a format that stored values depend on.
SELECT strata_internal.cuts_send('{"bins":2,"ties":"min","users":3,"best":"high","cuts":[20],"sum":45.5,"score_sum":4}');

-- Stored, and sent in binary form.
CREATE TABLE stored (made_on date, c cuts, r rfm_cuts);
INSERT INTO stored SELECT '2024-01-31', cuts_agg(orders), rfm_cuts_agg(orders::int, orders::bigint, orders) FROM users;
CREATE TABLE loaded (LIKE stored);
\copy stored TO PROGRAM 'cat >"${PG_ABS_BUILDDIR:-/tmp}/cuts.bin"' (FORMAT binary)
\copy loaded FROM PROGRAM 'cat "${PG_ABS_BUILDDIR:-/tmp}/cuts.bin"' (FORMAT binary)
SELECT a.c::text = b.c::text AS same, a.r::text = b.r::text AS same FROM stored AS a, loaded AS b;
SELECT name, score(orders, c) FROM users, stored WHERE name IN ('ann', 'gus', 'jon') ORDER BY name;

-- Every score against its formula: 1,000 values with ties, every policy and direction, 2 to 10 bins.
CREATE TABLE many AS SELECT i * 7919 % 211 / 4.0 AS value FROM generate_series(1, 1000) AS i;
CREATE TABLE ranked AS
SELECT value, (SELECT count(*) FROM many AS o WHERE o.value < m.value) AS below,
       (SELECT count(*) FROM many AS o WHERE o.value = m.value) AS equal,
       (SELECT count(*) FROM many AS o WHERE o.value > m.value) AS above
FROM (SELECT DISTINCT value FROM many) AS m;
SELECT ties, best, count(*) AS scores, count(*) FILTER (WHERE score(value, cuts) = expected) AS right
FROM (SELECT ties, best, cuts, value,
             CASE ties WHEN 'min' THEN 1 + bins * worse / 1000
                       WHEN 'max' THEN (bins * (worse + equal) + 999) / 1000
                       ELSE 1 + bins * (2 * worse + equal) / 2000 END AS expected
      FROM (SELECT bins, ties, best, cuts_agg(value, bins, ties, best) AS cuts
            FROM many, generate_series(2, 10) AS bins, (VALUES ('min'), ('max'), ('mid')) AS t (ties),
                 (VALUES ('high'), ('low')) AS b (best)
            GROUP BY bins, ties, best) AS c,
           ranked, LATERAL (SELECT CASE best WHEN 'high' THEN below ELSE above END) AS w (worse)) AS checked
GROUP BY ties, best ORDER BY ties, best;

DROP TABLE users, stored, loaded, many, ranked;
