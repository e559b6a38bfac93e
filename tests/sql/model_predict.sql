-- Predictions as metrics of a model: calibration fits first, then cuts.
\set VERBOSITY default
SET search_path = public, strata;
CREATE TABLE buyers (user_id int, is_test boolean, orders ledger);
INSERT INTO buyers
SELECT n, n % 50 = 0, ledger_agg(DATE '2023-01-01' + (n * 37 % 200 + k * (5 + n % 61))::int, 5 + n * 13 % 40 + k * 7 % 11)
FROM generate_series(1, 400) AS n, generate_series(0, n * n % 11) AS k GROUP BY n;
INSERT INTO buyers VALUES (401, false, NULL), (402, false, '{}'), (403, false, '{"2025-01-01": [1, 5]}');

CREATE TABLE models (name text, model model);
INSERT INTO models VALUES ('plain', '{
  "name": "worth", "sources": ["orders"], "attributes": {"is_test": "boolean"}, "population": "not is_test",
  "parameters": {"horizon_days": 365},
  "metrics": {"alive": "p_alive(orders)", "soon": "purchase_probability(orders, 90)",
     "expected": "expected_purchases(orders, horizon_days)", "worth": "lifetime_value(orders, horizon_days)",
     "mixed": "alive * monetary(orders)"},
  "scores": {"w": {"of": "worth", "top_share": [0.1, 0.3]}, "x": {"of": "mixed", "quantile": 4}},
  "layers": [{"name": "best", "when": "w = 3 and alive > 0.5"}, {"name": "fading", "when": "soon < 0.3"}],
  "default": {"name": "other"}
}');

-- nothing is predicted before a fit
SELECT layer_assign(b, model, '2024-03-31') FROM buyers AS b, models WHERE name = 'plain' LIMIT 1;
SELECT severity, path, finding FROM models, model_check(model) WHERE name = 'plain' AND (path LIKE 'sources%' OR path LIKE 'scores%');

