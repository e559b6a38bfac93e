-- What users read of living layers: who is where, who moved, why, and how it would have been.
SET search_path = public, strata;
SET client_min_messages = warning;

-- Five customers, of whom gus comes to be deleted. Layers go by the days since the last order: 10, 20, more.
CREATE TABLE shop_orders (customer text, ordered_on date, amount numeric(10, 2));
INSERT INTO shop_orders VALUES ('ann', '2024-01-01', 120), ('bob', '2024-01-05', 30), ('cem', '2024-01-08', 50), ('gus', '2024-01-09', 10);
SELECT source, users FROM add_source('orders', 'shop_orders', 'customer', 'ordered_on', 'amount');
SELECT create_model('journey', '{
  "name": "journey", "sources": ["orders"],
  "metrics": {"idle": "recency(orders)", "spent": "monetary(orders)"},
  "layers": [
    {"name": "top", "label": {"en": "Top", "zh": "重要"}, "when": "idle <= 10 and spent >= 100"},
    {"name": "active", "label": {"en": "Active", "zh": "活跃"}, "when": "idle <= 10"},
    {"name": "quiet", "label": {"en": "Quiet", "zh": "沉默"}},
    {"name": "sleepy", "label": {"en": "Sleepy", "zh": "瞌睡"}, "when": "idle <= 20", "parent": "quiet"}
  ],
  "default": {"name": "away", "label": {"en": "Away", "zh": "流失"}}}');
SELECT create_model('odd "Na''me', '{
  "name": "tags", "sources": ["orders"], "mode": "overlapping", "ranking": "none",
  "metrics": {"idle": "recency(orders)", "spent": "monetary(orders)"},
  "layers": [{"name": "big spender", "when": "spent >= 100"}, {"name": "fresh", "when": "idle <= 10"}, {"name": "it''s \"today\"", "when": "idle = 0"}]}');

-- Before the first refresh nobody is anywhere, but the ledgers can be asked.
SELECT count(*) FROM strata_members;
SELECT count(*) FROM strata_sizes;
SELECT count(*) FROM strata_moves;
SELECT count(*) FROM strata_periods;
SELECT * FROM strata_layers ORDER BY model, version, layer_order;
SELECT layer_at('journey', 'ann', '2024-01-10');
SELECT user_id, layer, since FROM members('journey', '2024-01-10') ORDER BY user_id;
SELECT explain('journey', 'ann') ->> 'layer' AS today;

-- Refreshed daily; dee comes on the 15th, bob again on the 18th.
SELECT day, users, changes FROM refresh('journey', '2024-01-10');
SELECT day, users, changes FROM refresh('odd "Na''me', '2024-01-10');
SELECT day, users, changes FROM generate_series(11, 14) AS n, LATERAL refresh('journey', DATE '2024-01-01' - 1 + n);
INSERT INTO shop_orders VALUES ('dee', '2024-01-15', 200);
SELECT day, users, changes FROM generate_series(15, 17) AS n, LATERAL refresh('journey', DATE '2024-01-01' - 1 + n);
INSERT INTO shop_orders VALUES ('bob', '2024-01-18', 90);
SELECT day, users, changes FROM generate_series(18, 20) AS n, LATERAL refresh('journey', DATE '2024-01-01' - 1 + n);
SELECT day, users, changes FROM refresh('odd "Na''me', '2024-01-20');
SELECT user_id, period, layer, cause FROM journey_periods ORDER BY user_id, period;
SELECT user_id, period, layers, cause FROM "odd ""Na'me_periods" ORDER BY user_id, period;

-- Members, as of the last refresh and of other days.
SELECT * FROM members('journey') ORDER BY user_id;
SELECT * FROM members('odd "Na''me') ORDER BY user_id;
SELECT * FROM members('journey', '2024-01-12') ORDER BY user_id;
SELECT * FROM members('odd "Na''me', '2024-02-12') ORDER BY user_id;
SELECT * FROM strata_members ORDER BY model, user_id, layer_order;

-- Sizes by day, with layers without users and days without changes.
SELECT day, layer, users, share FROM strata_sizes WHERE model = 'journey' AND day BETWEEN '2024-01-09' AND '2024-01-16' ORDER BY day, layer_order;
SELECT day, layer, users, share FROM strata_sizes WHERE model = 'odd "Na''me' AND day BETWEEN '2024-01-15' AND '2025-01-01' AND users > 0 ORDER BY day, layer_order;
SELECT model, count(DISTINCT day) AS days, count(*) AS rows, max(users) AS most FROM strata_sizes GROUP BY 1 ORDER BY 1;
SELECT layer, layer_order, label_en, label_zh, users, share FROM strata_sizes WHERE model = 'journey' AND day = '2024-01-20' ORDER BY layer_order;

