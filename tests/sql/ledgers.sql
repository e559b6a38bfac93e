-- All users of a query at once: what ledger_agg with a GROUP BY makes, without one.
SET search_path = public, strata;
CREATE TABLE orders (customer bigint, ordered_at timestamptz, amount numeric(12, 2));
INSERT INTO orders VALUES
    (1, '2024-03-01 09:00+08', 120), (1, '2024-03-01 23:30+08', 15.5), (1, '2024-03-02 00:30+08', 60),
    (1, '2024-03-20 10:00+08', -60),                            -- returned: a credit
    (2, '2024-02-10 12:00+08', 80), (2, '2024-02-10 13:00+08', NULL),   -- an event without an amount
    (5000000000, '2023-12-24 18:00+08', 9.9),
    (3, NULL, 7),                                               -- without a time: left out
    (NULL, '2024-01-01 12:00+08', 50), (NULL, NULL, 50);        -- guests: left out and counted

SELECT * FROM ledgers('SELECT customer, ordered_at, amount FROM orders', 'Asia/Shanghai') ORDER BY user_id;

-- The user has the type of user_type, by name or by position; its value is not looked at. Without it the user is text.
DELETE FROM orders WHERE customer IS NULL;
CREATE TEMPORARY VIEW keyed AS
SELECT customer, customer % 1000000000 AS small, md5(customer::text)::uuid AS id, 'customer ' || customer AS name, ordered_at, amount
FROM orders;
SELECT pg_typeof(user_id), user_id, ledger
FROM ledgers('SELECT customer, ordered_at, amount FROM keyed', NULL::bigint, 'UTC') ORDER BY user_id;
SELECT pg_typeof(user_id), user_id, ledger
FROM ledgers('SELECT small, ordered_at, amount FROM keyed', time_zone => 'UTC', user_type => 42) ORDER BY user_id;
SELECT pg_typeof(user_id), user_id, ledger
FROM ledgers('SELECT id, ordered_at, amount FROM keyed', user_type => NULL::uuid, time_zone => 'UTC') ORDER BY user_id;
SELECT pg_typeof(user_id), user_id, ledger
FROM ledgers('SELECT name, ordered_at, amount FROM keyed', 'UTC', NULL::text) ORDER BY user_id;
SELECT pg_typeof(user_id), user_id FROM ledgers('SELECT customer, ordered_at FROM keyed', 'UTC') ORDER BY user_id;
SELECT pg_typeof(user_id), user_id FROM ledgers('SELECT id, ordered_at FROM keyed', 'UTC') ORDER BY user_id;
SELECT pg_typeof(user_id), user_id FROM ledgers('SELECT customer::text, ordered_at FROM keyed', NULL::bigint, 'UTC') ORDER BY user_id;

-- Any other type is taken as its text. Texts are the same where their bytes are.
SELECT user_id, frequency(ledger, '2024-12-31')
FROM ledgers('VALUES (1.0, DATE ''2024-01-01''), (1.00, ''2024-01-01''), (1.0, ''2024-01-02'')') ORDER BY user_id;
SELECT quote_literal(user_id) AS user_id, frequency(ledger, '2024-12-31')
FROM ledgers('SELECT u, DATE ''2024-01-01'' FROM unnest(ARRAY[''ann'', ''Ann'', '''', ''ann '', ''ann'', ''安'']) AS u') ORDER BY user_id;
SELECT user_id FROM ledgers('SELECT u, DATE ''2024-01-01'' FROM (VALUES (9223372036854775807), (-9223372036854775808), (0)) AS v (u)', 0::bigint)
ORDER BY user_id;

-- Times and amounts of every type, and no amount.
SELECT ledger FROM ledgers('SELECT 1, DATE ''2024-01-01'', 7.25');
SELECT ledger FROM ledgers('SELECT 1, TIMESTAMP ''2024-01-01 23:59:59'', 7::bigint');
SELECT ledger FROM ledgers('SELECT 1, TIMESTAMPTZ ''2024-01-01 20:00+00'', 7::integer', 'Asia/Shanghai');
SELECT ledger FROM ledgers('SELECT 1, DATE ''2024-01-01'', 7::smallint');
SELECT ledger FROM ledgers('SELECT 1, DATE ''2024-01-01'', 7.1::double precision');
SELECT ledger FROM ledgers('SELECT 1, DATE ''2024-01-01'', 7.5::real');
SELECT ledger FROM ledgers('SELECT 1, DATE ''2024-01-01'' FROM generate_series(1, 3)');

-- The ledgers are ledger_agg's, byte for byte.
CREATE TABLE events AS
SELECT i * 7919 % 97 - 50 AS customer, TIMESTAMPTZ '2023-01-01 00:00+00' + i * INTERVAL '53 minutes' AS at,
       CASE WHEN i % 50 > 0 THEN round(((i * 104729 % 20011) - 2000) / 100.0, i % 4) END AS amount
FROM generate_series(1, 5000) AS i;
SELECT count(*) AS customers, count(*) FILTER (WHERE strata_internal.ledger_send(bulk.ledger) = strata_internal.ledger_send(grouped.ledger)) AS equal
FROM (SELECT customer AS user_id, ledger_agg(at, amount, 'America/New_York') AS ledger FROM events GROUP BY customer) AS grouped
FULL JOIN ledgers('TABLE events', NULL::integer, 'America/New_York') AS bulk USING (user_id);

-- A query may return (user, ledger): ledgers that are stored. Those of one user are merged, as by rollup.
CREATE TABLE months AS
SELECT customer, date_trunc('month', at, 'UTC') AS month, ledger_agg(at, amount, 'UTC') AS events FROM events GROUP BY 1, 2;
SELECT (SELECT count(*) FROM months) AS months, count(*) AS customers, count(*) FILTER (WHERE merged.ledger = whole.ledger) AS equal
FROM ledgers('SELECT customer, events FROM months', NULL::integer) AS merged
FULL JOIN ledgers('TABLE events', NULL::integer, 'UTC') AS whole USING (user_id);
SELECT * FROM ledgers($$VALUES ('ann', ledger '{"2024-01-05": [1, 20], "2024-01-31": [2, 7.5]}'),
                               ('bob', NULL), (NULL, '{"2024-01-31": [1, 1]}'), ('cem', '{}'),
                               ('ann', '{"2023-12-31": [1, 0.25], "2024-01-31": [0, 0, 2.5]}'), ('ann', '{}')$$) ORDER BY user_id;

-- No rows, no users.
SELECT * FROM ledgers('SELECT customer, at, amount FROM events WHERE false', 'UTC');
SELECT * FROM ledgers('SELECT customer, events FROM months WHERE false', NULL::integer);
SELECT * FROM ledgers('SELECT NULL, DATE ''2024-01-01''');
SELECT * FROM ledgers('SELECT 1, NULL::date');

