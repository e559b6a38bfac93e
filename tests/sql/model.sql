-- Models: JSON in, a checked value out, and what a model says about a row.
SET search_path = public, strata;

-- As it is written, and as it is kept: one line, keys in their fixed order, expressions in canonical form.
CREATE TABLE models (name text PRIMARY KEY, model model);
INSERT INTO models VALUES ('buyers', '{
  "layers": [
    {"name": "loyal", "label": {"en": "Loyal customers", "zh": "忠诚用户"}, "when": "((ORDERS_IN_WINDOW >= Loyal_Orders))", "meta": {"coupon" : 20}},
    {"name": "buyer", "when": "NOT (orders_in_window NOT BETWEEN 1 AND loyal_orders - 1)"},
    {"name": "visitor", "when": "orders_in_window = 0 and idle_days <= 30.0"}
  ],
  "name": "buyers",
  "population": "is_test is not true",
  "attributes": {"is_test": "boolean"},
  "sources": ["orders", "visits"],
  "default": {"name": "silent"},
  "requires": ["loyal_orders > 1"],
  "parameters": {"window_days": 365, "loyal_orders": 3.00},
  "metrics": {"orders_in_window": "frequency(orders, window_days)", "idle_days": "least(recency(orders), recency(visits))"}
}');
SELECT model FROM models;
SELECT model::text::model::text = model::text AS text_round_trip, model::json::model::text = model::text AS json,
       model::jsonb ->> 'name' AS jsonb, pg_typeof(model::json), pg_typeof(model::jsonb)
FROM models;

-- json and jsonb become models where they are assigned; jsonb has forgotten the order of the keys, and keeps that of lists.
INSERT INTO models SELECT 'from json', model::json FROM models;
INSERT INTO models SELECT 'from jsonb', model::jsonb FROM models WHERE name = 'buyers';
SELECT m.name, m.model::text = b.model::text AS same, m.model -> 'layers' = b.model -> 'layers' AS same_layers
FROM (SELECT name, model::jsonb AS model FROM models) AS m, (SELECT model::jsonb AS model FROM models WHERE name = 'buyers') AS b;
DELETE FROM models WHERE name <> 'buyers';

-- Sources as a list, or as an object with labels; metrics and attributes likewise. Labels without a language do not print.
SELECT '{"name": "m", "label": {}, "sources": {"orders": {"zh": "订单"}}, "attributes": {"city": {"type": "text", "label": {"en": "City"}}},
         "metrics": {"n": {"value": "frequency(orders)"}}, "mode": "exclusive", "ranking": "best_first",
         "layers": [{"name": "a", "when": "n > 0 and city = ''x''"}], "default": {"name": "b"}}'::model;

-- What is refused: with the path in the JSON, the position in the expression, and a hint.
CREATE FUNCTION with_condition(condition text) RETURNS model LANGUAGE sql AS $$
  SELECT jsonb_build_object('name', 'm', 'parameters', '{"days": 30}'::jsonb, 'sources', '["orders"]'::jsonb,
             'attributes', '{"city": "text", "born": "date", "vip": "boolean"}'::jsonb,
             'metrics', '{"idle": "recency(orders)", "spent": "monetary(orders)"}'::jsonb,
             'scores', '{"r": {"of": "idle", "best": "low", "cuts": [90, 30]}, "s": {"of": "spent", "cuts": [10, 100]}}'::jsonb,
             'dimensions', '{"value": {"layers": [{"name": "high", "when": "spent > 9"}], "default": {"name": "low"}}}'::jsonb,
             'layers', jsonb_build_array(jsonb_build_object('name', 'a', 'when', condition)), 'default', '{"name": "b"}'::jsonb)::text::model
$$;