-- Moves.
SELECT * FROM transitions('journey', '2024-01-10', '2024-01-20');
SELECT * FROM transitions('journey', '2024-01-09', '2024-01-10');
SELECT * FROM transitions('journey', '2024-01-16', '2024-01-18');
SELECT user_id, day, previous_layer, layer, label_zh, cause, version, jump FROM strata_moves
WHERE model = 'journey' AND day > '2024-01-10' AND day <= '2024-01-20' ORDER BY change_id;
SELECT user_id, day, previous_layer, layer FROM strata_moves
WHERE model = 'journey' AND day > '2024-01-01' AND day <= '2024-01-20' AND previous_layer = 'active' ORDER BY change_id;
SELECT user_id, day, previous_layer, layer FROM strata_moves
WHERE model = 'journey' AND day > '2024-01-01' AND day <= '2024-01-20' AND previous_layer = 'sleepy' AND layer = 'top' ORDER BY change_id;
SELECT user_id, day, previous_layer, layer, cause, jump FROM strata_moves WHERE model = 'odd "Na''me' ORDER BY change_id, layer, previous_layer;
-- Who was where on a day.
SELECT day::date, layer_at('journey', 'bob'::text, day::date),
       (SELECT array_agg(layer) FROM strata_periods WHERE model = 'journey' AND user_id = 'bob' AND valid_from <= day AND (valid_to > day) IS NOT FALSE) AS journey,
       (SELECT array_agg(layer) FROM strata_periods WHERE model = 'odd "Na''me' AND user_id = 'bob' AND valid_from <= day AND (valid_to > day) IS NOT FALSE) AS odd
FROM generate_series(DATE '2024-01-09', '2024-01-21', '3 days') AS day;
SELECT user_id, layer, label_zh, valid_from, valid_to, cause FROM strata_periods WHERE model = 'journey' ORDER BY user_id, valid_from;

-- Polls: whoever entered or left since a mark.
SELECT user_id, day, from_layer, cause FROM entered('journey', 'sleepy');
SELECT user_id, day, to_layer, cause FROM "left"('journey', 'sleepy');
SELECT max(change_id) AS mark FROM journey_history WHERE valid_from < '2024-01-16' \gset
SELECT user_id, day, from_layer FROM entered('journey', 'sleepy', :mark);
SELECT user_id, day, to_layer FROM "left"('journey', 'sleepy', :mark);
SELECT user_id, day, from_layer FROM entered('odd "Na''me', 'fresh');
SELECT user_id, day, to_layer FROM "left"('odd "Na''me', 'fresh');
SELECT user_id, day FROM entered('odd "Na''me', 'big spender', NULL);

-- Why.
SELECT explain_text('journey', 'bob');
SELECT explain_text('journey', 'ann', '2024-01-11', 'zh');
SELECT explain('journey', 'bob', '2024-01-12') ->> 'layer' AS layer, explain('odd "Na''me', 'bob') -> 'layers' AS layers;

-- How it would have been: from the ledgers, by this definition or another, which need not be registered.
SELECT * FROM replay('journey', '2024-01-10', '2024-01-31', 7);
SELECT * FROM replay('odd "Na''me', '2024-01-14', '2024-01-15');
SELECT day, layer, users, share FROM replay('journey', '2024-01-10', '2024-01-20', 10, '{"name": "two", "sources": ["orders"], "layers": [{"name": "buys", "when": "frequency(orders, 7) > 0"}], "default": {"name": "idle"}}');
SET client_min_messages = notice;
-- On the 12th: ann sleepy, bob active, who buys for 90 on the 18th and becomes top, cem and gus active, who fall asleep on the 19th and 20th.
SELECT * FROM backtest('journey', '2024-01-12', 8);
SELECT * FROM backtest('odd "Na''me', '2024-01-10', 8);
SET client_min_messages = warning;

-- Versions and models beside each other: who would move where.
SELECT alter_model('journey', set_parameters(definition::model, '{}')) FROM (SELECT replace(definition::text, 'idle <= 10"', 'idle <= 12"') AS definition FROM strata_versions WHERE model = 'journey') AS d;
SELECT * FROM compare_models('journey@1', 'journey', '2024-01-20');
SELECT * FROM compare_models('journey@1', 'odd "Na''me', '2024-01-20');
SELECT * FROM compare_models('odd "Na''me', 'odd "Na''me', '2024-01-10');
SELECT activate('journey', 1);
SELECT model, active_version, refreshed_version, as_of, lag > 300 AS long_ago, users, due, waiting, schedule, report -> 'kind' AS kind FROM model_status();
INSERT INTO shop_orders VALUES ('eva', '2024-01-19', 1);
SELECT model, waiting FROM model_status();
DELETE FROM shop_orders WHERE customer = 'eva';

