-- Sources of living layers, and refreshes: what is followed, what is counted, who is looked at, what is written.
SET search_path = public, strata;

-- What every refresh has to equal: everyone asked anew, of the ledgers counted anew.
CREATE FUNCTION differences(model text, of_ledgers text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT user_id::text, layer, layers, scores, next_change FROM %I FULL JOIN (SELECT user_id AS u, layer AS l, layers AS s, scores AS c, next_change AS n
                    FROM strata.members(%L, (SELECT as_of FROM public.strata_models WHERE name = %2$L))) AS anew ON u = user_id::text
                    WHERE (layer, layers, scores, next_change) IS DISTINCT FROM (l, s, c, n) AND (layer IS NOT NULL OR layers IS NOT NULL OR u IS NOT NULL)) AS d', model || '_members', model) INTO found;
    RETURN found + (SELECT count(*) FROM strata.verify(of_ledgers));
END
$$;

--
-- Capture by trigger
--
CREATE TABLE sales (sale_id int PRIMARY KEY, customer int, sold_at timestamptz, price numeric, pieces int, status text DEFAULT 'paid', note text);
INSERT INTO sales VALUES (1, 1, '2024-01-05 12:00+08', 100, 1), (2, 1, '2024-02-01 00:30+08', 20, 2), (3, 2, '2024-01-20 12:00+08', 80, 1), (4, NULL, '2024-01-21 12:00+08', 5, 1);
SELECT * FROM add_source('sales', 'sales', 'customer', 'sold_at', 'price * pieces', 'status <> ''void''', 'Asia/Shanghai');
SELECT * FROM sales_ledger ORDER BY user_id;
SELECT name, replace(obj_description(name::regclass), (SELECT id::text FROM strata_sources), '<id>') AS comment FROM unnest(ARRAY['sales_ledger', 'sales_queue', 'sales_changes', 'sales_rejects']) AS name;

-- What is rolled back is not counted; the rest waits in the queue, which has the columns that are needed.
BEGIN;
INSERT INTO sales VALUES (5, 3, '2024-02-02 12:00+08', 1, 1);
ROLLBACK;
INSERT INTO sales VALUES (6, 3, '2024-02-02 12:00+08', 30, 1), (7, NULL, '2024-02-02 12:00+08', 1, 1), (8, 3, '2024-02-03 12:00+08', 30, -1);
UPDATE sales SET price = 25 WHERE sale_id = 2;
UPDATE sales SET status = 'void' WHERE sale_id = 3;
UPDATE sales SET note = 'seen';
DELETE FROM sales WHERE sale_id = 4;
INSERT INTO sales VALUES (8, 3, '2024-02-03 12:00+08', 30, -1) ON CONFLICT (sale_id) DO UPDATE SET price = 15;
SELECT strata_change, customer, price, pieces, status FROM sales_queue ORDER BY customer, sold_at, strata_change, price LIMIT 4;
SELECT queue_rows, guests FROM source_status();
SELECT sync('sales') AS users;
SELECT sync('sales') AS users;
SELECT * FROM sales_ledger ORDER BY user_id;
SELECT queue_rows, guests, users, events FROM source_status();
SELECT * FROM verify('sales');

-- A user moves from one to another by an UPDATE; one whose events are all gone has no ledger.
UPDATE sales SET customer = 4 WHERE customer = 3;
SELECT sync('sales') AS users;
SELECT * FROM sales_ledger ORDER BY user_id;

-- Rows that cannot be counted are put aside, not at the INSERT but at the sync, and the others are counted.
INSERT INTO sales VALUES (10, 5, '2024-02-05 12:00+08', 'NaN', 1), (11, 5, '2024-02-05 12:00+08', 'Infinity', 1), (12, 5, 'infinity', 7, 1),
    (13, 5, '2024-02-05 12:00+08', 0.0000001, 1), (14, 5, '2024-02-05 12:00+08', 7, 1), (15, 5, NULL, 7, 1);
