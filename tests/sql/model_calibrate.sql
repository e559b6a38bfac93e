-- calibrate_agg(row, model, as_of): the cut points of a model's scores, read from its users in one pass.
SET search_path = public, strata;
-- What a calibration found, score by score.
CREATE FUNCTION found(model model) RETURNS TABLE (score text, users text, cuts text, reached text) LANGUAGE sql AS $$
  SELECT key, value ->> 'users', value ->> 'cuts', value ->> 'reached' FROM json_each(model::json -> 'calibration' -> 'scores')
$$;

-- Ten users: 100, 90 … 10, with a pair of equal values, one without a value, one who does not count.
CREATE TABLE users (name text, shop text, is_test boolean, spent numeric, orders ledger);
INSERT INTO users
SELECT 'user ' || n, CASE WHEN n <= 4 THEN 'north' ELSE 'south' END, false, CASE WHEN n = 2 THEN 100 ELSE 110 - 10 * n END,
       format('{"2024-01-%s": [%s, 5], "2024-04-01": [1, 1000]}', lpad(n::text, 2, '0'), n)::ledger
FROM generate_series(1, 10) AS n;
INSERT INTO users VALUES ('unknown', 'south', false, NULL, NULL), ('test', 'south', true, 1000000, '{"2023-01-01": [99, 9]}');

CREATE TABLE models (name text PRIMARY KEY, model model);
INSERT INTO models VALUES ('methods', '{
  "name": "methods", "attributes": {"is_test": "boolean"}, "population": "not is_test", "metrics": {"spent": "0"},
  "scores": {
    "fifth": {"of": "spent", "quantile": 5}, "fifth_max": {"of": "spent", "quantile": 5, "ties": "max"}, "half_low": {"of": "spent", "best": "low", "quantile": 2},
    "tier": {"of": "spent", "top_share": [0.1, 0.6]}, "tier_max": {"of": "spent", "top_share": [0.1, 0.6], "ties": "max"},
    "above_mean": {"of": "spent", "mean": true}, "class": {"of": "spent", "natural_breaks": 3},
    "fixed": {"of": "spent", "cuts": [50]}, "of_a_score": {"of": "fifth", "mean": true}, "of_a_fixed": {"of": "fixed", "top_share": [0.5]}
  },
  "layers": [{"name": "top", "when": "tier = 3"}, {"name": "middle", "when": "tier = 2"}], "default": {"name": "rest"}}');

-- Every method at once. Fixed cuts are not calibrated; of_a_score cuts the scores of a score.
CREATE TABLE calibrated AS SELECT calibrate_agg(users, model, '2024-03-31') AS model FROM users, models WHERE models.name = 'methods' GROUP BY models.name;
SELECT f.* FROM calibrated, found(model) AS f;
SELECT model::json -> 'calibration' ->> 'as_of' AS as_of, model::json -> 'calibration' ->> 'days' AS days, model::json -> 'calibration' ->> 'users' AS users FROM calibrated;

-- It is the same model otherwise, and reads back.
SELECT (c.model::jsonb - 'calibration') = m.model::jsonb AS same, c.model::text::model::text = c.model::text AS reads_back FROM calibrated AS c, models AS m;
-- The scores that its users get are those that were counted.
SELECT users.name, spent, scores, layer FROM users, calibrated, LATERAL evaluate(users, model, '2024-03-31') ORDER BY spent DESC NULLS LAST, users.name;
SELECT n AS score, count(*) FILTER (WHERE scores[1] = n) AS fifth, count(*) FILTER (WHERE scores[4] = n) AS tier, count(*) FILTER (WHERE scores[7] = n) AS class
FROM generate_series(1, 5) AS n, users, calibrated, LATERAL evaluate(users, model, '2024-03-31') GROUP BY n ORDER BY n;

-- The quantile cuts are those of cuts_agg.
SELECT cuts_agg(spent, 5)::text::json ->> 'cuts' = (SELECT cuts FROM calibrated, found(model) WHERE score = 'fifth') AS fifth,
       cuts_agg(spent, 5, 'max')::text::json ->> 'cuts' = (SELECT cuts FROM calibrated, found(model) WHERE score = 'fifth_max') AS fifth_max,
       cuts_agg(spent, 2, 'min', 'low')::text::json ->> 'cuts' = (SELECT cuts FROM calibrated, found(model) WHERE score = 'half_low') AS half_low