SELECT ''::model;
SELECT '{"name": "m", "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}} and more'::model;
SELECT '{"name": "m", "layers": [{"name": "a", "if": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "layers": [{"name": "a", "when": "true"}], "defaults": {"name": "b"}}'::model;
SELECT '{"name": "m", "parameters": {"days": 1, "days": 2}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "layers": [{"name": "a", "name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "sources": ["orders", "orders"], "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "parameters": {"days": "30"}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "parameters": {"days": 1.2345678901234567890123456789}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "attributes": {"city": "varchar"}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "sources": ["orders"], "metrics": {"orders": "1"}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "", "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "layers": [], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "layers": [{"name": "a", "when": "true"}, {"name": "a", "when": "false"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "layers": [{"name": "a", "when": "true"}]}'::model;
SELECT '{"name": "m", "mode": "overlapping", "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "mode": "tags", "layers": [{"name": "a", "when": "true"}]}'::model;
SELECT '{"name": "m", "layers": [{"name": "a"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "layers": [{"name": "a", "when": "true", "parent": "b"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "layers": [{"name": "top"}, {"name": "a", "when": "true", "parent": "topp"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "layers": [{"name": "a", "parent": "b"}, {"name": "b", "parent": "a"}], "default": {"name": "c"}}'::model;
SELECT '{"name": "m", "sources": ["orders"], "population": "frequency(orders) > 0", "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "parameters": {"low": 5, "high": 3}, "requires": ["low < high"], "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "metrics": {"x": "1"}, "scores": {"s": {"of": "x", "cuts": [1], "quantile": 5}}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "metrics": {"x": "1"}, "scores": {"s": {"of": "x"}}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "metrics": {"x": "1"}, "scores": {"s": {"of": "y", "cuts": [1]}}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "metrics": {"x": "1"}, "scores": {"s": {"of": "x", "cuts": [3, 2]}}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "metrics": {"x": "1"}, "scores": {"s": {"of": "x", "best": "most", "cuts": [1]}}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "metrics": {"x": "1"}, "scores": {"s": {"of": "x", "quantile": 11}}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "metrics": {"x": "1"}, "scores": {"s": {"of": "x", "top_share": [0.5, 0.5]}}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "b"}}'::model;

-- In an expression: the position counts characters from 1.
SELECT with_condition('recencyy(orders) > 1');
SELECT with_condition('idel > 1');
SELECT with_condition('idle > 1 and nothing_like_it');
SELECT with_condition('recency(ordes) > 1');
SELECT with_condition('orders > 1');
SELECT with_condition('idle');
SELECT with_condition('idle > ''a''');
SELECT with_condition('city > ''a''');
SELECT with_condition('born > ''yesterday''');
SELECT with_condition('idle >');
SELECT with_condition('idle > 1)');
SELECT with_condition('idle > 1; DROP TABLE models');
SELECT with_condition('idle > (SELECT 1)');
SELECT with_condition('idle > random()');
SELECT with_condition('idle::text = ''1''');
SELECT with_condition('frequency(orders, idle) > 1');
SELECT with_condition('frequency(orders, 0) > 1');
SELECT with_condition('frequency(orders, days / 4) > 1');
SELECT with_condition('code(r, s) = ''34''');
SELECT with_condition('value = ''hihg''');
SELECT with_condition('城市 = 1 or idel > 1');
SELECT with_condition(repeat('(', 40) || 'vip' || repeat(')', 40));
SELECT with_condition(repeat('vip and ', 1001) || 'vip');
SELECT with_condition(repeat(' ', 16380) || 'idle > 1');
\echo :SQLSTATE

-- A metric uses what stands before it.
SELECT '{"name": "m", "sources": ["orders"], "metrics": {"double": "2 * n", "n": "frequency(orders)"}, "layers": [{"name": "a", "when": "double > 1"}], "default": {"name": "b"}}'::model;

-- Parameters are tuned by name; what the model requires of them is checked again.
SELECT set_parameters(model, '{"loyal_orders": 5}')::jsonb -> 'parameters' AS parameters,
       set_parameters(model, '{}')::text = model::text AS unchanged, set_parameters(model, NULL) IS NULL AS of_null FROM models;
SELECT set_parameters(model, '{"loyal_order": 5}') FROM models;
SELECT set_parameters(model, '{"nothing_like_it": 5}') FROM models;
SELECT set_parameters(model, '{"loyal_orders": 1}') FROM models;
SELECT set_parameters(model, '{"loyal_orders": "5"}') FROM models;
SELECT set_parameters(model, '{"window_days": 0.5}') FROM models;
SELECT set_parameters(model, '[5]') FROM models;

