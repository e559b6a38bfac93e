-- Lookalikes: the centroid of a layer, and how far off everybody is.
\set VERBOSITY default
SET search_path = public, strata;
CREATE TABLE users (user_id int, is_test boolean, orders ledger, points int);
INSERT INTO users
SELECT n, n % 40 = 0, ledger_agg(DATE '2024-01-01' + (n * 37 + k * 29) % 90, 10 * (n % 8) + k), nullif(n % 9, 0)
FROM generate_series(1, 200) AS n, generate_series(1, 1 + n % 5) AS k GROUP BY n;
INSERT INTO users VALUES (201, false, NULL, NULL);
CREATE TABLE made AS SELECT model '{
  "name": "likes", "sources": ["orders"], "attributes": {"is_test": "boolean", "points": "number"}, "population": "not is_test",
  "metrics": {"spent": "monetary(orders)", "often": "frequency(orders)", "idle": "recency(orders)", "has": "points", "same": "1", "since": "first_day(orders)"},
  "layers": [{"name": "buyers"}, {"name": "best", "when": "spent >= 200", "parent": "buyers"}, {"name": "good", "when": "spent > 0", "parent": "buyers"}],
  "default": {"name": "rest"}
}' AS model;

CREATE TABLE centroids AS
SELECT layer, centroid_agg(users, model, layer, '2024-03-31') AS centroid FROM users, made, unnest(ARRAY['best', 'buyers', 'rest']) AS layer GROUP BY layer;
SELECT layer, c ->> 'users' AS users, c ->> 'in_layer' AS in_layer, metric.* FROM centroids, LATERAL (SELECT centroid::jsonb AS c) AS j,
       jsonb_each(c -> 'metrics') AS metric ORDER BY layer, key;

-- the numbers are those of SQL's own aggregates
WITH m AS (SELECT metrics(users, model, '2024-03-31') AS m, layer_assign(users, model, '2024-03-31') AS layer FROM users, made),
     own AS (SELECT key, count(value) AS users, avg(value) AS mean, stddev_pop(value) AS deviation, count(value) FILTER (WHERE layer = 'best') AS in_layer,
                    avg(value) FILTER (WHERE layer = 'best') AS center
             FROM m, LATERAL (SELECT key, v::text::numeric AS value FROM jsonb_each(m) AS e (key, v) WHERE v <> 'null' AND key <> 'since') AS v
             WHERE layer IS NOT NULL GROUP BY key)
SELECT count(*), bool_and(users = (c ->> 'users')::int AND in_layer = (c ->> 'in_layer')::int) AS same_users,
       bool_and(abs(mean - (c ->> 'mean')::numeric) < 1e-9 AND abs(deviation - (c ->> 'deviation')::numeric) < 1e-9 AND abs(center - (c ->> 'center')::numeric) < 1e-9) AS same
FROM own JOIN LATERAL (SELECT centroid::jsonb -> 'metrics' -> key AS c FROM centroids WHERE layer = 'best') AS j ON true;

-- users of other layers, the most alike first, and why
SELECT user_id, round(similarity::numeric, 4) AS similarity, round(distance::numeric, 4) AS distance, parts
FROM users, made, centroids AS c, lookalike(users, model, centroid, '2024-03-31')
WHERE c.layer = 'best' AND layer_assign(users, model, '2024-03-31') = 'good' ORDER BY similarity DESC, user_id LIMIT 3;
-- the layer's own users are nearer on the whole; shares come to 1; who is outside of the population has no answer
SELECT layer_assign(users, model, '2024-03-31') AS layer, count(similarity), count(*), avg(similarity) > 0.4 AS alike,
       bool_and(abs(1 - (SELECT sum((v ->> 'share')::numeric) FROM jsonb_each(parts) AS e (k, v) WHERE v <> 'null')) < 0.001) AS shares
FROM users, made, centroids AS c, lookalike(users, model, centroid, '2024-03-31') WHERE c.layer = 'best' GROUP BY 1 ORDER BY 1;
SELECT similarity, distance, parts FROM users, made, centroids AS c, lookalike(users, model, centroid, '2024-03-31') WHERE c.layer = 'rest' AND user_id = 201;

-- in any order, in parallel, and read back
CREATE FUNCTION same_in_parallel() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE serial text; shuffled text; parallel text;
BEGIN
  SELECT centroid_agg(u, model, 'best', '2024-03-31') INTO serial FROM users AS u, made;
  SELECT centroid_agg(u, model, 'best', '2024-03-31' ORDER BY md5(user_id::text)) INTO shuffled FROM users AS u, made;
  PERFORM set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true), set_config('min_parallel_table_scan_size', '0', true);
  SELECT centroid_agg(u, (SELECT model FROM made), 'best', '2024-03-31') INTO parallel FROM users AS u;
  RETURN serial = shuffled AND serial = parallel AND serial::centroid::text = serial;
END $$;
SELECT same_in_parallel();

-- mistakes
SELECT centroid_agg(users, model, 'bets', '2024-03-31') FROM users, made;
SELECT centroid_agg(users, model, NULL, '2024-03-31') FROM users, made;
SELECT centroid_agg(users, model, CASE WHEN user_id > 7 THEN 'best' ELSE 'good' END, '2024-03-31') FROM users, made;
SELECT lookalike(users, preset('five_layer'), centroid, '2024-03-31') FROM users, centroids LIMIT 1;
SELECT lookalike(users, NULL, centroid, '2024-03-31') FROM users, centroids LIMIT 1;
SELECT lookalike(users, model, NULL, '2024-03-31') FROM users, made LIMIT 1;
SELECT centroid '{"model": "m"}';
SELECT centroid_agg(users, model, 'best', '2024-03-31') FROM users, made WHERE false;
DROP TABLE users, made, centroids;
DROP FUNCTION same_in_parallel();
