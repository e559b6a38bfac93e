-- quantile_score: the score of a row's value among those of its partition. The drop-in for ntile that keeps ties
-- together and needs no ORDER BY.
SET search_path = public, strata;
CREATE TABLE users (country text, name text, orders int, spent numeric, last_order date);
INSERT INTO users VALUES
    ('de', 'ann', 1, 10.00, '2024-01-01'), ('de', 'bob', 1, 20.00, '2024-01-02'), ('de', 'cem', 1, 20.0, '2024-01-03'),
    ('de', 'dee', 2, 30, '2024-01-04'), ('de', 'eva', 3, NULL, '2024-01-05'), ('fr', 'fay', 7, 5, NULL),
    ('fr', 'gus', 9, 6, '2024-01-01');

-- Five users in de: 1 + floor(5 * worse / 5). Rows with NULL have no score and do not count.
SELECT country, name, orders, quantile_score(orders, 5) OVER w AS f, spent, quantile_score(spent, 4) OVER w AS m,
       last_order, quantile_score(last_order, 5) OVER w AS r
FROM users WINDOW w AS (PARTITION BY country) ORDER BY name;

-- Tie policies, and best => 'low'.
SELECT name, orders, quantile_score(orders, 5, 'min') OVER () AS min, quantile_score(orders, 5, 'max') OVER () AS max,
       quantile_score(orders, 5, 'mid') OVER () AS mid, quantile_score(orders, 5, 'min', 'low') OVER () AS low
FROM users ORDER BY name;

-- ORDER BY and frames change nothing: the partition counts.
SELECT name, quantile_score(orders, 5) OVER (ORDER BY name) AS ordered,
       quantile_score(orders, 5) OVER (ORDER BY orders DESC ROWS BETWEEN CURRENT ROW AND CURRENT ROW) AS framed,
       quantile_score(orders, 5) OVER () AS plain
FROM users ORDER BY name;

-- Numbers, dates and timestamps. NaN of a double is above all numbers, as PostgreSQL orders it.
SELECT value, quantile_score(value::int2, 2) OVER () AS int2, quantile_score(value, 2) OVER () AS int4,
       quantile_score(value::int8, 2) OVER () AS int8, quantile_score(value::float4, 2) OVER () AS float4,
       quantile_score(value::float8, 2) OVER () AS float8, quantile_score(value::numeric, 2) OVER () AS numeric,
       quantile_score(DATE '2024-01-01' + value, 2) OVER () AS date,
       quantile_score(TIMESTAMP '2024-01-01' + value * INTERVAL '1 s', 2) OVER () AS timestamp,
       quantile_score(TIMESTAMPTZ '2024-01-01 00:00+00' + value * INTERVAL '1 s', 2) OVER () AS timestamptz
FROM (VALUES (-2), (-1), (0), (1)) AS v (value) ORDER BY value;
SELECT value, quantile_score(value, 5) OVER ()
FROM (VALUES ('-infinity'::float8), ('-0'), (0), ('infinity'), ('NaN')) AS v (value) ORDER BY value, value::text;

-- A large partition agrees with cuts_agg and score, and with ntile where nothing is tied.
SELECT count(*) AS rows, count(*) FILTER (WHERE q = score(value, cuts)) AS as_by_cuts
FROM (SELECT value, quantile_score(value, 7, 'mid', 'low') OVER () AS q
      FROM (SELECT (i * 7919::bigint % 5003)::numeric AS value FROM generate_series(1, 20000) AS i) AS v) AS scored,
     (SELECT cuts_agg(i * 7919::bigint % 5003, 7, 'mid', 'low') FROM generate_series(1, 20000) AS i) AS c (cuts);
SELECT count(*) AS rows, count(*) FILTER (WHERE q = n) AS as_ntile
FROM (SELECT quantile_score(i, 5) OVER () AS q, ntile(5) OVER (ORDER BY i) AS n FROM generate_series(1, 1000) AS i) AS s;

-- Many small partitions, and no row at all.
SELECT count(*) AS rows, sum(q) AS sum
FROM (SELECT quantile_score(i, 2, 'max') OVER (PARTITION BY i / 2) AS q FROM generate_series(0, 9999) AS i) AS s;
SELECT quantile_score(orders, 5) OVER () FROM users WHERE false;

DROP TABLE users;