-- Rows: a table, a subquery, VALUES, ROW() and a composite type. The columns are matched by name, never by place.
CREATE TABLE users (user_id int, visits ledger, is_test boolean, gone int, orders ledger);
INSERT INTO users VALUES
    (1, '{"2024-03-30": [1, 0]}', false, 1, '{"2024-01-05": [1, 120], "2024-03-28": [2, 80]}'),
    (2, '{"2023-11-11": [3, 0], "2024-03-20": [1, 0]}', NULL, 1, '{"2023-11-11": [1, 35]}'),
    (3, '{"2024-03-29": [2, 0]}', false, 1, NULL),
    (4, NULL, true, 1, '{"2024-03-31": [9, 9]}'),
    (5, NULL, NULL, 1, NULL);
CREATE VIEW asked AS SELECT model, DATE '2024-03-31' AS as_of FROM models WHERE name = 'buyers';
SELECT user_id, layer_assign(users, model, as_of), layers_assign(users, model, as_of), metrics(users, model, as_of) FROM users, asked ORDER BY user_id;
SELECT user_id, evaluate(users, model, as_of) FROM users, asked ORDER BY user_id;
SELECT layer_assign(user_row => users, model => asked.model, as_of => asked.as_of) AS named_arguments FROM users, asked WHERE user_id = 1;
ALTER TABLE users DROP COLUMN gone;
INSERT INTO users VALUES (6, '{"2024-03-31": [1, 0]}', false, '{"2024-03-31": [3, 9]}');
SELECT user_id, layer_assign(users, model, as_of) AS dropped_column FROM users, asked ORDER BY user_id;
SELECT layer_assign(u, model, as_of) AS subquery FROM (SELECT orders, NULL::ledger AS visits, false AS is_test FROM users WHERE user_id = 1) AS u, asked;
SELECT layer_assign(u, model, as_of) AS join_of_two FROM (SELECT * FROM users NATURAL JOIN (VALUES (2, 'x')) AS n (user_id, note)) AS u, asked;
SELECT layer_assign(v, model, as_of) AS "values" FROM (VALUES (false, '{}'::ledger, '{"2024-03-31": [1, 0]}'::ledger)) AS v (is_test, orders, visits), asked;
WITH u AS MATERIALIZED (SELECT * FROM users WHERE user_id = 3) SELECT layer_assign(u, model, as_of) AS cte FROM u, asked;
CREATE TYPE profile AS (is_test boolean, orders ledger, visits ledger);
SELECT layer_assign(p, model, as_of) AS composite FROM (SELECT ROW(false, '{"2024-03-31": [1, 9]}', NULL)::profile AS p) AS c, asked;
CREATE DOMAIN tested AS profile CHECK ((VALUE).is_test IS NOT NULL);
SELECT layer_assign(p, model, as_of) AS domain_over_it FROM (SELECT ROW(false, '{"2024-03-31": [1, 9]}', NULL)::tested AS p) AS c, asked;
SELECT user_id, (SELECT layer_assign(u, model, as_of) FROM asked) AS laterally FROM users AS u ORDER BY user_id;
-- The columns of ROW() are f1, f2 …
SELECT layer_assign(ROW(7, 'a'), '{"name": "m", "attributes": {"f1": "number", "f2": "text"}, "layers": [{"name": "seven", "when": "f1 = 7 and f2 = ''a''"}], "default": {"name": "other"}}');
-- A column that is a row.
CREATE TABLE nested (id int, who profile);
INSERT INTO nested SELECT user_id, ROW(is_test, orders, visits)::profile FROM users;
SELECT id, layer_assign(who, model, as_of) AS of_a_column FROM nested, asked ORDER BY id;
-- Quoted names.
SELECT layer_assign(t, '{"name": "m", "attributes": {"City Tier": "text", "订单额": "number", "Über": "number"}, "layers": [{"name": "a", "when": "\"City Tier\" = ''A'' and 订单额 > 9 and \"Über\" = 1"}], "default": {"name": "b"}}')
FROM (VALUES ('A', 10, 1)) AS t ("City Tier", "订单额", "Über");
-- Inheritance: children have their columns at other places.
CREATE TABLE parent_users (user_id int, spent numeric);
CREATE TABLE child_users (note text) INHERITS (parent_users);
ALTER TABLE parent_users ADD city text;
INSERT INTO parent_users VALUES (1, 5, 'x');
INSERT INTO child_users VALUES (2, 50, 'n', 'x');
SELECT user_id, layer_assign(p, '{"name": "m", "attributes": {"spent": "number", "city": "text"}, "layers": [{"name": "big", "when": "spent > 9 and city = ''x''"}], "default": {"name": "small"}}')
FROM parent_users AS p ORDER BY user_id;