SELECT sync('sales') AS users;
SELECT change, problem, rejected_row ->> 'price' AS price, rejected_row ->> 'sold_at' AS sold_at FROM sales_rejects ORDER BY rejected_row ->> 'price', 4;
SELECT * FROM sales_ledger WHERE user_id = 5;
-- put right, one of them is counted, and its old row goes among the rejects as it came
UPDATE sales SET price = 3 WHERE sale_id = 10;
SELECT sync('sales') AS users;
SELECT change, problem FROM sales_rejects WHERE rejected_row ->> 'price' = 'NaN' ORDER BY 1;
SELECT rejected FROM source_status();
SELECT * FROM verify('sales');
SELECT rebuild('sales') AS users;
SELECT count(*) AS rejects FROM sales_rejects;
DELETE FROM sales WHERE sale_id IN (11, 12, 13, 15);
SELECT sync('sales') AS users;
SELECT rejected FROM source_status();

-- A division by zero in an expression is a row that cannot be counted, also at the first count.
SELECT users, events, rejected FROM add_source('pieces', 'sales', 'customer', 'sold_at::date', 'price / (pieces - 1)');
SELECT users, events, rejected FROM add_source('pieces', 'sales', 'customer', '(sold_at AT TIME ZONE ''UTC'')::date', 'price / (pieces - 1)');
SELECT problem, count(*) FROM pieces_rejects GROUP BY 1;
SELECT drop_source('pieces');

-- TRUNCATE counts everyone anew.
CREATE TEMPORARY TABLE kept AS SELECT * FROM sales WHERE customer <> 2;
TRUNCATE sales;
INSERT INTO sales SELECT * FROM kept;
SELECT sync('sales') AS users;
SELECT * FROM verify('sales');
SELECT user_id, frequency(ledger, '2024-12-31'), monetary(ledger, '2024-12-31') FROM sales_ledger ORDER BY user_id;

-- Triggers that are missing or disabled are told of, and put in place.
ALTER TABLE sales DISABLE TRIGGER USER;
SELECT problem FROM source_status();
SELECT sync('sales');
\echo :SQLSTATE
SELECT rebuild('sales') AS users;
SELECT problem FROM source_status();
-- the same table under its name, as tools swap it
BEGIN;
CREATE TABLE sales_new (LIKE sales INCLUDING ALL);
INSERT INTO sales_new SELECT * FROM sales;
ALTER TABLE sales RENAME TO sales_old;
ALTER TABLE sales_new RENAME TO sales;
COMMIT;
SELECT sync('sales');
SELECT rebuild('sales') AS users;
DROP TABLE sales_old;

-- Columns that are renamed, dropped, of another type: writers go on, and the next sync says so.
ALTER TABLE sales RENAME price TO amount;
INSERT INTO sales VALUES (20, 6, '2024-02-06 12:00+08', 60, 1);
SELECT problem FROM source_status();
SELECT sync('sales');
\echo :SQLSTATE
ALTER TABLE sales RENAME amount TO price;
SELECT sync('sales') AS users;
ALTER TABLE sales ALTER customer TYPE bigint;
INSERT INTO sales VALUES (21, 5000000000, '2024-02-06 12:00+08', 60, 1);
SELECT sync('sales');
\echo :SQLSTATE
DELETE FROM sales WHERE sale_id = 21;
ALTER TABLE sales ALTER customer TYPE int;
ALTER TABLE sales DROP note;
SELECT sync('sales') AS users;
ALTER TABLE sales RENAME TO elsewhere;
SELECT problem FROM source_status();
SELECT sync('sales');
\echo :SQLSTATE
SELECT rebuild('sales');
\echo :SQLSTATE
ALTER TABLE elsewhere RENAME TO sales;
SELECT sync('sales') AS users;
SELECT * FROM verify('sales');

