-- ledger_agg: everything a user did in one source as one value.
SET search_path = public, strata;
CREATE TABLE orders (customer text, ordered_at timestamp, amount numeric);
INSERT INTO orders VALUES
    ('ann', '2024-03-01 09:00', 20.00),
    ('ann', '2024-03-01 18:30', 5.50),                -- the same day: summed
    ('ann', '2024-03-09 12:00', 12.25),
    ('ann', '2024-03-10 08:00', -12.25),              -- a return: a credit, no event
    ('bob', '2024-02-28 23:59:59.999999', 100),
    ('bob', '2024-02-29 00:00', 0),                   -- a free order is an order
    ('cem', '2024-03-05 10:00', NULL),                -- an order without amount
    ('cem', NULL, 7),                                 -- without a time: left out
    ('dee', NULL, 9);

-- For each day the events, the gross amount and, where there are any, the credits.
SELECT customer, ledger_agg(ordered_at, amount) FROM orders GROUP BY customer ORDER BY customer;

-- Without amounts it counts events.
SELECT customer, ledger_agg(ordered_at) FROM orders GROUP BY customer ORDER BY customer;

-- No row, no ledger; a group of NULLs (dee) has none either.
SELECT ledger_agg(ordered_at, amount) IS NULL AS no_rows FROM orders WHERE false;
SELECT customer, ledger_agg(ordered_at, amount) IS NULL AS no_ledger
FROM orders GROUP BY customer ORDER BY customer;

-- FILTER, DISTINCT, ORDER BY and GROUPING SETS as in any aggregate.
SELECT customer,
       ledger_agg(ordered_at, amount) FILTER (WHERE amount > 10) AS large,
       ledger_agg(ordered_at, amount) FILTER (WHERE amount > 1000) IS NULL AS none_huge
FROM orders GROUP BY customer ORDER BY customer;
SELECT ledger_agg(at, 5), ledger_agg(DISTINCT at, 5)
FROM (VALUES (DATE '2024-01-01'), ('2024-01-01'), ('2024-01-02')) AS events (at);
SELECT ledger_agg(ordered_at, amount ORDER BY ordered_at DESC) = ledger_agg(ordered_at, amount ORDER BY amount)
       AS order_says_nothing
FROM orders;
SELECT customer, ledger_agg(ordered_at, amount)
FROM orders WHERE customer < 'c' GROUP BY GROUPING SETS ((customer), ()) ORDER BY customer;

