-- A user's answers through time, and what living layers stand on: the first day on which two ledgers differ, and checked
-- expressions.
SET search_path = public, strata;

-- The first day on which two ledgers differ: events, money or credits. Scales do not matter, a missing ledger is empty.
SELECT a, b, strata_internal.first_difference(a, b), strata_internal.first_difference(b, a) IS NOT DISTINCT FROM strata_internal.first_difference(a, b) AS symmetric
FROM (VALUES
    ('{"2024-01-05": [1, 120], "2024-03-28": [2, 280]}'::ledger, '{"2024-01-05": [1, 120], "2024-03-28": [2, 280.00]}'::ledger),
    ('{"2024-01-05": [1, 120], "2024-03-28": [2, 280]}', '{"2024-01-05": [1, 120], "2024-03-28": [2, 280.25]}'),
    ('{"2024-01-05": [1, 120], "2024-03-28": [2, 280]}', '{"2024-01-05": [1, 120], "2024-02-28": [0, 0, 7]}'),
    ('{"2024-01-05": [1, 120]}', '{"2024-01-05": [1, 120], "2024-03-28": [2, 280]}'),
    ('{"2024-01-05": [1, 120]}', '{"2024-01-05": [1, 120, 1]}'),
    ('{"2024-01-05": [0, 0, 1]}', NULL),
    ('{}', NULL),
    (NULL, NULL)) AS pairs (a, b);
-- What was added is the difference, and what is before it the same.
WITH parts AS (
    SELECT user_id, ledger_agg(day, amount) AS was, ledger_agg(day, amount) + ledger_agg(day, amount) FILTER (WHERE late) AS is_now, min(day) FILTER (WHERE late) AS expected
    FROM (SELECT n % 50 AS user_id, DATE '2024-01-01' + n * 37 % 400 AS day, n % 90 * 0.25 AS amount, n % 7 = 0 AS late FROM generate_series(1, 2000) AS n) AS events
    GROUP BY user_id)
SELECT count(*), bool_and(strata_internal.first_difference(was, is_now) IS NOT DISTINCT FROM expected) AS found FROM parts;

-- A walk: the first day, and every later one on which the answer is another than on the day before.
CREATE TABLE users (name text, is_test boolean, orders ledger);
INSERT INTO users VALUES
    ('ann', false, '{"2024-01-05": [1, 120], "2024-03-28": [2, 280]}'),
    ('bob', false, '{"2024-03-01": [2, 418]}'),
    ('cem', false, NULL),
    ('dee', true, '{"2024-03-31": [9, 900]}'),
    ('eva', NULL, '{"2024-02-29": [1, 5, 5]}');
CREATE TABLE models (name text PRIMARY KEY, model model);
INSERT INTO models VALUES ('paths', '{
    "name": "paths", "sources": ["orders"], "attributes": {"is_test": "boolean"}, "population": "not is_test",
    "metrics": {"idle": "recency(orders)", "spent": "monetary(orders, 90)"},
    "scores": {"r": {"of": "idle", "best": "low", "cuts": [90, 30]}, "m": {"of": "spent", "cuts": [100, 300]}},
    "layers": [{"name": "buyers"}, {"name": "good", "when": "r + m >= 5", "parent": "buyers"}, {"name": "fair", "when": "r + m >= 3", "parent": "buyers"}],
    "default": {"name": "silent"}}'),
('overlap', '{
    "name": "overlap", "sources": ["orders"], "mode": "overlapping",
    "metrics": {"idle": "recency(orders)"},
    "layers": [{"name": "often", "when": "frequency(orders, 60) >= 2"}, {"name": "lately", "when": "idle <= 30"}, {"name": "ever", "when": "idle is not null"}]}'),
('daily', '{
    "name": "daily", "sources": ["orders"], "metrics": {"idle": "recency(orders)"},
    "layers": [{"name": "even", "when": "idle % 2 = 0"}, {"name": "odd", "when": "idle % 2 = 1"}], "default": {"name": "none"}}');
