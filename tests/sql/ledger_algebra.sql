-- Ledgers add up, can be taken back, cut to days, compared, hashed and indexed.
SET search_path = public, strata;
CREATE TABLE months (customer text, month text, orders ledger);
INSERT INTO months VALUES
    ('ann', 'January', '{"2024-01-05": [1, 20], "2024-01-31": [2, 7.5]}'),
    ('ann', 'February', '{"2024-01-31": [0, 0, 2.5], "2024-02-10": [1, 4]}'),
    ('bob', 'January', NULL),
    ('bob', 'February', '{"2024-02-01": [1, 9.99]}'),
    ('cem', 'January', NULL),
    ('cem', 'February', NULL);

-- rollup makes one ledger of many. NULLs count as nothing; nothing at all is NULL.
SELECT customer, rollup(orders) FROM months GROUP BY customer ORDER BY customer;
SELECT rollup(orders) IS NULL AS no_rows FROM months WHERE false;
SELECT rollup(orders) FROM (VALUES (ledger '{}'), ('{}')) AS empty (orders);
SELECT rollup(DISTINCT orders), rollup(orders) FILTER (WHERE orders = '{"2024-02-01": [1, 9.99]}') AS filtered
FROM (TABLE months UNION ALL TABLE months) AS twice WHERE customer = 'bob';