--
-- Partitions
--
CREATE TABLE visits (visitor text, day date, seconds int) PARTITION BY RANGE (day);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
INSERT INTO visits VALUES ('ann', '2024-01-01', 60), ('bob', '2024-02-01', 90);
SELECT captured_by, because, users, events FROM add_source('visits', 'visits', 'visitor', 'day', 'seconds');
SELECT tgrelid::regclass AS relation, count(*) AS triggers FROM pg_trigger WHERE tgfoid = 'strata_internal.capture'::regproc AND tgrelid::regclass::text LIKE 'visits%' GROUP BY 1 ORDER BY 1;
-- through the parent, into a partition, from one partition into another
INSERT INTO visits VALUES ('cem', '2024-01-02', 1);
INSERT INTO visits_2 VALUES ('dee', '2024-02-02', 2);
UPDATE visits SET day = '2024-02-09' WHERE visitor = 'ann';
SELECT sync('visits') AS users;
SELECT * FROM visits_ledger ORDER BY user_id;
-- a new one with rows, one that is attached with rows, and rows that come before the sync
CREATE TABLE visits_3 PARTITION OF visits FOR VALUES FROM ('2024-03-01') TO ('2024-04-01');
INSERT INTO visits_3 VALUES ('eva', '2024-03-01', 3);
CREATE TABLE visits_4 (LIKE visits);
INSERT INTO visits_4 VALUES ('fay', '2024-04-01', 4), ('ann', '2024-04-02', 4);
ALTER TABLE visits ATTACH PARTITION visits_4 FOR VALUES FROM ('2024-04-01') TO ('2024-05-01');
INSERT INTO visits VALUES ('gus', '2024-04-03', 5), ('bob', '2024-02-03', 5);
SELECT problem FROM source_status() WHERE source = 'visits';
SELECT sync('visits') AS users;
SELECT * FROM verify('visits');
SELECT count(*) AS users FROM visits_ledger;
-- one that goes takes its rows with it, and loses the triggers
ALTER TABLE visits DETACH PARTITION visits_1;
DROP TABLE visits_3;
SELECT sync('visits') AS users;
SELECT * FROM verify('visits');
SELECT tgrelid::regclass AS relation, count(*) AS triggers FROM pg_trigger WHERE tgfoid = 'strata_internal.capture'::regproc AND tgrelid::regclass::text LIKE 'visits%' GROUP BY 1 ORDER BY 1;
SELECT drop_source('visits');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgname LIKE 'strata%' AND tgrelid::regclass::text LIKE 'visits%';
DROP TABLE visits, visits_1;

--
-- Capture by a column, by comparing, and none
--
CREATE TABLE loads (load_id bigint, customer int, day date);
INSERT INTO loads VALUES (100, 1, '2024-01-01'), (101, 2, '2024-01-02');
CREATE VIEW loaded AS SELECT * FROM loads;
SELECT captured_by, because FROM add_source('loaded', 'loaded', 'customer', 'day', capture => 'none');
INSERT INTO loads VALUES (102, 3, '2024-01-03');
SELECT sync('loaded') AS users;
SELECT * FROM verify('loaded');
SELECT rebuild('loaded') AS users;
SELECT drop_source('loaded');
-- left to us, all rows of a view are compared
SET client_min_messages = warning;
SELECT captured_by, because FROM add_source('loaded', 'loaded', 'customer', 'day');
INSERT INTO loads VALUES (104, 7, '2024-01-03');
SELECT sync('loaded') AS users;
SELECT * FROM verify('loaded');
DELETE FROM loads WHERE load_id = 104;
SELECT sync('loaded') AS users;
SELECT * FROM verify('loaded');
SELECT drop_source('loaded');
RESET client_min_messages;
SELECT captured_by, because FROM add_source('loaded', 'loaded', 'customer', 'day', "column" => 'load_id', margin => '2');
INSERT INTO loads VALUES (103, 4, '2024-01-04'), (101, 5, '2024-01-04'), (50, 6, '2024-01-04');     -- within the margin, and not
SELECT sync('loaded') AS users;
DELETE FROM loads WHERE load_id = 102;
SELECT sync('loaded') AS users;
SELECT * FROM verify('loaded');
SELECT mark, margin FROM strata_sources WHERE name = 'loaded';
SELECT rebuild('loaded') AS users;
SELECT * FROM verify('loaded');
SELECT drop_source('loaded');

