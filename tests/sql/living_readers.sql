-- What users read of living layers: who is where, who moved, why, and how it would have been.
\set SHOW_CONTEXT never
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
SELECT count(*) FROM members_all;
SELECT count(*) FROM layer_sizes;
SELECT * FROM layer_sizes('journey', '2024-01-01', '2024-01-31');
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
SELECT * FROM members_all ORDER BY model, user_id, layer_order;

-- Sizes by day, with layers without users and days without changes.
SELECT * FROM layer_sizes('journey', '2024-01-09', '2024-01-16');
SELECT * FROM layer_sizes('odd "Na''me', '2024-01-15', '2025-01-01') WHERE users > 0;
SELECT model, owner = current_user AS own, count(DISTINCT day) AS days, count(*) AS rows, max(users) AS most FROM layer_sizes GROUP BY 1, 2 ORDER BY 1;

-- Moves.
SELECT * FROM transitions('journey', '2024-01-10', '2024-01-20');
SELECT * FROM transitions('journey', '2024-01-09', '2024-01-10');
SELECT * FROM transitions('journey', '2024-01-16', '2024-01-18');
SELECT user_id, day, previous_layer, layer, cause, version, jump FROM moves('journey', '2024-01-10', '2024-01-20');
SELECT user_id, day, previous_layer, layer FROM moves('journey', '2024-01-01', '2024-01-20', from_layer => 'active');
SELECT user_id, day, previous_layer, layer FROM moves('journey', '2024-01-01', '2024-01-20', 'sleepy', 'top');
SELECT day::date, layer_at('journey', 'bob', day::date), layers_at('journey', 'bob', day::date), layers_at('odd "Na''me', 'bob', day::date)
FROM generate_series(DATE '2024-01-09', '2024-01-21', '3 days') AS day;

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
SELECT alter_model('journey', set_parameters(definition::model, '{}')) FROM (SELECT replace(definition::text, 'idle <= 10"', 'idle <= 12"') AS definition FROM model_versions JOIN models USING (model_id) WHERE name = 'journey') AS d;
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
FROM layer_sizes AS s JOIN models AS x ON x.name = s.model AND x.as_of = s.day
     LEFT JOIN (SELECT model, layer, count(*) AS users FROM members_all GROUP BY 1, 2) AS m ON m.model = s.model AND m.layer = s.layer;
-- Transitions add up to the sizes of both days; what net moves add up to is what a layer grew by.
SELECT count(*) AS compared, count(*) FILTER (WHERE before = b.users AND after = a.users AND net = a.users - b.users) AS equal
FROM generate_series(DATE '2024-01-10', '2024-01-20', '1 day') AS d1, generate_series(d1, '2024-01-20', '1 day') AS d2,
     LATERAL (
         SELECT layer, coalesce(sum(users) FILTER (WHERE from_layer = layer), 0) AS before, coalesce(sum(users) FILTER (WHERE to_layer = layer), 0) AS after,
                coalesce(sum(net) FILTER (WHERE to_layer = layer AND net > 0), 0) - coalesce(sum(net) FILTER (WHERE from_layer = layer AND net > 0), 0) AS net
         FROM transitions('journey', d1::date, d2::date), unnest(ARRAY['top', 'active', 'sleepy', 'away']) AS layer GROUP BY layer) AS t
     JOIN layer_sizes('journey', d1::date, d1::date) AS b USING (layer) JOIN layer_sizes('journey', d2::date, d2::date) AS a USING (layer);