SELECT users.name, s.* FROM users, models, unnest(strata_internal.walk(users, model, '2024-01-01', '2024-12-31')) AS s WHERE models.name = 'paths' ORDER BY users.name, day;
SELECT users.name, s.* FROM users, models, unnest(strata_internal.walk(users, model, '2024-01-01', '2024-12-31')) AS s WHERE models.name = 'overlap' AND users.name < 'd' ORDER BY users.name, day;
SELECT strata_internal.walk(users, model, '2024-03-27', '2024-03-31') FROM users, models WHERE models.name = 'daily' AND users.name = 'ann';
-- It is what evaluating every day and dropping the repeats gives, with evaluate's own next_change.
WITH days AS (
    SELECT models.name AS model, users.name, d::date AS day, e,
           (e.layer, e.layers, e.scores) IS DISTINCT FROM lag((e.layer, e.layers, e.scores)) OVER w OR row_number() OVER w = 1 AS changes
    FROM users, models, generate_series(DATE '2024-01-01', DATE '2024-12-31', interval '1 day') AS d, evaluate(users, model, d::date) AS e
    WINDOW w AS (PARTITION BY models.name, users.name ORDER BY d)),
steps AS (
    SELECT models.name AS model, users.name, s.day, ROW(s.layer, s.layers, s.scores, s.next_change)::evaluation AS e
    FROM users, models, unnest(strata_internal.walk(users, model, '2024-01-01', '2024-12-31')) AS s)
SELECT count(*) AS steps, count(*) FILTER (WHERE days.e IS DISTINCT FROM steps.e OR NOT changes OR changes IS NULL) AS differ
FROM (SELECT * FROM days WHERE changes) AS days FULL JOIN steps USING (model, name, day);
-- Ends, and NULL.
SELECT strata_internal.walk(users, model, '2024-02-02', '2024-02-01') AS backwards, cardinality(strata_internal.walk(users, model, '2024-02-02', '2024-02-02')) AS one_day,
       strata_internal.walk(NULL::users, model, '2024-02-01', '2024-02-02') IS NULL AS no_row, strata_internal.walk(users, NULL, '2024-02-01', '2024-02-02') IS NULL AS no_model
FROM users, models WHERE models.name = 'paths' AND users.name = 'ann';
SELECT strata_internal.walk(users, model, NULL, '2024-02-01') FROM users, models;
SELECT strata_internal.walk(users, model, '2024-02-01', NULL) FROM users, models;
SELECT strata_internal.walk(users, model, '-infinity', '2024-02-01') FROM users, models;
SELECT strata_internal.walk(users, model, '2024-02-01', 'infinity') FROM users, models;
SELECT strata_internal.walk(users, model, '2024-02-01', '5874897-12-31') FROM users, models WHERE models.name = 'daily' AND users.name = 'ann';
SELECT strata_internal.walk(users, preset('rfm_eleven'), '2024-02-01', '2024-02-02') FROM users;

-- A replay: the users of every layer on the days of a grid, and who came and went since the day before.
CREATE TABLE there (name text, since date);
INSERT INTO there VALUES ('ann', NULL), ('bob', '2024-02-15'), ('cem', '2024-03-01'), ('dee', '-infinity'), ('eva', NULL);
SELECT r.* FROM models, LATERAL (SELECT strata_internal.replay_agg(users, model, '2024-02-01', '2024-06-30', 30, since) FROM users JOIN there USING (name)) AS a (replayed), unnest(replayed) AS r WHERE models.name = 'paths';
SELECT r.* FROM models, LATERAL (SELECT strata_internal.replay_agg(users, model, '2024-04-26', '2024-04-30', 1, NULL) FROM users) AS a (replayed), unnest(replayed) AS r WHERE models.name = 'overlap';
-- It counts what evaluating every user on every day shows, and each day is the day before with who came and without who went.
CREATE TABLE many AS
SELECT n AS name, n % 11 = 0 AS is_test, CASE WHEN n % 5 > 0 THEN DATE '2024-01-10' + n % 200 END AS since,
       (SELECT ledger_agg(DATE '2023-10-01' + (n * 131 + k * k * 37) % 500, (n * 7 + k * 13) % 170 - 12) FROM generate_series(1, n % 9) AS k) AS orders
FROM generate_series(1, 300) AS n;
CREATE TABLE replays AS SELECT models.name AS model, step, r.*
FROM models, (VALUES (1), (7), (1000)) AS steps (step), LATERAL (SELECT strata_internal.replay_agg(many, model, '2024-01-01', '2024-12-31', step, since) FROM many) AS a (replayed), unnest(replayed) AS r;
WITH days AS (
    SELECT models.name AS model, d::date AS day, l.layer, count(*) AS users
    FROM models, many, generate_series(DATE '2024-01-01', DATE '2024-12-31', interval '1 day') AS d, evaluate(many, model, d::date) AS e,
         unnest(CASE WHEN e.layer IS NULL THEN e.layers ELSE ARRAY[e.layer] END) AS l (layer)
    WHERE since IS NULL OR since <= d GROUP BY 1, 2, 3),