-- NULL: no row and no model have no answer; a row of NULLs is a user of whom nothing is known.
SELECT layer_assign(NULL::users, model, as_of) IS NULL AS no_row, layers_assign(users, NULL, as_of) IS NULL AS no_model,
       evaluate(NULL::users, model, as_of) IS NULL AS no_row, metrics(users, NULL, as_of) IS NULL AS no_model FROM users, asked WHERE user_id = 1;
SELECT u.user_id, layer_assign(o, model, as_of) AS outer_join
FROM asked, users AS u LEFT JOIN users AS o ON o.user_id = u.user_id AND o.user_id < 3 WHERE u.user_id < 4 ORDER BY user_id;
SELECT layer_assign(ROW(NULL, NULL, NULL, NULL)::users, model, as_of) AS row_of_nulls FROM asked;

-- What a row can be refused for.
SELECT layer_assign(u, model, as_of) FROM (SELECT user_id, orders, is_test AS "is test" FROM users) AS u, asked;
\echo :SQLSTATE
SELECT layer_assign(u, model, as_of) FROM (SELECT user_id, orders, is_test FROM users) AS u, asked;
SELECT layer_assign(u, model, as_of) FROM (SELECT orders::text, visits, is_test FROM users) AS u, asked;
\echo :SQLSTATE
SELECT layer_assign(u, model, as_of) FROM (SELECT orders, visits, 1 AS is_test FROM users) AS u, asked;
SELECT layer_assign(u, model, as_of) FROM (SELECT orders, visits, is_test, '9' AS orders_in_window FROM users) AS u, asked;
SELECT layer_assign(1, model, as_of) FROM asked;
SELECT layer_assign(users, model, NULL) FROM users, asked;
\echo :SQLSTATE
SELECT layer_assign(users, model) FROM users, asked;
SELECT layer_assign(users, model, 'infinity') FROM users, asked;
SELECT layer_assign(users, 'buyers', as_of) FROM users, asked;

-- Where nothing depends on the day there is no need for one.
SELECT n, layer_assign(t, '{"name": "m", "metrics": {"n": "0"}, "layers": [{"name": "some", "when": "n > 0"}], "default": {"name": "none"}}'),
       evaluate(t, '{"name": "m", "metrics": {"n": "0"}, "layers": [{"name": "some", "when": "n > 0"}], "default": {"name": "none"}}')
FROM (VALUES (1), (0), (NULL)) AS t (n);
SELECT layer_assign(t, '{"name": "m", "attributes": {"born": "date"}, "layers": [{"name": "a", "when": "as_of > born"}], "default": {"name": "b"}}') FROM (VALUES (DATE '2000-01-01')) AS t (born);