-- Every day that a date can have.
SELECT * FROM ledgers('VALUES (1, DATE ''4714-11-24 BC'', 1), (1, ''0044-03-15 BC'', 2), (1, ''0001-12-31 BC'', 3), (1, ''5874897-12-31'', 4)');

-- A query in any form of SELECT, with semicolons and comments at its end. The names of its columns do not matter.
SELECT count(*) FROM ledgers('TABLE events ;; ; ', 'UTC');
SELECT count(*) FROM ledgers('WITH months AS (SELECT customer, events FROM months) SELECT * FROM months /* all of them */ ;');
SELECT count(*) FROM ledgers('SELECT customer, events FROM months -- all of them');
SELECT count(*) FROM ledgers('SELECT 1 AS at, DATE ''2024-01-01'' AS user_id, 5 AS events');
SELECT count(*) FROM ledgers('SELECT customer, at FROM events UNION ALL SELECT customer, month FROM months ORDER BY 1 LIMIT 10', 'UTC');
SELECT count(*) FROM ledgers('; SELECT customer, events FROM months; -- all of them');
SELECT count(*) FROM ledgers($$SELECT '潜在用户', DATE '2024-01-01'; /* 用户 */ $$);

-- A domain is what it is made of.
CREATE DOMAIN price AS numeric(18,2) CHECK (VALUE > 0);
CREATE DOMAIN day AS date;
SELECT user_id, ledger FROM ledgers('SELECT 1, day ''2024-01-01'', price ''123456789.50''');
SELECT user_id, monetary FROM rfm('SELECT 1, day ''2024-01-01'', price ''123456789.50''', '2024-12-31');
DROP DOMAIN price, day;

-- It sees what its statement sees, in a row of another table as well, and its query may call it again.
BEGIN;
DELETE FROM events WHERE customer <> 0;
SELECT count(*) FROM ledgers('TABLE events', 'UTC');
ROLLBACK;
SELECT sources.name, sum(frequency(ledger, '2024-12-31')) AS events
FROM (VALUES ('orders', 'TABLE orders'), ('events', 'TABLE events')) AS sources (name, query), ledgers(query, 'UTC')
GROUP BY 1 ORDER BY 1;
SELECT user_id, monetary(ledger, '2024-12-31') AS spent_in_2023
FROM ledgers($$SELECT user_id, clip(ledger, '2023-01-01', '2023-12-31') FROM ledgers('TABLE orders', 'UTC')$$) ORDER BY user_id;

-- After an error that is caught the next call starts anew.
DO $$
BEGIN
    PERFORM * FROM ledgers('SELECT customer, at, 1 / (customer - 1) FROM events', 'UTC');
EXCEPTION WHEN division_by_zero THEN
    RAISE NOTICE '% users then', (SELECT count(*) FROM ledgers('TABLE events', 'UTC'));
END
$$;

DROP VIEW keyed;
DROP TABLE orders, events, months;