-- As a window aggregate: a running ledger, then one that moves. The state goes on after each reading.
SELECT ordered_at::date AS day, ledger_agg(ordered_at, amount) OVER (ORDER BY ordered_at)
FROM orders WHERE customer = 'ann' ORDER BY ordered_at;
SELECT ordered_at::date AS day,
       ledger_agg(ordered_at, amount) OVER (ORDER BY ordered_at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
FROM orders WHERE customer = 'ann' ORDER BY ordered_at;
SELECT ordered_at::date AS day,
       ledger_agg(ordered_at, amount) OVER (ORDER BY ordered_at ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING)
FROM orders WHERE customer = 'ann' ORDER BY ordered_at;
SELECT ordered_at::date AS day,
       ledger_agg(ordered_at, amount) FILTER (WHERE amount > 0)
           OVER (ORDER BY ordered_at ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
FROM orders WHERE customer = 'ann' ORDER BY ordered_at;

-- Every type of time and amount. A date and a timestamp stand as they are: a time zone changes nothing.
\pset format unaligned
WITH events (d, t) AS (VALUES (DATE '2024-03-01', TIMESTAMP '2024-03-01 23:30')),
     amounts (n, b, i, f) AS (VALUES (7.5, 7::bigint, 7, 7.25::double precision))
SELECT ledger_agg(d), ledger_agg(d, n), ledger_agg(d, b), ledger_agg(d, i), ledger_agg(d, f),
       ledger_agg(d, n, 'Asia/Shanghai'), ledger_agg(d, b, 'Asia/Shanghai'),
       ledger_agg(d, i, 'Asia/Shanghai'), ledger_agg(d, f, 'Asia/Shanghai'),
       ledger_agg(t), ledger_agg(t, n), ledger_agg(t, b), ledger_agg(t, i), ledger_agg(t, f),
       ledger_agg(t, n, 'Asia/Shanghai'), ledger_agg(t, b, 'Asia/Shanghai'),
       ledger_agg(t, i, 'Asia/Shanghai'), ledger_agg(t, f, 'Asia/Shanghai')
FROM events, amounts \gx

-- A timestamp with time zone is an instant: its day depends on the place. 20:00 in UTC is the next day in Shanghai.
WITH events (at) AS (VALUES (TIMESTAMPTZ '2024-03-01 20:00+00')),
     amounts (n, b, i, f) AS (VALUES (7.5, 7::bigint, 7, 7.25::double precision))
SELECT ledger_agg(at, 'UTC') AS utc, ledger_agg(at, 'Asia/Shanghai') AS shanghai,
       ledger_agg(at, n, 'Asia/Shanghai'), ledger_agg(at, b, 'Asia/Shanghai'),
       ledger_agg(at, i, 'Asia/Shanghai'), ledger_agg(at, f, 'Asia/Shanghai')
FROM events, amounts \gx
\pset format aligned

-- The session's own zone plays no part.
SET timezone = 'Pacific/Auckland';
SELECT ledger_agg(at, 'Asia/Shanghai') FROM (VALUES (TIMESTAMPTZ '2024-03-01 20:00+00')) AS events (at);
RESET timezone;

-- New York's clock goes forward on 2024-03-10: the day before ends at 05:00 UTC, that day itself at 04:00.
SELECT at AT TIME ZONE 'UTC' AS utc, ledger_agg(at, 'America/New_York')
FROM (VALUES (TIMESTAMPTZ '2024-03-10 04:59:59.999999+00'), ('2024-03-10 05:00+00'),
             ('2024-03-11 03:59:59.999999+00'), ('2024-03-11 04:00+00')) AS events (at)
GROUP BY at ORDER BY at;

-- In every zone the day is that of AT TIME ZONE: two hundred years around, with half hours and changes of the clock.
SELECT zone, count(*) AS years, sum(frequency(by_zone, '2060-01-01')) AS events,
       count(*) FILTER (WHERE by_zone <> by_clock) AS wrong
FROM (SELECT zone, ledger_agg(at, zone) AS by_zone, ledger_agg(at AT TIME ZONE zone) AS by_clock
      FROM (VALUES ('UTC'), ('Asia/Shanghai'), ('Asia/Kolkata'), ('America/New_York'), ('Australia/Lord_Howe'),
                   ('Pacific/Apia'), ('America/Sao_Paulo'), ('Africa/Monrovia'), ('UTC+3')) AS zones (zone),
           generate_series(TIMESTAMPTZ '1850-01-01 00:00+00', '2049-12-31', '1237 minutes 7 seconds') AS at
      GROUP BY zone, extract(year FROM at)) AS by_year
GROUP BY zone ORDER BY zone COLLATE "C";

-- The zone may differ from row to row.
SELECT ledger_agg(at, 1, zone)
FROM (VALUES (TIMESTAMPTZ '2024-03-01 20:00+00', 'UTC'), ('2024-03-01 20:00+00', 'Asia/Shanghai'),
             ('2024-03-01 20:00+00', 'UTC')) AS events (at, zone);

-- Money is exact: to the sixth decimal, and to the last cent of large numbers.
SELECT ledger_agg(at, amount)
FROM (VALUES (DATE '2024-01-01', 0.000001), ('2024-01-01', 9223372036854.775806), ('2024-01-02', 1e12),
             ('2024-01-03', 12.500000000)) AS events (at, amount);
SELECT ledger_agg(at, amount)
FROM (VALUES (DATE '2024-01-01', 9223372036854775807), ('2024-01-02', -9223372036854775807)) AS events (at, amount);

-- A double is rounded to six decimals, half away from zero: 0.1 + 0.2 is 0.3. What rounds to 0 is an event with amount 0.
SELECT ledger_agg(at, amount)
FROM (VALUES (DATE '2024-01-01', 0.1::double precision), ('2024-01-01', 0.2),
             ('2024-01-02', 0.0000005), ('2024-01-03', 0.0000004), ('2024-01-04', -0.0000004), ('2024-01-05', '-0'),
             ('2024-01-06', -0.0000005), ('2024-01-07', 8643818914.03)) AS events (at, amount);

-- Against plain SQL: 20,000 rows, 50 users, three years, credits among them.
CREATE TABLE many AS
SELECT i % 50 AS customer, DATE '2022-01-01' + (i * 7919 % 1096) AS at, ((i * 104729 % 20011) - 2000) / 100.0 AS amount
FROM generate_series(1, 20000) AS i;
CREATE TABLE by_day AS
SELECT customer, at AS day, count(*) FILTER (WHERE amount >= 0) AS events,
       coalesce(sum(amount) FILTER (WHERE amount >= 0), 0) AS gross_amount,
       coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS credit_amount
FROM many GROUP BY customer, at;
CREATE TABLE entered AS
SELECT customer, e.* FROM (SELECT customer, ledger_agg(at, amount) FROM many GROUP BY customer) AS l (customer, ledger),
                          entries(ledger) AS e;
SELECT (SELECT count(*) FROM by_day) AS days,
       (SELECT count(*) FROM (TABLE by_day EXCEPT ALL TABLE entered) AS d) AS missing,
       (SELECT count(*) FROM (TABLE entered EXCEPT ALL TABLE by_day) AS d) AS too_many;

-- Hashed or sorted, the same.
CREATE FUNCTION pg_temp.fingerprint() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(ledger::text, ' ' ORDER BY customer))
    FROM (SELECT customer, ledger_agg(at, amount) AS ledger FROM many GROUP BY customer) AS l $$;
SET enable_sort = off;
SELECT pg_temp.fingerprint() AS hashed \gset
RESET enable_sort;
SET enable_hashagg = off;
SELECT pg_temp.fingerprint() = :'hashed' AS same;
RESET enable_hashagg;

DROP TABLE orders, many, by_day, entered;