-- Metrics and scores that are columns are taken as they stand; the sources are not needed then.
INSERT INTO models VALUES ('scored', '{
  "name": "scored", "sources": ["orders"], "metrics": {"idle": "recency(orders)", "spent": "monetary(orders, 365)"},
  "scores": {"r": {"of": "idle", "best": "low", "cuts": [90, 30]}, "m": {"of": "spent", "cuts": [50, 100, 500]}, "sum": {"of": "r", "cuts": [2, 3]}},
  "layers": [{"name": "best", "when": "code(r, m) in (''34'', ''33'')"}, {"name": "good", "when": "r + m >= 4"}, {"name": "unknown", "when": "r is null"}],
  "default": {"name": "rest"}
}');
SELECT user_id, e.* FROM users, models, LATERAL evaluate(users, model, '2024-03-31') AS e WHERE name = 'scored' ORDER BY user_id;
SELECT t.*, e.* FROM (VALUES (0, 99.99), (30, 100), (31, 500), (91, 1e9), (NULL, 10), (0, NULL)) AS t (idle, spent), models, LATERAL evaluate(t, model) AS e WHERE name = 'scored';
SELECT t.*, e.* FROM (VALUES (3, 4, 2, 0, 0), (1, NULL, NULL, NULL, NULL)) AS t (r, m, sum, idle, spent), models, LATERAL evaluate(t, model) AS e WHERE name = 'scored';
SELECT t.*, layer_assign(t, model) FROM (VALUES (3, 4), (3, 3), (1, 1), (NULL, 4)) AS t (r, m), models WHERE name = 'scored';
SELECT t.*, layer_assign(t, model) FROM (VALUES (3.0, 4.00::real), (2, 2)) AS t (r, m), models WHERE name = 'scored';
SELECT layer_assign(t, model) FROM (VALUES (4, 4)) AS t (r, m), models WHERE name = 'scored';
SELECT layer_assign(t, model) FROM (VALUES (0, 4)) AS t (r, m), models WHERE name = 'scored';
SELECT layer_assign(t, model) FROM (VALUES (1.5::real, 4)) AS t (r, m), models WHERE name = 'scored';
SELECT layer_assign(t, model) FROM (VALUES ('1', 4)) AS t (r, m), models WHERE name = 'scored';
SELECT evaluate(t, model) FROM (VALUES (1, 4)) AS t (r, m), models WHERE name = 'scored';

-- The population: others have no layer, no scores and no change to wait for.
SELECT user_id, is_test, e.* FROM users, asked, LATERAL evaluate(users, model, as_of) AS e WHERE user_id IN (3, 4) ORDER BY user_id;
SELECT born, e.* FROM (VALUES (DATE '2000-01-01'), ('2010-06-15'), (NULL)) AS t (born), LATERAL evaluate(t,
    '{"name": "m", "attributes": {"born": "date"}, "population": "days_since(born) >= 6574", "metrics": {"age": "days_since(born)"}, "layers": [{"name": "young", "when": "age < 9000"}], "default": {"name": "old"}}', '2024-03-31') AS e;

-- Headings: layers_assign answers with the path. Sub-layers of sub-layers, a default below a heading.
SELECT spent, layer_assign(t, m), layers_assign(t, m) FROM (VALUES (1000), (600), (50), (0), (NULL)) AS t (spent), LATERAL (SELECT '{
  "name": "m", "metrics": {"spent": "0"},
  "layers": [
    {"name": "high_value"}, {"name": "key_account", "parent": "high_value"},
    {"name": "giant", "when": "spent >= 1000", "parent": "key_account"}, {"name": "large", "when": "spent >= 500", "parent": "high_value"},
    {"name": "others"}, {"name": "medium", "when": "spent >= 50", "parent": "others"}],
  "default": {"name": "small", "parent": "others"}}'::model) AS x (m);

-- Overlapping layers are tags: any number of them, in the order of the model.
INSERT INTO models VALUES ('tags', '{
  "name": "tags", "attributes": {"city": "text", "age": "number"}, "mode": "overlapping",
  "layers": [{"name": "young", "when": "age < 30"}, {"name": "shanghai", "when": "city = ''Shanghai''"}, {"name": "anonymous", "when": "city is null and age is null"}]}');
SELECT t.*, layers_assign(t, model), e.layer, e.layers FROM (VALUES ('Shanghai', 20), ('Shanghai', 40), ('Chengdu', 40), (NULL, 20), (NULL, NULL)) AS t (city, age), models, LATERAL evaluate(t, model) AS e WHERE name = 'tags';
SELECT layer_assign(t, model) FROM (VALUES ('Shanghai', 20)) AS t (city, age), models WHERE name = 'tags';
\echo :SQLSTATE

-- Dimensions: a matrix in a few lines. A dimension without a default can be NULL.
SELECT t.*, layer_assign(t, '{
  "name": "matrix", "metrics": {"spent": "0", "features": "0"},
  "dimensions": {
    "value": {"layers": [{"name": "high", "when": "spent >= 500"}], "default": {"name": "low"}},
    "depth": {"layers": [{"name": "deep", "when": "features >= 8"}, {"name": "shallow", "when": "features >= 1"}]}},
  "layers": [{"name": "super_user", "when": "value = ''high'' and depth = ''deep''"}, {"name": "potential_payer", "when": "value = ''low'' and depth = ''deep''"},
             {"name": "unused", "when": "depth is null"}], "default": {"name": "ordinary"}}')
