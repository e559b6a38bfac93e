-- The main job in one call: from raw events to named segments.
SET search_path = public, strata;

-- Orders of ten customers, the last one so many days before 2024-12-31, the others a week apart.
CREATE TABLE users (name text, recency int, frequency bigint, monetary numeric);
INSERT INTO users VALUES
    ('ann', 1, 8, 900), ('bob', 5, 5, 400), ('cem', 10, 3, 120), ('dee', 20, 2, 80), ('eva', 30, 1, 300),
    ('fay', 40, 1, 60), ('gus', 60, 1, 50), ('hal', 90, 2, 45), ('ida', 150, 4, 500), ('jon', 300, 1, 10);
CREATE TABLE orders (customer text, ordered_on date, amount numeric(12, 2));
INSERT INTO orders
SELECT name, DATE '2024-12-31' - recency - 7 * (k - 1)::int, monetary / frequency FROM users, generate_series(1, frequency) AS k;
INSERT INTO orders VALUES
    ('gus', '2024-12-01', -10), ('gus', '2024-11-01', 10),   -- returned: a credit is no order and moves no recency
    ('kim', '2024-12-24', -5),                               -- only credits: a prospect
    ('lee', '2025-01-01', 99),                               -- not yet there on 2024-12-31
    ('mia', NULL, 99),                                       -- never
    (NULL, '2024-12-24', 99);                                -- a guest's: left out and counted
SELECT * FROM rfm('SELECT customer, ordered_on, amount FROM orders', as_of => DATE '2024-12-31') ORDER BY user_id;
DELETE FROM orders WHERE customer IS NULL;

-- The same as each step by itself.
CREATE VIEW by_steps AS
WITH ledgers AS (
    SELECT customer, ledger_agg(ordered_on, amount) AS orders FROM orders
    WHERE ordered_on <= '2024-12-31' AND customer IS NOT NULL GROUP BY customer
), users AS (
    SELECT customer, recency(orders, '2024-12-31'), frequency(orders, '2024-12-31'), monetary(orders, '2024-12-31') FROM ledgers
), scored AS (
    SELECT users.*, rfm_score(recency, frequency, monetary, cuts) AS scores
    FROM users, (SELECT rfm_cuts_agg(recency, frequency, monetary) AS cuts FROM users) AS c
)
SELECT customer AS user_id, recency, frequency, monetary, (scores).r, (scores).f, (scores).m, rfm_code(scores) AS code,
       rfm_segment(scores) AS segment
FROM scored;
CREATE VIEW in_one_call AS SELECT * FROM rfm('SELECT customer, ordered_on, amount FROM public.orders', '2024-12-31');
SELECT count(*) AS rows, (SELECT count(*) FROM (TABLE by_steps EXCEPT TABLE in_one_call) AS d) AS missing,
       (SELECT count(*) FROM (TABLE in_one_call EXCEPT TABLE by_steps) AS d) AS too_many
FROM in_one_call;

-- As a materialized view that readers never wait for. (A refresh runs with a search path of its own: name the schema.)
CREATE MATERIALIZED VIEW segments AS SELECT * FROM in_one_call;
CREATE UNIQUE INDEX ON segments (user_id);
INSERT INTO orders VALUES ('kim', '2024-12-30', 1000);
REFRESH MATERIALIZED VIEW CONCURRENTLY segments;
SELECT user_id, recency, frequency, monetary, code, segment FROM segments WHERE user_id = 'kim';
DELETE FROM orders WHERE amount = 1000;

-- A day earlier or later is another as_of: lee has arrived.
SELECT user_id, recency, frequency, monetary, segment
FROM rfm('SELECT customer, ordered_on, amount FROM orders', '2025-01-02') WHERE user_id IN ('ann', 'lee') ORDER BY user_id;

-- With a window of 30 days (2024-12-02 .. 2024-12-31) those who bought before it stay, with their recency and 0 orders.
SELECT user_id, recency, frequency, monetary
FROM rfm('SELECT customer, ordered_on, amount FROM orders', '2024-12-31', window_days => 30) ORDER BY recency;

-- The summary: segments in the order of the scheme.
SELECT * FROM rfm_summary('SELECT customer, ordered_on, amount FROM orders', '2024-12-31');
SELECT * FROM rfm_summary('SELECT customer, ordered_on, amount FROM orders', '2024-12-31', scheme => 'ten', lang => 'zh');
SELECT * FROM rfm_summary('SELECT customer, ordered_on, amount FROM orders', '2024-12-31', bins => 4, ties => 'max', scheme => 'eight');
SELECT users, revenue, revenue_share FROM rfm_summary('SELECT customer, ordered_on FROM orders', '2024-12-31', scheme => 'ten');