--
-- Users by other names
--
CREATE TABLE views (visitor text, day date);
CREATE TABLE known (alias text, user_id int);
INSERT INTO views VALUES ('cookie', '2024-01-01'), ('phone', '2024-01-02'), ('tablet', '2024-01-03');
INSERT INTO known VALUES ('phone', 1), ('tablet', 2);
SELECT users, events FROM add_source('views', 'views', 'visitor', 'day', user_map => 'known');
SELECT * FROM views_ledger ORDER BY user_id;
INSERT INTO known VALUES ('cookie', 1);
UPDATE known SET user_id = 1 WHERE alias = 'tablet';
INSERT INTO views VALUES ('phone', '2024-01-04'), ('watch', '2024-01-04');
SELECT sync('views') AS users;
SELECT * FROM views_ledger ORDER BY user_id;
SELECT user_id AS alias, ledger, mapped FROM views_aliases ORDER BY 1;
INSERT INTO known VALUES ('phone', 2);
SELECT sync('views');
\echo :SQLSTATE
DELETE FROM known WHERE user_id = 1 AND alias = 'phone';
SELECT sync('views') AS users;
SELECT * FROM views_ledger ORDER BY user_id;
TRUNCATE known;
SELECT sync('views') AS users;
SELECT * FROM views_ledger ORDER BY user_id;
INSERT INTO known VALUES ('phone', 1), ('watch', 2);
SELECT sync('views') AS users;
SELECT * FROM verify('views');
SELECT drop_source('views_map');
\echo :SQLSTATE
-- of the same type, those whom the map does not name are themselves
CREATE TABLE merged (alias text PRIMARY KEY, user_id text);
INSERT INTO merged VALUES ('phone', 'watch');
SELECT users, events FROM add_source('same', 'views', 'visitor', 'day', user_map => 'merged');
SELECT * FROM same_ledger ORDER BY user_id;
SELECT drop_source('same');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'merged'::regclass;

--
-- A model whose layers overlap, with attributes, users and two sources
--
CREATE TABLE people (id int PRIMARY KEY, city text, is_test boolean NOT NULL DEFAULT false);
INSERT INTO people VALUES (1, 'Chengdu'), (2, 'Shanghai'), (4, 'Chengdu'), (5, 'Shanghai'), (7, 'Chengdu'), (99, 'Chengdu');
UPDATE people SET is_test = true WHERE id = 99;
SELECT create_model('tags', '{
  "name": "tags", "mode": "overlapping", "sources": ["sales", "views"], "attributes": {"city": "text", "is_test": "boolean"}, "population": "not is_test",
  "metrics": {"idle": "recency(sales)", "seen": "recency(views)"},
  "layers": [{"name": "south", "when": "city = ''Chengdu''"}, {"name": "buyer", "when": "idle <= 10"}, {"name": "watcher", "when": "seen <= 60"}]}',
  attributes => 'people', users => 'people', user_column => 'id', time_zone => 'Asia/Shanghai');