FROM (VALUES (900, 12), (10, 9), (900, 1), (900, 0), (NULL, 8), (NULL, NULL)) AS t (spent, features);

-- Three-valued logic: a condition that is NULL does not match, and neither does its negation.
SELECT t.*, layer_assign(t, '{"name": "m", "attributes": {"a": "boolean", "b": "boolean"}, "layers": [{"name": "both", "when": "a and b"}, {"name": "not_both", "when": "not (a and b)"}], "default": {"name": "unknown"}}')
FROM (VALUES (true, true), (true, NULL), (false, NULL), (NULL, NULL)) AS t (a, b);

-- Numbers: exact decimals. NaN, infinities and what has no 28 digits are NULL; so is a division by zero; smallint to double.
CREATE VIEW numbers_model AS SELECT '{"name": "m", "attributes": {"x": "number", "y": "number"}, "metrics": {"x_": "x", "quotient": "x / y", "product": "x * y", "third": "round(x / 3, 4)"}, "layers": [{"name": "a", "when": "quotient > 1"}], "default": {"name": "b"}}'::model AS m;
SELECT layer_assign(t, m), metrics(t, m) FROM numbers_model, (VALUES (7::numeric, 2), (7, 0), ('NaN', 1), ('Infinity', 1), (0.1, 0.3),
    (1234567890123456789012345678901234567890, 1), (0.1234567890123456789012345678901234567891, 1), (9999999999999999999999999999, 9999999999999999999999999999), (-7, -2), (NULL, 1)) AS t (x, y);
SELECT metrics(t, m) FROM numbers_model, (VALUES (1::smallint, 2::bigint)) AS t (x, y);
SELECT metrics(t, m) FROM numbers_model, (VALUES (0.1::real, 0.1::double precision), ('NaN', 'Infinity'), (1e30, 1e-30), (-0.0, 5)) AS t (x, y);
CREATE DOMAIN money_amount AS numeric(12, 2) CHECK (VALUE >= 0);
CREATE DOMAIN small_amount AS money_amount CHECK (VALUE < 1000);
SELECT layer_assign(t, m), metrics(t, m) FROM numbers_model, (VALUES (12.5::small_amount, 4::money_amount)) AS t (x, y);
SELECT layer_assign(t, m) FROM numbers_model, (VALUES ('1'::text, 4)) AS t (x, y);

-- Dates: timestamps are taken by their day; an instant has none without a zone. Infinite dates are ordered, and no number of days away.
CREATE VIEW dates_model AS SELECT '{"name": "m", "attributes": {"at": "date"}, "metrics": {"days": "days_since(at)", "ahead": "days_until(at)", "birthday": "days_until_anniversary(at)", "week_later": "at + 7", "since": "as_of - at"},
  "layers": [{"name": "past", "when": "at < as_of"}, {"name": "today", "when": "at = as_of"}, {"name": "future", "when": "at > as_of"}], "default": {"name": "unknown"}}'::model AS m;
SELECT at, layer_assign(t, m, '2024-03-31'), metrics(t, m, '2024-03-31') FROM dates_model, (VALUES (DATE '2024-03-30'), ('2024-03-31'), ('2024-04-05'), ('2000-02-29'), ('infinity'), ('-infinity'), ('0044-03-15 BC'), (NULL)) AS t (at);
SELECT at, layer_assign(t, m, '2024-03-31'), metrics(t, m, '2024-03-31') -> 'days' AS days FROM dates_model, (VALUES (TIMESTAMP '2024-03-31 23:59:59.999999'), ('2024-03-31 00:00'), ('1999-12-31 23:59'), ('infinity'), ('-infinity')) AS t (at);
SELECT layer_assign(t, m, '2024-03-31') FROM dates_model, (VALUES (TIMESTAMPTZ '2024-03-31 23:59 UTC')) AS t (at);
\echo :SQLSTATE
SELECT layer_assign(t, m, '2024-03-31') FROM dates_model, (SELECT TIMESTAMPTZ '2024-03-31 23:59 UTC' AT TIME ZONE 'Asia/Shanghai' AS at) AS t;