-- Laws. Sizes are the members counted.
SELECT count(*) AS layers, count(*) FILTER (WHERE s.users = coalesce(m.users, 0)) AS equal
FROM strata_sizes AS s JOIN strata_models AS x ON x.name = s.model AND x.as_of = s.day
     LEFT JOIN (SELECT model, layer, count(*) AS users FROM strata_members GROUP BY 1, 2) AS m ON m.model = s.model AND m.layer = s.layer;
-- Transitions add up to the sizes of both days; what net moves add up to is what a layer grew by.
SELECT count(*) AS compared, count(*) FILTER (WHERE before = b.users AND after = a.users AND net = a.users - b.users) AS equal
FROM generate_series(DATE '2024-01-10', '2024-01-20', '1 day') AS d1, generate_series(d1, '2024-01-20', '1 day') AS d2,
     LATERAL (
         SELECT layer, coalesce(sum(users) FILTER (WHERE from_layer = layer), 0) AS before, coalesce(sum(users) FILTER (WHERE to_layer = layer), 0) AS after,
                coalesce(sum(net) FILTER (WHERE to_layer = layer AND net > 0), 0) - coalesce(sum(net) FILTER (WHERE from_layer = layer AND net > 0), 0) AS net
         FROM transitions('journey', d1::date, d2::date), unnest(ARRAY['top', 'active', 'sleepy', 'away']) AS layer GROUP BY layer) AS t
     , strata_sizes AS b, strata_sizes AS a
WHERE b.model = 'journey' AND b.day = d1 AND b.layer = t.layer AND a.model = 'journey' AND a.day = d2 AND a.layer = t.layer;
-- What entered less what left is the difference of the sizes.
SELECT s.model, s.layer, (SELECT count(*) FROM entered(s.model, s.layer)) - (SELECT count(*) FROM "left"(s.model, s.layer)) = s.users AS equal
FROM strata_sizes AS s JOIN strata_models AS x ON x.name = s.model AND x.as_of = s.day ORDER BY 1, 2;
-- On days that were refreshed the replay is the history.
SELECT count(*) AS compared, count(*) FILTER (WHERE r.users = s.users) AS equal
FROM replay('journey', '2024-01-10', '2024-01-20') AS r FULL JOIN (SELECT * FROM strata_sizes WHERE model = 'journey' AND day BETWEEN '2024-01-10' AND '2024-01-20') AS s USING (day, layer);
SELECT count(*) AS compared, count(*) FILTER (WHERE r.users = s.users) AS equal
FROM replay('odd "Na''me', '2024-01-10', '2024-01-20') AS r FULL JOIN (SELECT * FROM strata_sizes WHERE model = 'odd "Na''me' AND day BETWEEN '2024-01-10' AND '2024-01-20') AS s USING (day, layer);
-- The layer on a day is that of the period with the day in it.
SELECT count(*) AS compared, count(*) FILTER (WHERE layer_at('journey', u, d::date) IS NOT DISTINCT FROM p.layer AND p.layer IS NOT DISTINCT FROM v.layer) AS equal
FROM unnest(ARRAY['ann', 'bob', 'cem', 'dee', 'gus', 'nobody']) AS u CROSS JOIN generate_series(DATE '2024-01-08', '2024-01-22', '1 day') AS d
     LEFT JOIN journey_periods AS p ON p.user_id = u AND p.period @> d::date
     LEFT JOIN strata_periods AS v ON v.model = 'journey' AND v.user_id = u AND v.valid_from <= d AND (v.valid_to > d) IS NOT FALSE;
-- Members as of a day are what the replay counts.
SELECT count(*) AS compared, count(*) FILTER (WHERE r.users = (SELECT count(*) FROM members('journey', r.day) AS m WHERE m.layer = r.layer)) AS equal
FROM replay('journey', '2024-01-10', '2024-02-20', 5) AS r;