SELECT day, kind, users, examined, new_users, changed_users, due_users, changes FROM refresh('tags', '2024-02-10');
SELECT * FROM tags_members ORDER BY user_id;
SELECT differences('tags', 'sales');
-- the same day: an attribute, someone new, someone who is no more, a merge, an event
UPDATE people SET city = 'Chengdu' WHERE id = 2;
INSERT INTO people VALUES (8, 'Chengdu');
DELETE FROM people WHERE id = 7;
UPDATE known SET user_id = 4 WHERE alias = 'phone';
INSERT INTO sales VALUES (30, 1, '2024-02-09 12:00+08', 1, 1);
SELECT day, kind, users, examined, new_users, changed_users, due_users, changes FROM refresh('tags', '2024-02-10');
SELECT change_id, user_id, valid_from, previous_layers, layers, cause FROM tags_history WHERE cause <> 'backfill' ORDER BY change_id;
SELECT differences('tags', 'sales');
-- skipped days: each change stands on its day
INSERT INTO sales VALUES (31, 2, '2024-02-15 12:00+08', 1, 1), (32, 2, '2024-02-20 12:00+08', 1, 1);
SELECT day, previous_day, kind, users, examined, new_users, changed_users, due_users, changes FROM refresh('tags', '2024-03-15');
SELECT change_id, user_id, valid_from, previous_layers, layers, cause FROM tags_history WHERE valid_from > '2024-02-10' ORDER BY change_id;
SELECT differences('tags', 'sales');
-- nothing to do
SELECT day, kind, users, examined, changes FROM refresh('tags', '2024-03-15');
-- an event that comes late changes layers from now on, not the past
INSERT INTO sales VALUES (33, 5, '2024-02-01 12:00+08', 1, 1), (34, 5, '2024-03-10 12:00+08', 1, 1);
SELECT changes FROM refresh('tags', '2024-03-18');
SELECT user_id, valid_from, previous_layers, layers, cause FROM tags_history WHERE user_id = 5 ORDER BY change_id;
-- another definition, and back
SELECT alter_model('tags', '{
  "name": "tags", "mode": "overlapping", "sources": ["sales", "views"], "attributes": {"city": "text", "is_test": "boolean"},
  "metrics": {"idle": "recency(sales)", "seen": "recency(views)"},
  "layers": [{"name": "south", "when": "city = ''Chengdu''"}, {"name": "buyer", "when": "idle <= 30"}]}') AS version;
SELECT version, kind, users, examined, changes FROM refresh('tags', '2024-03-18');
SELECT differences('tags', 'sales');
SELECT user_id, layers, cause, version FROM tags_history WHERE version = 2 ORDER BY change_id;
SELECT activate('tags', 1);
SELECT version, kind, users, examined, changes FROM refresh('tags', '2024-03-18');
SELECT user_id, layers, period, cause, version FROM tags_periods WHERE user_id IN (5, 99) ORDER BY change_id;
SELECT differences('tags', 'sales');
SELECT alter_model('tags', preset('rfm_eleven'), '{"orders": "sales"}');
\echo :SQLSTATE
SELECT drop_source('sales');
\echo :SQLSTATE
-- "full" looks at everyone
SELECT kind, examined, changes FROM refresh('tags', '2024-03-18', "full" => true);
SELECT drop_model('tags');

--
-- Scores, calibration, a past
--
SELECT create_model('rfm', preset('rfm_eleven'), sources => '{"orders": "sales"}', time_zone => 'Asia/Shanghai', history_from => '2024-01-31');
SELECT refresh('rfm', '2024-01-30');
\echo :SQLSTATE
SELECT day, version, kind, users, examined, changes FROM refresh('rfm', '2024-02-10');
SELECT user_id, valid_from, previous_layer, layer, cause, version FROM rfm_history ORDER BY change_id;
SELECT user_id, layer, scores, since, next_change FROM rfm_members ORDER BY user_id;
SELECT differences('rfm', 'sales');
SELECT calibrate('rfm', '2024-03-10', exclude => ARRAY['[2024-02-01,2024-02-03)']::daterange[]) AS version;
SELECT version, kind, changes FROM refresh('rfm', '2024-03-10');
SELECT differences('rfm', 'sales');
SELECT calibrate('rfm', '2024-03-10', activate => false) AS version;
SELECT version, kind, changes FROM refresh('rfm', '2024-03-10');
SELECT version, cause, calibrated_as_of FROM strata_versions ORDER BY version;
-- a source of another name stays connected; cuts stay with a definition that they fit
SELECT alter_model('rfm', preset('rfm_eleven')) AS version;
SELECT version, kind, changes FROM refresh('rfm', '2024-03-10');
SELECT alter_model('rfm', preset('rfm_eleven', '{"window_days": 30}')) AS version;
SELECT version, kind, changes FROM refresh('rfm', '2024-03-10');
\echo :SQLSTATE
SELECT activate('rfm', 3);
SELECT drop_model('rfm');