-- Domains over dates and booleans; metrics of every type as columns.
CREATE DOMAIN past_day AS date CHECK (VALUE < '2024-04-01');
CREATE DOMAIN local_time AS timestamp;
CREATE DOMAIN flag AS boolean;
CREATE VIEW typed_model AS SELECT '{"name": "m", "attributes": {"born": "date", "seen": "date", "vip": "boolean"},
  "metrics": {"adult": "days_since(born) >= 6574", "last": "greatest(born, seen)", "grade": "case when vip then ''a'' else ''b'' end"},
  "layers": [{"name": "best", "when": "adult and grade = ''a''"}], "default": {"name": "rest"}}'::model AS m;
SELECT layer_assign(t, m, '2024-03-31'), metrics(t, m, '2024-03-31') FROM typed_model, (SELECT '2000-01-01'::past_day AS born, '2024-03-30 10:00'::local_time AS seen, true::flag AS vip) AS t;
SELECT layer_assign(t, m, '2024-03-31'), metrics(t, m, '2024-03-31') FROM typed_model, (SELECT DATE '2020-01-01' AS born, NULL::date AS seen, false AS vip, true AS adult, TIMESTAMP '2024-01-01 12:00' AS last, 'a' AS grade) AS t;

-- Text: varchar, name, enum, uuid, numbers … as they print; not boolean, date and timestamps. Equality is by bytes.
CREATE TYPE mood AS ENUM ('fine', 'sad');
CREATE DOMAIN city_name AS varchar(20);
CREATE VIEW text_model AS SELECT '{"name": "m", "attributes": {"x": "text"}, "metrics": {"text": "x"},
  "layers": [{"name": "fine", "when": "x = ''fine''"}, {"name": "like", "when": "x like ''6_0e%''"}], "default": {"name": "other"}}'::model AS m;
SELECT layer_assign(t, m), metrics(t, m) FROM text_model, (VALUES ('fine'::varchar), ('Fine'), ('')) AS t (x);
SELECT layer_assign(t, m), metrics(t, m) FROM text_model, (VALUES ('fine'::mood), ('sad'), (NULL)) AS t (x);
SELECT layer_assign(t, m), metrics(t, m) FROM text_model, (VALUES ('6f0e8a50-0000-4000-8000-000000000000'::uuid)) AS t (x);
SELECT layer_assign(t, m), metrics(t, m) FROM text_model, (VALUES ('fine'::city_name)) AS t (x);
SELECT layer_assign(t, m), metrics(t, m) FROM text_model, (VALUES ('fine'::name)) AS t (x);
SELECT layer_assign(t, m), metrics(t, m) FROM text_model, (VALUES (1.50)) AS t (x);
SELECT layer_assign(t, m), metrics(t, m) FROM text_model, (VALUES ('{"a":  1}'::json)) AS t (x);
SELECT layer_assign(t, m), metrics(t, m) FROM text_model, (VALUES (ARRAY['a', 'b'])) AS t (x);
SELECT layer_assign(t, m) FROM text_model, (SELECT repeat('6x0e', 100000) AS x) AS t;
SELECT layer_assign(t, m) FROM text_model, (VALUES (true)) AS t (x);
SELECT layer_assign(t, m) FROM text_model, (VALUES (DATE '2024-03-31')) AS t (x);

-- As of a past day later entries do not exist; next_change is the first day on which something can differ by itself.
SELECT as_of, e.* FROM models, generate_series(TIMESTAMP '2024-03-27', '2024-03-30', '1 day') AS d (at), LATERAL (SELECT at::date) AS a (as_of),
     LATERAL (SELECT e.* FROM users AS u, evaluate(u, model, as_of) AS e WHERE user_id = 1) AS e WHERE name = 'buyers';

-- The binary form is the JSON.
SELECT strata_internal.model_send(model) = convert_to(model::text, 'UTF8') AS sends_json FROM models WHERE name = 'tags';