-- Days that were skipped are walked, and who is deleted leaves.
DELETE FROM shop_orders WHERE customer = 'gus';
SELECT day, users, changes FROM refresh('journey', '2024-01-26');
SELECT user_id, day, previous_layer, layer, cause, jump FROM strata_moves WHERE model = 'journey' AND day > '2024-01-20' AND day <= '2024-01-26' ORDER BY change_id;
SELECT user_id, day, to_layer FROM "left"('journey', 'sleepy') WHERE user_id IN ('ann', 'gus');
SELECT * FROM transitions('journey', '2024-01-20', '2024-01-26');
SELECT layer_at('journey', 'gus'::text, '2024-01-20'), layer_at('journey', 'gus'::text, '2024-01-21') IS NULL AS gone, NOT EXISTS (SELECT FROM strata_periods WHERE model = 'journey' AND user_id = 'gus' AND valid_to IS NULL) AS from_all;
SELECT layer, users FROM strata_sizes WHERE model = 'journey' AND day = '2024-01-26' ORDER BY layer_order;

-- An order whose best layer stands last has its default first; without an order nothing is a jump.
SELECT create_model('ladder', '{"name": "ladder", "sources": ["orders"], "ranking": "best_last", "metrics": {"n": "frequency(orders)"}, "layers": [{"name": "one", "when": "n = 1"}, {"name": "two", "when": "n = 2"}], "default": {"name": "none"}}');
SELECT layer, layer_order, label_en, label_zh, rank FROM strata_layers WHERE model = 'ladder' ORDER BY rank;
SELECT create_model('flat', '{"name": "flat", "sources": ["orders"], "ranking": "none", "metrics": {"n": "frequency(orders)"}, "layers": [{"name": "one", "when": "n = 1"}], "default": {"name": "none"}}');
SELECT layer, rank FROM strata_layers WHERE model = 'flat' ORDER BY layer_order;
SELECT drop_model(name) FROM unnest(ARRAY['ladder', 'flat']) AS name;

-- What is refused.
SELECT * FROM members('jurney');
\echo :SQLSTATE
SELECT * FROM members(NULL);
SELECT * FROM members('journey', 'infinity');
SELECT * FROM transitions('journey', NULL, '2024-01-20');
SELECT * FROM transitions('journey', '2024-01-20', '2024-01-10');
SELECT * FROM transitions('journey', '-infinity', '2024-01-10');
SELECT * FROM transitions('odd "Na''me', '2024-01-10', '2024-01-20');
\echo :SQLSTATE
SELECT * FROM entered('journey', 'Top');
\echo :SQLSTATE
SELECT layer_at('odd "Na''me', 'ann'::text, '2024-01-10');
SELECT layer_at('journey', NULL::text, '2024-01-10') IS NULL AS nobody, layer_at('journey', 'ann'::text, NULL) IS NULL AS never;
SELECT * FROM entered('journey', 'quiet');
SELECT * FROM "left"('odd "Na''me', NULL);
SELECT explain('journey', 'zoe');
\echo :SQLSTATE
SELECT explain('journey', 'dee', '2024-01-14');
SELECT explain('journey', NULL);
SELECT explain_text('journey', 'dee', lang => 'fr');
SELECT * FROM replay('journey', '2024-01-10', '2024-01-20', 0);
SELECT * FROM replay('journey', '2024-01-10', '2024-01-20', definition => '{"name": "visits", "sources": ["visits"], "layers": [{"name": "a", "when": "recency(visits) < 3"}], "default": {"name": "b"}}');
\echo :SQLSTATE
SELECT * FROM replay('journey', '2024-01-10', '2024-01-20', definition => preset('rfm_eleven'));
SELECT * FROM backtest('journey', '2024-01-10', NULL);
SELECT * FROM compare_models('journey@3', 'journey');
SELECT * FROM compare_models('journey@', 'journey');
SELECT * FROM compare_models(NULL, 'journey');
SELECT schedule('journey', '5 0 * * *');
\echo :SQLSTATE
SELECT schedule('odd "Na''me', '*/5 0 * * *');
SELECT schedule('journey', NULL);
SELECT unschedule('journey');

-- Tables are known by what they are, not by their names: one that is renamed is still the model's, and what has come in its place is not.
ALTER TABLE journey_members RENAME TO journey_members_before;
CREATE VIEW journey_members AS SELECT 1 / 0 AS user_id;
SELECT model, count(*) FROM strata_members GROUP BY 1 ORDER BY 1;
SELECT day, users, changes FROM refresh('journey', '2024-01-26');
DROP VIEW journey_members;
ALTER TABLE journey_members_before RENAME TO journey_members;
SELECT DISTINCT model FROM strata_members ORDER BY model;

SELECT drop_model('journey');
SELECT drop_model('odd "Na''me');
SELECT drop_source('orders');
DROP TABLE shop_orders;