-- What entered less what left is the difference of the sizes.
SELECT s.model, s.layer, (SELECT count(*) FROM entered(s.model, s.layer)) - (SELECT count(*) FROM "left"(s.model, s.layer)) = s.users AS equal
FROM layer_sizes AS s JOIN models AS x ON x.name = s.model AND x.as_of = s.day ORDER BY 1, 2;
-- On days that were refreshed the replay is the history.
SELECT count(*) AS compared, count(*) FILTER (WHERE r.users = s.users) AS equal
FROM replay('journey', '2024-01-10', '2024-01-20') AS r FULL JOIN layer_sizes('journey', '2024-01-10', '2024-01-20') AS s USING (day, layer);
SELECT count(*) AS compared, count(*) FILTER (WHERE r.users = s.users) AS equal
FROM replay('odd "Na''me', '2024-01-10', '2024-01-20') AS r FULL JOIN layer_sizes('odd "Na''me', '2024-01-10', '2024-01-20') AS s USING (day, layer);
-- The layer on a day is that of the period with the day in it.
SELECT count(*) AS compared, count(*) FILTER (WHERE layer_at('journey', u, d::date) IS NOT DISTINCT FROM p.layer) AS equal
FROM unnest(ARRAY['ann', 'bob', 'cem', 'dee', 'gus', 'nobody']) AS u CROSS JOIN generate_series(DATE '2024-01-08', '2024-01-22', '1 day') AS d
     LEFT JOIN journey_periods AS p ON p.user_id = u AND p.period @> d::date;
-- Members as of a day are what the replay counts.
SELECT count(*) AS compared, count(*) FILTER (WHERE r.users = (SELECT count(*) FROM members('journey', r.day) AS m WHERE m.layer = r.layer)) AS equal
FROM replay('journey', '2024-01-10', '2024-02-20', 5) AS r;

-- Days that were skipped are walked, and who is deleted leaves.
DELETE FROM shop_orders WHERE customer = 'gus';
SELECT day, users, changes FROM refresh('journey', '2024-01-26');
SELECT user_id, day, previous_layer, layer, cause, jump FROM moves('journey', '2024-01-20', '2024-01-26');
SELECT user_id, day, to_layer FROM "left"('journey', 'sleepy') WHERE user_id IN ('ann', 'gus');
SELECT * FROM transitions('journey', '2024-01-20', '2024-01-26');
SELECT layer_at('journey', 'gus', '2024-01-20'), layer_at('journey', 'gus', '2024-01-21') IS NULL AS gone, layers_at('journey', 'gus', '2024-01-21') IS NULL AS from_all;
SELECT layer, users FROM layer_sizes('journey', '2024-01-26', '2024-01-26');

-- An order whose best layer stands last has its default first; without an order nothing is a jump.
SELECT * FROM _layers('{"name": "ladder", "ranking": "best_last", "metrics": {"n": "0"}, "layers": [{"name": "one", "when": "n = 1"}, {"name": "two", "when": "n = 2"}], "default": {"name": "none"}}') ORDER BY rank;
SELECT layer, rank FROM _layers('{"name": "flat", "ranking": "none", "metrics": {"n": "0"}, "layers": [{"name": "one", "when": "n = 1"}], "default": {"name": "none"}}');

-- What is refused.
SELECT * FROM members('jurney');
\echo :SQLSTATE
SELECT * FROM members(NULL);
SELECT * FROM members('journey', 'infinity');
SELECT * FROM layer_sizes('journey', NULL, '2024-01-20');
SELECT * FROM layer_sizes('journey', '2024-01-20', '2024-01-10');
SELECT * FROM transitions('journey', '-infinity', '2024-01-10');
SELECT * FROM transitions('odd "Na''me', '2024-01-10', '2024-01-20');
\echo :SQLSTATE
SELECT * FROM moves('odd "Na''me', '2024-01-10', '2024-01-20');
SELECT * FROM moves('journey', '2024-01-10', '2024-01-20', to_layer => 'Top');
\echo :SQLSTATE
SELECT layer_at('odd "Na''me', 'ann', '2024-01-10');
SELECT layer_at('journey', NULL, '2024-01-10') IS NULL AS nobody, layer_at('journey', 'ann', NULL) IS NULL AS never;
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

-- A table in whose place something else has come is left out of the views.
ALTER TABLE journey_members RENAME TO journey_members_before;
CREATE VIEW journey_members AS SELECT * FROM journey_members_before;
SELECT DISTINCT model FROM members_all;
DROP VIEW journey_members;
ALTER TABLE journey_members_before RENAME TO journey_members;
SELECT DISTINCT model FROM members_all ORDER BY model;

SELECT drop_model('journey');
SELECT drop_model('odd "Na''me');
SELECT drop_source('orders');
DROP TABLE shop_orders;
