-- The main job in one call: from raw events to named segments.
SET search_path = public, strata;

-- Orders of ten customers, the last one so many days before 2024-12-31, the others a week apart.
CREATE TABLE users (name text, recency int, frequency bigint, monetary numeric);
INSERT INTO users VALUES
    ('ann', 1, 8, 900), ('bob', 5, 5, 400), ('cem', 10, 3, 120), ('dee', 20, 2, 80), ('eva', 30, 1, 300),
    ('fay', 40, 1, 60), ('gus', 60, 1, 50), ('hal', 90, 2, 45), ('ida', 150, 4, 500), ('jon', 300, 1, 10);
CREATE TABLE orders (customer text, ordered_on date, amount numeric);
INSERT INTO orders
SELECT name, DATE '2024-12-31' - recency - 7 * (k - 1)::int, monetary / frequency FROM users, generate_series(1, frequency) AS k;
INSERT INTO orders VALUES
    ('gus', '2024-12-01', -10), ('gus', '2024-11-01', 10),   -- returned: a credit is no order and moves no recency
    ('kim', '2024-12-24', -5),                               -- only credits: a prospect
    ('lee', '2025-01-01', 99),                               -- not yet there on 2024-12-31
    ('mia', NULL, 99),                                       -- never
    (NULL, '2024-12-24', 99);                                -- nobody's
SELECT * FROM rfm('SELECT customer, ordered_on, amount FROM orders', as_of => DATE '2024-12-31') ORDER BY user_id;

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

-- The user as a column of its own type; the value of user_type is not looked at.
SELECT pg_typeof(user_id), user_id, code
FROM rfm('SELECT length(customer) + 4000000000, ordered_on FROM orders', '2024-12-31', NULL::bigint);
SELECT pg_typeof(user_id), user_id
FROM rfm('SELECT ''2b1d9d8e-0000-4000-8000-00000000000a'', DATE ''2024-12-31''', '2024-12-31', user_type => NULL::uuid);

-- Times of every type, amounts of every type, and a query in any form of SELECT.
SELECT recency, monetary FROM rfm('SELECT 1, TIMESTAMP ''2024-12-30 23:59'', 7::smallint', '2024-12-31');
SELECT recency, monetary FROM rfm('VALUES (1, TIMESTAMPTZ ''2024-12-30 20:00+00'', 7.5::real)', '2024-12-31', 'Asia/Shanghai');
SELECT recency, monetary FROM rfm('VALUES (1, TIMESTAMPTZ ''2024-12-30 20:00+00'', 7.5::double precision)', '2024-12-31', 'UTC');
SELECT recency, monetary FROM rfm('SELECT 1, DATE ''2024-12-30'', 7::bigint', '2024-12-31', 'Asia/Shanghai');
SELECT recency, monetary FROM rfm('SELECT 1, TIMESTAMPTZ ''2024-12-30 20:00+00''', '2024-12-31', 'Asia/Shanghai');
SELECT count(*) FROM rfm('TABLE orders; ', '2024-12-31');
SELECT count(*) FROM rfm('WITH o AS (TABLE orders) SELECT * FROM o -- all of them', '2024-12-31');
SELECT count(*) FROM rfm('SELECT customer, ordered_on, amount FROM orders WHERE false', '2024-12-31');
SELECT count(*) FROM rfm_summary('SELECT customer, ordered_on, amount FROM orders WHERE false', '2024-12-31');

-- Column names do not matter, not even those that the job uses itself.
SELECT * FROM rfm('SELECT 1 AS recency, DATE ''2024-12-30'' AS cuts, 5 AS user_id', '2024-12-31');

-- rfm_query returns the statement that rfm runs: a start for one's own.
SELECT rfm_query('SELECT customer, ordered_on, amount FROM orders', '2024-12-31', NULL, 5, 'min', 'eleven', 'en', NULL,
                 'text'::regtype, false) AS statement \gset
:statement ORDER BY user_id LIMIT 2;

DROP MATERIALIZED VIEW segments;
DROP VIEW by_steps, in_one_call;
DROP TABLE users, orders;