steps AS (SELECT *, users - lag(users, 1, users) OVER (PARTITION BY model, step, layer ORDER BY day) AS change FROM replays)
SELECT step, count(*), count(DISTINCT day) AS days, count(*) FILTER (WHERE steps.users IS DISTINCT FROM coalesce(days.users, 0)) AS differ, count(*) FILTER (WHERE entered - left_users <> change) AS leaps
FROM steps LEFT JOIN days USING (model, day, layer) GROUP BY step ORDER BY step;
-- Parts merge.
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
ALTER TABLE many SET (parallel_workers = 2);
SELECT model AS paths FROM models WHERE name = 'paths' \gset
EXPLAIN (COSTS OFF) SELECT strata_internal.replay_agg(many, preset('lifecycle'), '2024-01-01', '2024-12-31', 1, since) FROM many;
SELECT count(*), count(*) FILTER (WHERE (s.users, s.entered, s.left_users) IS DISTINCT FROM (r.users, r.entered, r.left_users)) AS differ
FROM (SELECT strata_internal.replay_agg(many, :'paths', '2024-01-01', '2024-12-31', 1, since) FROM many) AS a (replayed), unnest(replayed) AS r JOIN replays AS s USING (day, layer) WHERE s.model = 'paths' AND s.step = 1;
RESET max_parallel_workers_per_gather; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
-- Nobody, no days, NULL, and what is refused.
SELECT strata_internal.replay_agg(users, model, '2024-02-01', '2024-02-03', 1, NULL) IS NULL AS no_rows, (SELECT strata_internal.replay_agg(NULL::users, model, '2024-02-01', '2024-02-03', 1, NULL) FROM models) IS NULL AS no_row FROM users, models WHERE false;
SELECT strata_internal.replay_agg(users, model, '2024-02-02', '2024-02-01', 1, NULL) AS no_days FROM users, models WHERE models.name = 'paths';
SELECT strata_internal.replay_agg(users, model, '2024-02-02', '2024-02-02', 1, 'infinity') AS not_yet FROM users, models WHERE models.name = 'paths';
SELECT strata_internal.replay_agg(users, model, '2024-02-02', '2024-02-01', 0, NULL) FROM users, models;
SELECT strata_internal.replay_agg(users, model, '2024-02-02', '2024-02-01', NULL, NULL) FROM users, models;
SELECT strata_internal.replay_agg(users, model, NULL, '2024-02-01', 1, NULL) FROM users, models;
SELECT strata_internal.replay_agg(users, NULL, '2024-02-02', '2024-02-01', 1, NULL) FROM users;
SELECT strata_internal.replay_agg(users, model, '2024-02-02', '2024-02-03', 1, NULL) FROM users, models;
SELECT strata_internal.replay_agg(users, model, '2024-02-02', DATE '2024-02-03' + (users.name = 'cem')::int, 1, NULL) FROM users, models WHERE models.name = 'paths';
SELECT strata_internal.replay_agg(users, model, '0001-01-01', '2024-02-03', 1, NULL) FROM users, models WHERE models.name = 'paths';
SELECT strata_internal.replay_agg_final('\x0106'::bytea);
SELECT strata_internal.replay_agg_final(calibrated::bytea) FROM (SELECT '\x01060000') AS x (calibrated);
SELECT strata_internal.replay_agg_combine('', '');

-- Expressions for one row: what is safe to put into a query comes back with every name qualified, its type and its columns.
CREATE TABLE orders ("Order No" bigint, customer_id integer, ordered_at timestamptz, placed timestamp, amount numeric(12, 2), discount double precision, note text, gone integer);
ALTER TABLE orders DROP COLUMN gone;
CREATE VIEW recent AS SELECT * FROM orders WHERE placed > '2024-01-01';
CREATE MATERIALIZED VIEW kept AS SELECT * FROM orders;
CREATE TABLE parted (day date, amount bigint) PARTITION BY RANGE (day);
CREATE FUNCTION taxed(numeric) RETURNS numeric IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 1.19';
CREATE FUNCTION looked_up(numeric) RETURNS numeric STABLE LANGUAGE sql AS 'SELECT max(amount) FROM orders';
CREATE FUNCTION pair(numeric, numeric) RETURNS record IMMUTABLE LANGUAGE sql AS 'SELECT ROW($1, $2)';
CREATE OPERATOR +% (FUNCTION = taxed, RIGHTARG = numeric);
CREATE DOMAIN money_amount AS numeric CHECK (VALUE >= 0);
SELECT e.* FROM unnest(ARRAY[
    'amount', ' orders . amount ', 'amount - discount', '(ordered_at AT TIME ZONE ''Asia/Shanghai'')::date', 'placed::date', '"Order No"', 'public.orders.amount * 2',
    'CASE WHEN note LIKE ''%\_x%'' THEN -amount ELSE amount END', 'coalesce(discount, 0)', 'taxed(amount)', '+% amount', 'amount::money_amount', 'note || ''it''''s''', '''text''',
    'NULL', '42', 'amount -- x', 'amount /* ) */', 'amount IN (1, 2)', 'ARRAY[customer_id]', 'note COLLATE "C" < ''b''', 'ALL amount', '(amount)']) WITH ORDINALITY AS t (text, n),
    strata_internal.row_expression('orders', text) AS e ORDER BY n;