--
-- Names in relations that are like those inside
--
CREATE TABLE public.k (user_id int PRIMARY KEY, f text, strata_user int);
INSERT INTO public.k VALUES (1, 'x', 0), (2, 'y', 0);
CREATE TABLE public.k_events (user_id int, d date);
INSERT INTO public.k_events VALUES (3, '2024-05-01');
SELECT users, captured_by FROM add_source('k_events', 'public.k_events', 'user_id', 'd', schema => 'public');
SELECT create_model('k', '{"name": "k", "sources": ["k_events"], "attributes": {"f": "text"}, "layers": [{"name": "of_x", "when": "f = ''x''"}], "default": {"name": "rest"}}',
    users => 'public.k', attributes => 'public.k', schema => 'public', time_zone => 'UTC');
SELECT users, changes FROM refresh('k', '2024-01-01');
-- who is not registered is there from his first event on
SELECT user_id, layer, next_change FROM public.k_members ORDER BY user_id;
DELETE FROM public.k WHERE user_id = 2;
SELECT users, changes FROM refresh('k', '2024-01-02');
SELECT drop_model('k');
-- what happens in a partition before its first sync
CREATE TABLE public.parts (uid int, d date) PARTITION BY LIST (uid);
CREATE TABLE public.parts_1 PARTITION OF public.parts FOR VALUES IN (1, 2, 3);
SELECT users FROM add_source('parts', 'public.parts', 'uid', 'd', schema => 'public');
CREATE TABLE public.parts_2 PARTITION OF public.parts FOR VALUES IN (4, 5, 6);
INSERT INTO public.parts VALUES (4, '2024-01-03'), (5, '2024-01-03');
DELETE FROM public.parts_2 WHERE uid = 4;
UPDATE public.parts_2 SET uid = 6;
SELECT sync('parts');
SELECT * FROM public.parts_ledger;
SELECT * FROM verify('parts');
-- a mark goes no further than to what is finite
CREATE TABLE public.marked (n numeric, uid int, d date);
INSERT INTO public.marked VALUES ('NaN', 1, '2024-01-01'), (1, 1, '2024-01-02');
SELECT users FROM add_source('marked', 'public.marked', 'uid', 'd', "column" => 'n', margin => '0', schema => 'public');
INSERT INTO public.marked VALUES (2, 2, '2024-01-03');
SELECT sync('marked');
SELECT * FROM verify('marked');
-- refused
ALTER TABLE public.marked ADD COLUMN uids int[];
SELECT add_source('arrays', 'public.marked', 'uids', 'd', schema => 'public');
SELECT count(drop_source(name)) FROM unnest(ARRAY['k_events', 'parts', 'marked']) AS name;
DROP TABLE public.k, public.k_events, public.parts, public.marked;

--
-- Odd names
--
CREATE SCHEMA "Odd ""Shop";
CREATE TABLE "Odd ""Shop"."Or ders" ("Kun de" text, "Tag" date, "Be trag" int, "change" text, problem text, strata_change text);
INSERT INTO "Odd ""Shop"."Or ders" VALUES ('Ü ''1', '2024-01-01', 5, 'a', 'b', 'c');
SELECT source, ledgers, users FROM add_source('Or ders''', '"Odd ""Shop"."Or ders"', '"Kun de"', '"Tag"', '"Be trag" * 2', '"change" <> ''x'' AND problem <> ''y''', schema => 'Odd "Shop');
SET search_path = public, strata, "Odd ""Shop";
SELECT create_model('Mo "del''', '{"name": "odd", "sources": ["orders"], "layers": [{"name": "Üb er", "when": "recency(orders) <= 3"}], "default": {"name": "de''fault"}}',
    sources => '{"orders": "Or ders''"}', schema => 'Odd "Shop');