-- As a window aggregate: with everything before, then in a frame that moves.
SELECT customer, month, rollup(orders) OVER (PARTITION BY customer ORDER BY month DESC) AS so_far
FROM months ORDER BY customer, month DESC;
SELECT number, rollup(orders) OVER (ORDER BY number ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS two
FROM (VALUES (1, ledger '{"2024-01-01": [1, 1]}'), (2, NULL), (3, '{"2024-01-01": [1, 3]}'),
             (4, '{"2024-01-02": [1, 4]}')) AS moving (number, orders) ORDER BY number;

-- rollup of the parts is the whole, however it is parted.
CREATE TABLE events AS
SELECT i % 20 AS customer, DATE '2023-01-01' + (i * 7919 % 731) AS at, ((i * 104729 % 20011) - 2000) / 100.0 AS amount
FROM generate_series(1, 5000) AS i;
SELECT count(*) AS customers, count(*) FILTER (WHERE whole = parts) AS equal
FROM (SELECT customer, ledger_agg(at, amount) AS whole FROM events GROUP BY customer) AS w
JOIN (SELECT customer, rollup(part) AS parts
      FROM (SELECT customer, ledger_agg(at, amount) AS part FROM events GROUP BY customer, at) AS p
      GROUP BY customer) AS p USING (customer);

-- + joins two; a missing ledger is an empty one.
SELECT ledger '{"2024-01-05": [1, 20]}' + ledger '{"2024-01-05": [2, 0.25], "2024-01-06": [1, 1, 0.5]}' AS sum;
SELECT ledger '{"2024-01-05": [1, 20]}' + NULL AS left_only, NULL::ledger + NULL IS NULL AS nothing;

-- - takes back what was added.
SELECT ledger '{"2024-01-05": [3, 20.25], "2024-01-06": [1, 1, 0.5]}' - ledger '{"2024-01-05": [2, 0.25]}' AS less;
SELECT ledger '{"2024-01-05": [1, 20]}' - ledger '{"2024-01-05": [1, 20]}' AS nothing_left,
       ledger '{"2024-01-05": [1, 20]}' - NULL AS nothing_taken,
       NULL::ledger - ledger '{}' AS empty;

-- + is commutative and associative, and - undoes it.
CREATE TABLE ledgers AS SELECT customer, ledger_agg(at, amount) AS orders FROM events GROUP BY customer;
SELECT count(*) AS triples,
       count(*) FILTER (WHERE a.orders + b.orders = b.orders + a.orders) AS commutative,
       count(*) FILTER (WHERE (a.orders + b.orders) + c.orders = a.orders + (b.orders + c.orders)) AS associative,
       count(*) FILTER (WHERE (a.orders + b.orders) - b.orders = a.orders) AS undone
FROM ledgers AS a, ledgers AS b, ledgers AS c WHERE a.customer < 6 AND b.customer < 6 AND c.customer < 6;

-- clip keeps the days from .. to, both included. NULL and infinity leave an end open.
CREATE TEMPORARY TABLE clipped AS SELECT ledger '{"2024-01-05": [1, 20], "2024-01-31": [2, 7.5], "2024-02-10": [1, 4]}' AS l;
SELECT clip(l, '2024-01-05', '2024-01-31') AS january, clip(l, '2024-01-06', '2024-01-30') AS nothing FROM clipped;
SELECT clip(l, '2024-01-31', NULL) AS from_day, clip(l, NULL, '2024-01-05') AS to_day FROM clipped;
SELECT clip(l, '-infinity', 'infinity') = l AS all, clip(l, NULL, NULL) = l AS all,
       clip(l, 'infinity', NULL) AS none, clip(l, NULL, '-infinity') AS none,
       clip(l, '2024-02-01', '2024-01-01') AS wrong_way, clip(NULL, '2024-01-01', NULL) IS NULL AS no_ledger FROM clipped;
SELECT count(*) AS days, count(*) FILTER (WHERE clip(orders, NULL, day) + clip(orders, day + 1, NULL) = orders) AS whole
FROM ledgers, generate_series(DATE '2022-12-31', '2024-12-31', '7 days') AS t (at), LATERAL (SELECT at::date) AS d (day);

-- Equal is what holds the same entries, however it was made.
SELECT ledger '{"2024-01-05": [1, 20.50]}' = '{"2024-01-05":[1,20.5]}' AS equal,
       ledger '{"2024-01-05": [1, 20.5]}' <> '{"2024-01-05": [2, 20.5]}' AS not_equal,
       ledger '{"2024-01-05": [0, 0, 0]}' = '{}' AS nothing_is_empty,
       (ledger '{}' = NULL) IS NULL AS unknown;

-- GROUP BY, DISTINCT, joins and set operations, hashed and sorted.
CREATE TABLE twins AS
SELECT customer, orders FROM ledgers UNION ALL SELECT customer + 100, orders FROM ledgers WHERE customer < 5;
ANALYZE twins, ledgers;
SELECT count(*) AS rows, count(DISTINCT orders) AS distinct FROM twins;
SET enable_sort = off;
SELECT count(*) AS groups, max(n) AS largest FROM (SELECT orders, count(*) AS n FROM twins GROUP BY orders) AS g;
RESET enable_sort;
SET enable_hashagg = off;
SELECT count(*) AS groups, max(n) AS largest FROM (SELECT orders, count(*) AS n FROM twins GROUP BY orders) AS g;
RESET enable_hashagg;
SET enable_mergejoin = off; SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM twins AS a JOIN ledgers AS b USING (orders);
SELECT count(*) FROM twins AS a JOIN ledgers AS b USING (orders);
RESET enable_mergejoin; SET enable_hashjoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM twins AS a JOIN ledgers AS b USING (orders);
SELECT count(*) FROM twins AS a JOIN ledgers AS b USING (orders);
RESET enable_hashjoin; RESET enable_nestloop;
SELECT count(*) FROM (SELECT orders FROM twins EXCEPT SELECT orders FROM ledgers) AS nothing;

-- The order means nothing but is total: every comparison agrees with it.
SELECT count(*) AS pairs,
       count(*) FILTER (WHERE (a.orders < b.orders)::int + (a.orders = b.orders)::int + (a.orders > b.orders)::int = 1) AS one_holds,
       count(*) FILTER (WHERE (a.orders <= b.orders) = NOT (a.orders > b.orders)) AS le,
       count(*) FILTER (WHERE (a.orders >= b.orders) = NOT (a.orders < b.orders)) AS ge,
       count(*) FILTER (WHERE (a.orders <> b.orders) = NOT (a.orders = b.orders)) AS ne,
       count(*) FILTER (WHERE (a.orders = b.orders) = (a.customer % 100 = b.customer % 100)) AS same_customer
FROM twins AS a, twins AS b;
SELECT count(*) FILTER (WHERE orders < before) AS out_of_order
FROM (SELECT orders, lag(orders) OVER (ORDER BY orders) AS before FROM twins) AS sorted;

-- Indexes, btree (a primary key even) and hash.
CREATE TABLE seen (orders ledger PRIMARY KEY);
INSERT INTO seen SELECT orders FROM twins ON CONFLICT DO NOTHING;
SELECT count(*) FROM seen;
CREATE INDEX twins_btree ON twins (orders);
SET enable_seqscan = off; SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT customer FROM twins WHERE orders = ledger '{"2024-01-05": [1, 20]}';
SELECT t.customer FROM twins AS t WHERE orders = (SELECT orders FROM ledgers WHERE customer = 3) ORDER BY 1;
DROP INDEX twins_btree;
CREATE INDEX twins_hash ON twins USING hash (orders);
EXPLAIN (COSTS OFF) SELECT customer FROM twins WHERE orders = ledger '{"2024-01-05": [1, 20]}';
SELECT t.customer FROM twins AS t WHERE orders = (SELECT orders FROM ledgers WHERE customer = 3) ORDER BY 1;
RESET enable_seqscan; RESET enable_bitmapscan;

-- Hash partitions, which use the extended hash.
CREATE TABLE parted (orders ledger) PARTITION BY HASH (orders);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT orders FROM ledgers;
SELECT count(*) AS rows, count(DISTINCT tableoid) AS partitions FROM parted;

DROP TABLE months, events, ledgers, twins, seen, parted;