-- The user has the type of user_type, by position or by name, in any place; its value is not looked at.
SELECT pg_typeof(user_id), user_id, code
FROM rfm('SELECT length(customer) + 4000000000, ordered_on FROM orders', '2024-12-31', NULL::bigint);
SELECT pg_typeof(user_id), user_id, segment
FROM rfm('SELECT 7, DATE ''2024-12-31''', as_of => '2024-12-31', ties => 'max', user_type => 0, scheme => 'eight', lang => 'zh');
SELECT pg_typeof(user_id), user_id, segment
FROM rfm(user_type => NULL::uuid, lang => 'zh', as_of => '2024-12-31', query => 'SELECT ''2b1d9d8e-0000-4000-8000-00000000000a'', DATE ''2024-12-31''');
SELECT pg_typeof(user_id), user_id, segment
FROM rfm('SELECT 7, DATE ''2024-12-31''', '2024-12-31', user_type => NULL::text, scheme => 'ten');
SELECT pg_typeof(user_id), user_id, segment
FROM rfm('SELECT 7, DATE ''2024-12-31''', '2024-12-31', NULL, 5, 'min', 'ten', 'en', NULL, NULL);

-- From stored ledgers the answer is the same, for whichever day.
CREATE TABLE kept AS SELECT user_id AS customer, ledger AS orders FROM ledgers('TABLE orders');
CREATE TABLE monthly AS
SELECT customer, date_trunc('month', ordered_on) AS month, ledger_agg(ordered_on, amount) AS orders FROM orders GROUP BY 1, 2;
SELECT day::date AS as_of, window_days, count(*) AS users, count(*) FILTER (WHERE raw = stored) AS from_ledgers,
       count(*) FILTER (WHERE raw = merged) AS from_monthly_ledgers
FROM (VALUES (DATE '2024-06-30', NULL), ('2024-12-31', NULL), ('2024-12-31', 30), ('2025-01-02', 365)) AS days (day, window_days),
     LATERAL rfm('TABLE orders', day, window_days => window_days) AS raw
     LEFT JOIN LATERAL rfm('TABLE kept', day, window_days => window_days) AS stored USING (user_id)
     LEFT JOIN LATERAL rfm('SELECT customer, orders FROM monthly', day, window_days => window_days) AS merged USING (user_id)
GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) AS segments, count(*) FILTER (WHERE raw = stored) AS equal
FROM rfm_summary('TABLE orders', '2024-12-31') AS raw FULL JOIN rfm_summary('TABLE kept', '2024-12-31') AS stored USING (segment);

-- Money has the decimals of its amounts, as of sum(numeric); ledgers keep those that are needed.
SELECT user_id, monetary FROM rfm('VALUES (1, DATE ''2024-12-30'', 1.50), (1, ''2024-12-31'', 2), (2, ''2024-12-31'', 7)', '2024-12-31')
ORDER BY user_id;
SELECT user_id, monetary
FROM rfm($$SELECT * FROM ledgers('VALUES (1, DATE ''2024-12-30'', 1.50), (1, ''2024-12-31'', 2), (2, ''2024-12-31'', 7.00)')$$, '2024-12-31')
ORDER BY user_id;

-- As of a day before our era.
SELECT user_id, recency, frequency, monetary
FROM rfm('VALUES (''Brutus'', DATE ''0044-03-15 BC'', 23), (''Octavian'', ''0043-04-21 BC'', 2), (''Cato'', ''0046-04-10 BC'', 1)', '0044-03-17 BC')
ORDER BY user_id;
SELECT segment, users, average_recency FROM rfm_summary('VALUES (1, DATE ''4714-11-24 BC'')', '4714-11-25 BC', window_days => 30);

-- Times of every type, amounts of every type, and a query in any form of SELECT.
SELECT recency, monetary FROM rfm('SELECT 1, TIMESTAMP ''2024-12-30 23:59'', 7::smallint', '2024-12-31');
SELECT recency, monetary FROM rfm('VALUES (1, TIMESTAMPTZ ''2024-12-30 20:00+00'', 7.5::real)', '2024-12-31', 'Asia/Shanghai');
SELECT recency, monetary FROM rfm('VALUES (1, TIMESTAMPTZ ''2024-12-30 20:00+00'', 7.5::double precision)', '2024-12-31', 'UTC');
SELECT recency, monetary FROM rfm('SELECT 1, DATE ''2024-12-30'', 7::bigint', '2024-12-31', 'Asia/Shanghai');
SELECT recency, monetary FROM rfm('SELECT 1, TIMESTAMPTZ ''2024-12-30 20:00+00''', '2024-12-31', 'Asia/Shanghai');
SELECT count(*) FROM rfm('TABLE orders; ', '2024-12-31');
SELECT count(*) FROM rfm('TABLE orders ;; ;', '2024-12-31');
SELECT count(*) FROM rfm('WITH o AS (TABLE orders) SELECT * FROM o -- all of them', '2024-12-31');
SELECT count(*) FROM rfm('SELECT customer, ordered_on, amount FROM orders WHERE false', '2024-12-31');
SELECT count(*) FROM rfm_summary('SELECT customer, ordered_on, amount FROM orders WHERE false', '2024-12-31');

-- Column names do not matter, not even those that the job uses itself.
SELECT * FROM rfm('SELECT 1 AS recency, DATE ''2024-12-30'' AS cuts, 5 AS user_id', '2024-12-31');

DROP MATERIALIZED VIEW segments;
DROP VIEW by_steps, in_one_call;
DROP TABLE users, orders, kept, monthly;