-- (evaluate()).* evaluates once for each column; in LATERAL it is once for a row. With a constant model all of them run in parallel.
CREATE FUNCTION plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
  RETURN plan;
END $$;
CREATE FUNCTION calls(query text) RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM regexp_matches(plan(query), 'evaluate\(', 'g') $$;
\set small '{"name": "m", "attributes": {"spent": "number"}, "layers": [{"name": "a", "when": "spent > 0"}], "default": {"name": "b"}}'
SELECT calls(format('SELECT (evaluate(p, %L)).* FROM parent_users AS p', :'small')) AS star,
       calls(format('SELECT e.* FROM parent_users AS p, LATERAL evaluate(p, %L) AS e', :'small')) AS laterally;
BEGIN;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SELECT call, plan(format('SELECT ' || call || ' FROM parent_users AS p', :'small')) LIKE 'Gather%' AS parallel
FROM unnest(ARRAY['layer_assign(p, %L)', 'layers_assign(p, %L)', 'metrics(p, %L)', 'evaluate(p, %L)', 'explain(p, %L)', 'explain_text(p, %L)', 'distance(p, %L, ''a'')']) AS call;
COMMIT;

DROP FUNCTION calls, plan;
DROP FUNCTION with_condition;
DROP VIEW asked, numbers_model, dates_model, typed_model, text_model;
DROP DOMAIN past_day, local_time, flag, tested, small_amount, money_amount, city_name;
DROP TABLE users, models, nested, child_users, parent_users;
DROP TYPE profile, mood;

-- A call site sees a row type change under it, within one transaction.
CREATE TABLE changing (id int, spent bigint);
INSERT INTO changing VALUES (1, 500);
CREATE FUNCTION layer_of(r record, m strata.model) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN strata.layer_assign(r, m); END $$;
CREATE TABLE spenders (model strata.model);
INSERT INTO spenders VALUES ('{"name": "spenders", "metrics": {"spent": "0"}, "layers": [{"name": "high", "when": "spent >= 100"}], "default": {"name": "low"}}');
BEGIN;
SELECT layer_of(changing, model) FROM changing, spenders;
ALTER TABLE changing RENAME spent TO other;
SELECT layer_of(changing, model), layer_assign(changing, model) FROM changing, spenders;
ALTER TABLE changing RENAME other TO spent;
SELECT layer_of(changing, model) FROM changing, spenders;
ALTER TABLE changing DROP spent;
SELECT layer_of(changing, model) FROM changing, spenders;
COMMIT;

-- What has not one text is no text; domains are what is below them; char(n) has no padding; names are not ambiguous.
CREATE DOMAIN order_ledger AS strata.ledger;
CREATE DOMAIN instant AS timestamptz;
SELECT layer_assign(t, '{"name": "m", "attributes": {"a": "text"}, "layers": [{"name": "fine", "when": "a = ''fine''"}], "default": {"name": "other"}}')
FROM (SELECT 'fine'::char(6) AS a) AS t;
SELECT layer_assign(t, '{"name": "m", "attributes": {"a": "text"}, "layers": [{"name": "fine", "when": "a = ''fine''"}], "default": {"name": "other"}}')
FROM (SELECT interval '1 day' AS a) AS t;
SELECT layer_assign(t, '{"name": "m", "attributes": {"a": "date"}, "layers": [{"name": "set", "when": "a is not null"}], "default": {"name": "other"}}')
FROM (SELECT now()::instant AS a) AS t;
SELECT layer_assign(t, '{"name": "m", "sources": ["o"], "layers": [{"name": "bought", "when": "frequency(o) > 0"}], "default": {"name": "other"}}', '2024-03-31')
FROM (SELECT '{"2024-03-30": [1, 5]}'::order_ledger AS o) AS t;
SELECT layer_assign(t, model) FROM (SELECT 1 AS spent, 500 AS spent) AS t, spenders;
SELECT DISTINCT model = model AS same, model <> set_parameters(model, '{}') AS different FROM (TABLE spenders UNION TABLE spenders) AS m;

-- JSON of another shape.
SELECT '[]'::model;
SELECT '{"name": "m", "layers": [["a", {}, "true", null, null]], "default": {"name": "b"}}'::model;
SELECT '{"name": "m", "layers": ['::model;
