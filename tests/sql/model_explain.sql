-- Why a user is in a layer, what is missing to a better one, and what there is to know of a model.
SET search_path = public, strata;
CREATE TABLE users (name text, is_test boolean, orders ledger, visits ledger);
INSERT INTO users VALUES
    ('ann', false, '{"2024-01-05": [1, 120], "2024-03-28": [2, 280]}', '{"2024-03-30": [1, 0]}'),
    ('bob', false, '{"2024-03-01": [2, 418]}', NULL),
    ('cem', false, '{"2023-11-11": [1, 35]}', '{"2024-03-20": [1, 0]}'),
    ('dee', false, NULL, '{"2024-03-29": [2, 0]}'),
    ('eva', false, NULL, NULL),
    ('test', true, '{"2024-03-31": [9, 900]}', NULL);
CREATE TABLE models (name text PRIMARY KEY, model model);
INSERT INTO models VALUES ('loyalty', '{
  "name": "loyalty", "label": {"en": "Loyalty", "zh": "忠诚度"}, "about": {"en": "Who buys often, and lately.", "zh": "谁买得多、买得近。"},
  "parameters": {"gold_amount": 500, "lately_days": 30},
  "requires": ["lately_days > 0"],
  "sources": {"orders": {"en": "Orders", "zh": "订单"}, "visits": {"en": "Visits", "zh": "访问"}},
  "attributes": {"is_test": "boolean"}, "population": "not is_test",
  "metrics": {
    "idle_days": {"value": "recency(orders)", "label": {"en": "Days since the last order", "zh": "距上次下单天数"}},
    "spent": {"value": "monetary(orders, 365)", "label": {"en": "Spent in 365 days", "zh": "近 365 天消费"}},
    "visits_lately": {"value": "frequency(visits, lately_days)", "label": {"en": "Visits lately", "zh": "近期访问次数"}}
  },
  "scores": {"spending": {"of": "spent", "cuts": [1, 100, "gold_amount"], "label": {"en": "Spending score", "zh": "消费分"}}},
  "dimensions": {"activity": {"label": {"en": "Activity", "zh": "活跃度"}, "layers": [{"name": "awake", "label": {"en": "Awake", "zh": "活跃"}, "when": "idle_days <= lately_days or visits_lately > 0"}], "default": {"name": "asleep", "label": {"en": "Asleep", "zh": "沉睡"}}}},
  "layers": [
    {"name": "gold", "label": {"en": "Gold", "zh": "金卡"}, "when": "spending = 4 and activity = ''awake''", "meta": {"coupon": 20}},
    {"name": "silver", "label": {"en": "Silver", "zh": "银卡"}, "when": "spending >= 3"},
    {"name": "others", "label": {"en": "Others", "zh": "其他"}},
    {"name": "buyer", "label": {"en": "Buyer", "zh": "买家"}, "when": "spending = 2", "parent": "others"},
    {"name": "visitor", "when": "activity = ''awake''", "parent": "others"}
  ],
  "default": {"name": "silent", "label": {"en": "Silent", "zh": "沉默"}, "meta": ["call", 1]}}');
CREATE VIEW asked AS SELECT model, DATE '2024-03-31' AS as_of FROM models WHERE name = 'loyalty';

-- For programs: everything that was found out about a user.
SELECT jsonb_pretty(explain(users, model, as_of)) AS bob FROM users, asked WHERE users.name = 'bob';
SELECT users.name, e ->> 'layer' AS layer, e -> 'layers' AS layers, e -> 'in_population' AS inside, e -> 'metrics' AS metrics, e #> '{scores,spending,score}' AS score,
       e #> '{scores,spending,next_cut}' AS next_cut, e -> 'dimensions' AS dimensions, jsonb_array_length(e -> 'tried') AS tried
FROM users, asked, LATERAL (SELECT explain(users, model, as_of)) AS x (e) ORDER BY users.name;
-- Its answers are those of evaluate and metrics.
SELECT bool_and(e ->> 'layer' IS NOT DISTINCT FROM v.layer AND e -> 'layers' IS NOT DISTINCT FROM coalesce(to_jsonb(v.layers), '[]') AND e -> 'metrics' = metrics(users, model, as_of)) AS same
FROM users, asked, LATERAL (SELECT explain(users, model, as_of)) AS x (e), LATERAL evaluate(users, model, as_of) AS v;
SELECT users.name, w ->> 'layer' AS layer, w -> 'steps' -> 0 ->> 'metric' AS metric, w -> 'steps' -> 0 ->> 'now' AS now, w -> 'steps' -> 0 ->> 'needed' AS needed, w -> 'steps' -> 0 ->> 'more' AS more
FROM users, asked, jsonb_array_elements(explain(users, model, as_of) -> 'ways') AS w ORDER BY users.name, layer;