-- The canonical text says the same wherever it is put.
SELECT bool_and(again.canonical = e.canonical AND again.expression_type = e.expression_type AND again.columns = e.columns) AS stays
FROM unnest(ARRAY['taxed(amount) + (+% amount)', 'amount::money_amount', '"Order No" + customer_id', 'note || E''\\n''', 'amount - discount']) AS text,
    strata_internal.row_expression('orders', text) AS e, strata_internal.row_expression('orders', e.canonical) AS again;
SELECT relation, e.* FROM unnest(ARRAY['recent', 'kept', 'parted', 'pg_catalog.pg_class']::regclass[]) WITH ORDINALITY AS t (relation, n),
    strata_internal.row_expression(relation, CASE relation WHEN 'pg_class'::regclass THEN 'relpages * 2' ELSE 'amount + 1' END) AS e ORDER BY n;
SELECT strata_internal.row_expression('orders', NULL) IS NULL;
-- Everything else is refused, by the name of the parameter that it was given for.
CREATE FUNCTION refused(expression text, relation regclass DEFAULT 'orders') RETURNS text LANGUAGE plpgsql SET search_path = public AS $$
DECLARE
    message text;
    hint text;
BEGIN
    RETURN 'taken: ' || (strata_internal.row_expression(relation, expression, 'amount_expression')).canonical;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || message || coalesce(E'\n  hint: ' || nullif(hint, ''), '');
END
$$;
SELECT refused(text) FROM unnest(ARRAY[
    'amount); DROP TABLE x; --', 'amount; DROP TABLE x', 'amount) FROM y', 'amount FROM orders', 'amount WHERE true', 'amount ORDER BY 1', 'amount LIMIT 1', 'amount LIMIT ALL', 'amount FOR UPDATE',
    'amount GROUP BY amount', 'amount HAVING true', 'amount WINDOW w AS ()', 'amount UNION SELECT 1', 'amount INTO x', 'DISTINCT amount', 'amount, discount', 'amount AS x', 'amount x', '', ' ', '--', '/*', 'SELECT amount',
    'WITH x AS (SELECT 1) SELECT 1', '(SELECT 1)', 'EXISTS (SELECT FROM orders)', 'amount IN (SELECT 1)', 'ARRAY(SELECT 1)', 'now()', 'current_date', 'random()', 'ordered_at::date', 'looked_up(amount)',
    'nextval(''x'')', 'orders', 'orders.*', '*', '(orders).*', '(orders).amount', 'ROW(amount, note)', 'ROW(orders.*)', 'pair(amount, amount)', 'ctid', 'tableoid', 'orders.xmin', '$1', ':x', 'amount + $2',
    'sum(amount)', 'count(*)', 'grouping(amount)', 'sum(amount) OVER ()', 'row_number() OVER w', 'generate_series(1, 3)', 'unnest(ARRAY[1])', 'amout', 'customers.amount', 'gone', 'taxxed(amount)', 'amount + note',
    'amount::money_amout', '''abc''::integer', '1 / 0', 'DEFAULT', 'amount COLLATE "C"', '1, 2) t(a']) WITH ORDINALITY AS t (text, n) ORDER BY n;
SELECT refused('amount', relation) FROM unnest(ARRAY['models_pkey', 'strata_internal.evaluation_step', 'pg_catalog.pg_authid', 0]::regclass[]) AS relation;
SELECT refused('rolname', 'pg_authid');
DROP FUNCTION refused;
DROP OPERATOR +% (NONE, numeric);
DROP FUNCTION pair, looked_up, taxed;
DROP DOMAIN money_amount;
DROP MATERIALIZED VIEW kept;
DROP VIEW recent;
DROP TABLE parted, orders, users, models, there, many, replays;