-- one pass fits and cuts, but for the score that mixes; the second pass cuts that as well
INSERT INTO models SELECT 'once', calibrate_agg(b, model, '2024-03-31') FROM buyers AS b, models WHERE name = 'plain';
SELECT layer_assign(b, model, '2024-03-31') FROM buyers AS b, models WHERE name = 'once' LIMIT 1;
SELECT (evaluate(b, model, '2024-03-31')).scores FROM buyers AS b, models WHERE name = 'once' LIMIT 1;
INSERT INTO models SELECT 'twice', calibrate_agg(b, model, '2024-03-31') FROM buyers AS b, models WHERE name = 'once';
SELECT name, c -> 'users' AS users, c #>> '{fits,orders,bgnbd,fit,users}' AS fitted,
       round((c #>> '{fits,orders,bgnbd,r}')::numeric, 3) AS r, round((c #>> '{fits,orders,gamma_gamma,p}')::numeric, 3) AS p,
       jsonb_object_keys(c -> 'scores') AS score
FROM (SELECT name, model::jsonb -> 'calibration' AS c FROM models) AS m WHERE c IS NOT NULL ORDER BY 1, 6;

-- the fit is that of the summaries, and metrics are what the readers say
WITH summaries AS (SELECT user_id, orders, (purchase_summary(orders, '2024-03-31')).* FROM buyers WHERE NOT is_test),
     fits AS (SELECT bgnbd_fit_agg(x, t_x, t) AS bgnbd, gamma_gamma_fit_agg(x, mean_amount) AS gamma_gamma FROM summaries WHERE x IS NOT NULL),
     said AS (SELECT user_id, metrics(b, model, '2024-03-31') AS m FROM buyers AS b, models WHERE name = 'twice')
SELECT (SELECT bgnbd::jsonb = model::jsonb #> '{calibration,fits,orders,bgnbd}' FROM fits, models WHERE name = 'twice') AS same_fit,
       count(*), count(*) FILTER (WHERE x IS NULL AND m -> 'alive' = 'null') AS unknown,
       count(*) FILTER (WHERE (m ->> 'alive')::numeric = round(p_alive(bgnbd, orders, '2024-03-31')::numeric, 6)) AS alive,
       count(*) FILTER (WHERE (m ->> 'soon')::numeric = round(purchase_probability(bgnbd, 90, orders, '2024-03-31')::numeric, 6)) AS soon,
       count(*) FILTER (WHERE (m ->> 'expected')::numeric = round(expected_purchases(bgnbd, 365, orders, '2024-03-31')::numeric, 6)) AS expected,
       count(*) FILTER (WHERE abs((m ->> 'worth')::numeric - (expected_purchases(bgnbd, 365, orders, '2024-03-31')
                                  * expected_amount(gamma_gamma, orders, '2024-03-31'))::numeric) <= 0.000001) AS worth
FROM summaries JOIN said USING (user_id), fits;

-- evaluating the users finds those whom calibration counted
SELECT score, found, model::jsonb #> ARRAY['calibration', 'scores', score, 'reached'] AS reached
FROM (SELECT score, jsonb_agg(n ORDER BY value) AS found FROM (SELECT CASE place WHEN 1 THEN 'w' ELSE 'x' END AS score, value, count(*) AS n
      FROM buyers AS b, models, LATERAL evaluate(b, model, '2024-03-31') AS e, LATERAL unnest(e.scores) WITH ORDINALITY AS s (value, place)
      WHERE name = 'twice' AND value IS NOT NULL GROUP BY 1, 2) AS counted GROUP BY score) AS found, models
WHERE name = 'twice' ORDER BY score;

-- the clock strikes on the day that a prediction crosses a threshold, and not before
WITH struck AS (
  SELECT user_id, e.layer, e.scores, e.next_change, before.layer AS layer_before, before.scores AS scores_before,
         after.layer AS layer_after, after.scores AS scores_after
  FROM buyers AS b, models, LATERAL evaluate(b, model, '2024-03-31') AS e,
       LATERAL evaluate(b, model, e.next_change - 1) AS before, LATERAL evaluate(b, model, e.next_change) AS after
  WHERE name = 'twice' AND e.next_change < '2030-01-01')
SELECT count(*) > 100 AS many, bool_and((layer, scores) = (layer_before, scores_before)) AS same_before,
       count(*) FILTER (WHERE (layer, scores) IS DISTINCT FROM (layer_after, scores_after)) > 100 AS other_then FROM struck;

-- a parallel plan gives the same model
CREATE FUNCTION same_in_parallel() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE serial model; parallel model;
BEGIN
  SELECT calibrate_agg(b, model, '2024-03-31') INTO serial FROM buyers AS b, models WHERE name = 'once';
  PERFORM set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true), set_config('min_parallel_table_scan_size', '0', true);
  SELECT calibrate_agg(b, (SELECT model FROM models WHERE name = 'once'), '2024-03-31') INTO parallel FROM buyers AS b;
  RETURN serial = parallel;
END $$;
SELECT same_in_parallel();

-- over nobody, every prediction is NULL, and that is said
SELECT severity, path, finding
FROM (SELECT calibrate_agg(b, model, '2024-03-31') AS model FROM buyers AS b, models WHERE name = 'plain' AND user_id = 401) AS m,
     model_check(model) WHERE path LIKE 'calibration.fits%';

-- whom the model knows nothing of, and what would bring a user back
SELECT explain_text(b, model, '2024-03-31') FROM buyers AS b, models WHERE name = 'twice' AND user_id = 402;
SELECT describe(model) FROM models WHERE name = 'twice';

-- the presets that predict
SELECT layer, count(*) FROM (SELECT calibrate_agg(b, preset('ltv_tiers', '{"core_spend": 20}'), '2023-12-31') AS model FROM buyers AS b) AS m,
     buyers AS b, LATERAL layer_assign(b, model, '2023-12-31') AS layer GROUP BY 1 ORDER BY 1;
SELECT layer, count(*) FROM (SELECT calibrate_agg(b, preset('churn_risk'), '2023-12-31') AS model FROM buyers AS b) AS m,
     buyers AS b, LATERAL layer_assign(b, model, '2023-12-31') AS layer GROUP BY 1 ORDER BY 1;
DROP TABLE buyers, models;
DROP FUNCTION same_in_parallel();