FROM users WHERE NOT is_test;

-- Uncalibrated it says what to do. Where no score is needed it answers; given scores will do.
SELECT layer_assign(users, model, '2024-03-31') FROM users, models;
\echo :SQLSTATE
SELECT evaluate(users, model, '2024-03-31') FROM users, models;
SELECT explain(users, model, '2024-03-31') FROM users, models;
SELECT metrics(users, model, '2024-03-31') FROM users, models WHERE users.name = 'user 1';
SELECT layer_assign(t, model) FROM (VALUES (3, false), (1, false), (3, true)) AS t (tier, is_test), models;

-- A calibrated model is calibrated anew: the old cuts count for nothing. Other parameters drop them.
SELECT f.* FROM (SELECT calibrate_agg(users, model, '2024-03-31') AS model FROM users, calibrated WHERE spent > 50) AS c, found(model) AS f WHERE score IN ('fifth', 'above_mean');
SELECT calibrate_agg(users, c.model, '2024-03-31')::text = c.model::text AS same_again FROM users, calibrated AS c GROUP BY c.model::text;
INSERT INTO models VALUES ('share', '{"name": "share", "parameters": {"top": 0.2, "days": 365}, "sources": ["orders"], "metrics": {"n": "frequency(orders, days)"}, "scores": {"s": {"of": "n", "top_share": ["top"]}}, "layers": [{"name": "a", "when": "s = 2"}], "default": {"name": "b"}}');
SELECT set_parameters(c, '{"top": 0.2}')::text = c::text AS same_value, set_parameters(c, '{"top": 0.5}')::json -> 'calibration' IS NULL AS dropped
FROM (SELECT calibrate_agg(users, model, '2024-03-31') AS c FROM users, models WHERE models.name = 'share') AS x;
-- The first and the last day of the ledgers up to as_of are kept, with the cuts.
SELECT days, as_of, f.*, calibration -> 'days' AS read
FROM (VALUES (365, DATE '2024-03-31'), (85, '2024-03-31'), (365, '2024-01-05'), (365, '2024-04-02'), (365, '2020-01-01')) AS t (days, as_of),
     LATERAL (SELECT calibrate_agg(users, set_parameters(model, format('{"days": %s}', days)::jsonb), as_of) FROM users, models WHERE models.name = 'share') AS c (model),
     LATERAL (SELECT model::jsonb -> 'calibration') AS x (calibration), found(model) AS f;