SELECT refreshed, users, changes FROM refresh('Mo "del''', '2024-01-02');
INSERT INTO "Odd ""Shop"."Or ders" VALUES ('new', '2024-01-03', 5, 'a', 'b', 'c'), ('', '2024-01-03', NULL, 'a', 'b', 'c');
SELECT refreshed, users, changes FROM refresh('Mo "del''', '2024-01-07');
SELECT user_id, valid_from, layer, cause FROM "Odd ""Shop"."Mo ""del'_history" ORDER BY change_id;
SELECT drop_model('Mo "del''');
SET search_path = public, strata;
-- behind its schema, too
SELECT drop_source('"Odd ""Shop"."Or ders''"');
SET client_min_messages = warning;
DROP SCHEMA "Odd ""Shop" CASCADE;
RESET client_min_messages;

--
-- What is refused
--
SELECT add_source(NULL, 'sales', 'customer', 'sold_at');
\echo :SQLSTATE
SELECT add_source('', 'sales', 'customer', 'sold_at');
\echo :SQLSTATE
SELECT add_source(repeat('x', 49), 'sales', 'customer', 'sold_at', time_zone => 'UTC');
\echo :SQLSTATE
SELECT add_source('sales', 'sales', 'customer', 'sold_at', time_zone => 'UTC');
\echo :SQLSTATE
SELECT add_source('x', NULL, 'customer', 'sold_at');
\echo :SQLSTATE
SELECT add_source('x', 'nowhere', 'customer', 'sold_at');
\echo :SQLSTATE
SELECT add_source('x', 'sales', NULL, 'sold_at');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customers', 'sold_at');
\echo :SQLSTATE
SELECT add_source('x', 'sales', '(SELECT 1)', 'sold_at');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', NULL);
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'price');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', time_zone => 'Asia/Shangai');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at::date');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', 'status', time_zone => 'UTC');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', 'random()', time_zone => 'UTC');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', where_clause => 'price', time_zone => 'UTC');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', where_clause => 'true); DROP TABLE sales; --', time_zone => 'UTC');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', time_zone => 'UTC', capture => 'wal');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', time_zone => 'UTC', capture => NULL);
\echo :SQLSTATE
SELECT add_source('x', 'loaded', 'customer', 'day', capture => 'trigger');
\echo :SQLSTATE
SELECT add_source('x', 'loaded', 'customer', 'day', capture => 'column');
\echo :SQLSTATE
SELECT add_source('x', 'loaded', 'customer', 'day', "column" => 'id');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', time_zone => 'UTC', "column" => 'status');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', time_zone => 'UTC', capture => 'trigger', "column" => 'sale_id');
\echo :SQLSTATE
SELECT add_source('x', 'loaded', 'customer', 'day', "column" => 'load_id', margin => 'an hour');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', time_zone => 'UTC', margin => '1');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', time_zone => 'UTC', user_map => 'known');
\echo :SQLSTATE
SELECT add_source('x', 'views', 'visitor', 'day', user_map => 'known', map_alias => 'name');
\echo :SQLSTATE
SELECT add_source('x', 'sales', 'customer', 'sold_at', time_zone => 'UTC', schema => 'nowhere');
\echo :SQLSTATE
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM people;
SELECT add_source('x', 'sales', 'customer', 'sold_at', time_zone => 'UTC');
\echo :SQLSTATE
ROLLBACK;
SELECT sync('nowhere');
\echo :SQLSTATE
SELECT sync(NULL);
\echo :SQLSTATE
SELECT * FROM verify('nowhere');
\echo :SQLSTATE
SELECT create_model(NULL, preset('rfm_eleven'));
\echo :SQLSTATE
SELECT create_model('a@b', preset('rfm_eleven'));
\echo :SQLSTATE
SELECT create_model(repeat('x', 45), preset('rfm_eleven'));
\echo :SQLSTATE
SELECT create_model('m', NULL);
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'));
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'), sources => '["sales"]');
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'), sources => '{"order": "sales"}');
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'), sources => '{"orders": "views_map"}');
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'), sources => '{"orders": "sales"}', users => 'nobody');
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'), sources => '{"orders": "sales"}', users => 'people');
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'), sources => '{"orders": "sales"}', users => 'known', user_column => 'alias');
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'), sources => '{"orders": "sales"}', users => 'SELECT id FROM peoples');
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'), sources => '{"orders": "sales"}', schema => 'nowhere');
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'), sources => '{"orders": "sales"}', time_zone => 'Asia/Shangai');
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'), sources => '{"orders": "sales"}', history_from => 'infinity');
\echo :SQLSTATE
SELECT create_model('m', preset('rfm_eleven'), sources => '{"orders": "sales"}', users => 'people', user_column => 'id', capture => 'wal');
\echo :SQLSTATE
SELECT create_model('m', '{"name": "m", "attributes": {"city": "integer"}, "layers": [{"name": "x", "when": "city = 1"}], "default": {"name": "y"}}', attributes => 'people', user_column => 'id');
\echo :SQLSTATE
SELECT create_model('m', '{"name": "m", "attributes": {"town": "text"}, "layers": [{"name": "x", "when": "town = ''a''"}], "default": {"name": "y"}}', attributes => 'people', users => 'people', user_column => 'id');
\echo :SQLSTATE
SELECT create_model('m', '{"name": "m", "attributes": {"city": "text"}, "layers": [{"name": "x", "when": "city = ''a''"}], "default": {"name": "y"}}', attributes => 'people', user_column => 'id');
\echo :SQLSTATE
-- a user has one row of attributes
SELECT create_model('m', '{"name": "m", "attributes": {"day": "date"}, "layers": [{"name": "x", "when": "day > ''2024-01-01''"}], "default": {"name": "y"}}', attributes => 'views', users => 'views', user_column => 'visitor');
SELECT users, changes FROM refresh('m', '2024-01-01');
\echo :SQLSTATE
DELETE FROM views WHERE ctid NOT IN (SELECT min(ctid) FROM views GROUP BY visitor);
SELECT users, changes FROM refresh('m', '2024-01-01');
INSERT INTO views VALUES ('phone', '2024-01-05');
SELECT users, changes FROM refresh('m', '2024-01-02');
\echo :SQLSTATE
SELECT refresh('m', '2023-12-31');
\echo :SQLSTATE
SELECT refresh('m', 'infinity');
\echo :SQLSTATE
SELECT refresh('nowhere', '2024-01-01');
\echo :SQLSTATE
SELECT refresh(NULL, '2024-01-01');
\echo :SQLSTATE
SELECT activate('m', 2);
\echo :SQLSTATE
SELECT activate('m', NULL);
\echo :SQLSTATE
SELECT alter_model('m', NULL);
\echo :SQLSTATE
SELECT alter_model('m', '{"name": "m", "attributes": {"hour": "number"}, "layers": [{"name": "x", "when": "hour > 1"}], "default": {"name": "y"}}');
\echo :SQLSTATE
SELECT calibrate('m', 'infinity');
\echo :SQLSTATE
SELECT calibrate('m', '2024-01-01', exclude => ARRAY['[,2024-01-01)']::daterange[]);
\echo :SQLSTATE
SELECT drop_model(NULL);
\echo :SQLSTATE
SELECT drop_model('m');

-- Nothing is left behind.
SELECT drop_source('views');
SELECT drop_source('sales');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'strata%';
SELECT (SELECT count(*) FROM strata_sources) AS sources, (SELECT count(*) FROM strata_models) AS models, (SELECT count(*) FROM strata_versions) AS versions,
       (SELECT count(*) FROM strata_refreshes) AS refreshes, (SELECT count(*) FROM strata_model_sources) AS model_sources, (SELECT count(*) FROM strata_layers) AS layers;
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname ~ '^(sales|views|loaded|visits|tags|rfm|m)_' AND relkind IN ('r', 'v', 'S') ORDER BY 1;
DROP TABLE sales, loads, views, known, merged, people, kept CASCADE;
DROP FUNCTION differences;