-- For people.
SELECT users.name, explain_text(users, model, as_of) AS en FROM users, asked ORDER BY users.name;
SELECT users.name, explain_text(users, model, as_of, 'zh') AS zh FROM users, asked ORDER BY users.name;

-- For campaigns: what is missing to one layer, as numbers, over the whole base.
SELECT users.name, layer, distance(users, model, layer, as_of) FROM users, asked, unnest(ARRAY['gold', 'silver', 'buyer', 'visitor', 'silent']) AS layer WHERE users.name IN ('ann', 'bob', 'dee') ORDER BY users.name, layer;
SELECT users.name, distance(users, model, 'gold', as_of) FROM users, asked ORDER BY users.name;
-- What a plan says comes true: with the missing 82.00 spent, bob is gold.
SELECT distance(users, model, 'gold', as_of) AS missing, layer_assign(u, model, as_of) AS then_in
FROM users, asked, LATERAL (SELECT orders OPERATOR(strata.+) '{"2024-03-31": [1, 82]}' AS orders, visits, is_test) AS u WHERE users.name = 'bob';

-- NULL, and what is refused.
SELECT explain(NULL::users, model, as_of) IS NULL AS no_row, explain_text(users, NULL, as_of) IS NULL AS no_model, distance(users, model, NULL, as_of) IS NULL AS no_layer FROM users, asked WHERE users.name = 'ann';
SELECT distance(users, model, 'golden', as_of) FROM users, asked;
\echo :SQLSTATE
SELECT distance(users, model, 'others', as_of) FROM users, asked;
SELECT explain_text(users, model, as_of, 'fr') FROM users, asked;
SELECT explain(users, model) FROM users, asked;

-- Overlapping layers.
SELECT t.*, explain(t, m) -> 'layers' AS layers, explain_text(t, m) AS en, distance(t, m, 'many') AS many
FROM (VALUES (1, 2), (3, NULL)) AS t (n, age), LATERAL (SELECT '{"name": "tags", "attributes": {"age": "number"}, "metrics": {"n": "0"}, "mode": "overlapping", "ranking": "none",
  "layers": [{"name": "some", "when": "n > 0"}, {"name": "many", "when": "n >= 5"}, {"name": "child", "when": "age < 14"}]}'::model) AS x (m);

-- What a model is, in words; its layers in order, the default last.
SELECT describe(model) FROM models;
SELECT describe(model, 'zh') FROM models;
SELECT describe(model, 'fr') FROM models;
SELECT l.* FROM models, model_layers(model) AS l;
SELECT (SELECT count(*) FROM model_layers(NULL)) AS none, describe(NULL) IS NULL AS nothing;

-- The presets that come with the extension.
SELECT preset, label_en, label_zh, mode, sources, attributes, needs_calibration FROM presets();
SELECT preset, parameters FROM presets();
SELECT preset, about_en <> '' AND about_zh <> '' AS described, preset(preset)::json ->> 'name' = preset AS named, (SELECT count(*) FROM model_layers(preset(preset))) AS layers FROM presets();
SELECT describe(preset('rfm_eight', '{"window_days": 180}'));
SELECT describe(preset('lifecycle'), 'zh');
SELECT preset('lifecycle', '{"churned_days": 120}')::jsonb -> 'parameters' -> 'churned_days' AS tuned;
SELECT preset('rfm_elven');
\echo :SQLSTATE
SELECT preset('nothing_like_it');
SELECT preset('lifecycle', '{"churned_day": 120}');
SELECT preset('lifecycle', '{"churned_days": 20}');
SELECT preset('lifecycle', '{"churned_days": 120, "churned_days": 180}')::jsonb -> 'parameters' -> 'churned_days' AS jsonb_keeps_the_last;
SELECT preset(NULL) IS NULL AS nothing;

DROP VIEW asked;
DROP TABLE users, models;