-- By group. No rows at all give no model; rows without a value, or of nobody who counts, give one with cuts of nothing.
SELECT shop, count(*), (calibrate_agg(users, model, '2024-03-31')::json #>> '{calibration,scores,class,cuts}') AS class FROM users, models WHERE models.name = 'methods' GROUP BY shop ORDER BY shop;
SELECT calibrate_agg(users, model, '2024-03-31') IS NULL AS no_rows FROM users, models WHERE false;
SELECT calibrate_agg(NULL::users, model, '2024-03-31') IS NULL AS only_null_rows FROM models WHERE name = 'methods';
SELECT f.* FROM (SELECT calibrate_agg(users, model, '2024-03-31') AS model FROM users, models WHERE models.name = 'methods' AND users.name = 'unknown') AS c, found(model) AS f;
SELECT model::json -> 'calibration' ->> 'users' AS users, f.* FROM (SELECT calibrate_agg(users, model, '2024-03-31') AS model FROM users, models WHERE models.name = 'methods' AND is_test) AS c, found(model) AS f WHERE score = 'fifth';
-- Cuts of nothing: any value scores 1.
SELECT spent, scores FROM (SELECT calibrate_agg(users, model, '2024-03-31') AS model FROM users, models WHERE models.name = 'methods' AND is_test) AS c,
     users, LATERAL evaluate(users, model, '2024-03-31') WHERE users.name IN ('user 1', 'unknown');
-- All equal; two distinct values; one user.
SELECT f.* FROM (SELECT calibrate_agg(t, model, '2024-03-31') AS model FROM (SELECT 7 AS spent, false AS is_test FROM generate_series(1, 10)) AS t, models WHERE models.name = 'methods') AS c, found(model) AS f;
SELECT f.* FROM (SELECT calibrate_agg(t, model, '2024-03-31') AS model FROM (SELECT n % 2 AS spent, false AS is_test FROM generate_series(1, 10) AS n) AS t, models WHERE models.name = 'methods') AS c, found(model) AS f;
SELECT f.* FROM (SELECT calibrate_agg(t, model, '2024-03-31') AS model FROM (SELECT 7 AS spent, false AS is_test) AS t, models WHERE models.name = 'methods') AS c, found(model) AS f;
-- NaN and infinities are NULL: such users are counted, and not scored.
SELECT f.* FROM (SELECT calibrate_agg(t, model, '2024-03-31') AS model FROM (SELECT spent, false AS is_test FROM unnest(ARRAY[1, 2, 'NaN', 'Infinity']::float8[]) AS spent) AS t, models WHERE models.name = 'methods') AS c, found(model) AS f WHERE score = 'fifth';
-- A model without data-driven cuts has nothing to calibrate.
SELECT calibrate_agg(t, '{"name": "m", "metrics": {"n": "0"}, "scores": {"s": {"of": "n", "cuts": [1]}}, "layers": [{"name": "a", "when": "s = 2"}], "default": {"name": "b"}}', '2024-03-31') FROM (VALUES (1), (2)) AS t (n);
-- DISTINCT, FILTER, ORDER BY, and a running window.
SELECT count(DISTINCT c) FROM (
  SELECT calibrate_agg(users, model, '2024-03-31')::text AS c FROM users, models WHERE models.name = 'methods'
  UNION ALL SELECT calibrate_agg(users, model, '2024-03-31' ORDER BY spent)::text FROM users, models WHERE models.name = 'methods'
  UNION ALL SELECT calibrate_agg(users, model, '2024-03-31' ORDER BY users.name DESC) FILTER (WHERE NOT is_test)::text FROM users, models WHERE models.name = 'methods') AS all_ways;
SELECT users.name, calibrate_agg(users, model, '2024-03-31') OVER (ORDER BY users.name)::json #>> '{calibration,scores,above_mean,cuts}' AS mean_so_far
FROM users, models WHERE models.name = 'methods' AND shop = 'north' ORDER BY users.name;

-- What is refused: a model or a day that changes within one aggregate, or is not there.
SELECT calibrate_agg(users, model, '2024-03-31') FROM users, models;
SELECT calibrate_agg(users, model, CASE WHEN shop = 'north' THEN DATE '2024-03-31' ELSE '2024-03-30' END) FROM users, models WHERE models.name = 'methods';
\echo :SQLSTATE
SELECT calibrate_agg(users, NULL, '2024-03-31') FROM users;
SELECT calibrate_agg(users, model, NULL) FROM users, models WHERE models.name = 'methods';
SELECT calibrate_agg(users, model, 'infinity') FROM users, models WHERE models.name = 'methods';
SELECT calibrate_agg(t, model, '2024-03-31') FROM (SELECT is_test, spent AS spend FROM users) AS t, models WHERE models.name = 'share';
SELECT strata_internal.calibrate_agg_transition(NULL, users, model, '2024-03-31') FROM users, models;
SELECT strata_internal.calibrate_agg_final('\x01');
SELECT strata_internal.calibrate_agg_final(NULL) IS NULL AS of_nothing;

-- In parallel: partial states by worker, the answer of one.
CREATE TABLE many (id int, spent numeric, is_test boolean) WITH (parallel_workers = 2);
INSERT INTO many SELECT n, round((n * 7919 % 10007) / 7.0, 2), n % 10 = 0 FROM generate_series(1, 30000) AS n;
ANALYZE many;
SELECT model AS methods FROM models WHERE name = 'methods' \gset
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS SELECT calibrate_agg(many, :'methods', '2024-03-31') AS model FROM many;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT calibrate_agg(many, :'methods', '2024-03-31') AS model FROM many;
CREATE TABLE parallel AS SELECT calibrate_agg(many, :'methods', '2024-03-31') AS model FROM many;
SELECT s.model::text = p.model::text AS same, f.* FROM serial AS s, parallel AS p, found(s.model) AS f WHERE score IN ('fifth', 'class', 'above_mean');
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- The first preset, from nothing to layers.
SELECT layer, count(*) FROM (SELECT calibrate_agg(users, preset('rfm_eleven'), '2024-03-31') AS model FROM users) AS c, users, LATERAL evaluate(users, model, '2024-03-31') GROUP BY 1 ORDER BY 2 DESC, 1;

DROP FUNCTION found;
DROP TABLE users, models, calibrated, many, serial, parallel;
