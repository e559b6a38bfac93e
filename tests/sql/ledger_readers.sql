-- Reading a ledger as of a day: what happened later does not exist, a window counts only its last days.
SET search_path = public, strata;
CREATE TABLE customers (name text, orders ledger);
INSERT INTO customers VALUES
    ('ann', '{"2024-01-10": [2, 30.5], "2024-02-01": [1, 12, 4.5], "2024-02-20": [0, 0, 3], "2024-03-01": [3, 0]}'),
    ('credits', '{"2024-01-15": [0, 0, 8]}'),
    ('empty', '{}'),
    ('nobody', NULL);

-- ann as of any day: before her first order, on it, between, after a credit, and at last.
SELECT as_of, recency(orders, as_of), frequency(orders, as_of), active_days(orders, as_of), tenure(orders, as_of),
       first_day(orders, as_of), last_day(orders, as_of)
FROM customers, (VALUES (DATE '2024-01-09'), ('2024-01-10'), ('2024-01-31'), ('2024-02-20'), ('2024-12-31')) AS days (as_of)
WHERE name = 'ann' ORDER BY as_of;

-- monetary = gross_amount - credit_amount; average_amount is net per event, first_amount net of the first active day.
SELECT as_of, monetary(orders, as_of), gross_amount(orders, as_of), credit_amount(orders, as_of),
       round(average_amount(orders, as_of), 4) AS average_amount, first_amount(orders, as_of)
FROM customers, (VALUES (DATE '2024-01-09'), ('2024-01-10'), ('2024-01-31'), ('2024-02-20'), ('2024-12-31')) AS days (as_of)
WHERE name = 'ann' ORDER BY as_of;

-- A window of n days is the days as_of - n + 1 .. as_of: of 20 days up to 2024-02-20, the first is 2024-02-01.
SELECT days, recency(orders, '2024-02-20', days), frequency(orders, '2024-02-20', days), active_days(orders, '2024-02-20', days),
       tenure(orders, '2024-02-20', days), first_day(orders, '2024-02-20', days), last_day(orders, '2024-02-20', days)
FROM customers, (VALUES (1), (19), (20), (41), (42), (2147483647), (NULL)) AS windows (days)
WHERE name = 'ann' ORDER BY days;
SELECT days, monetary(orders, '2024-02-20', days), gross_amount(orders, '2024-02-20', days),
       credit_amount(orders, '2024-02-20', days), round(average_amount(orders, '2024-02-20', days), 4) AS average_amount,
       first_amount(orders, '2024-02-20', days)
FROM customers, (VALUES (1), (19), (20), (41), (42), (2147483647), (NULL)) AS windows (days)
WHERE name = 'ann' ORDER BY days;

-- Credits alone make no day active. An empty ledger, and none at all, have nothing: zeros, and no days.
\pset null (null)
SELECT name, recency(orders, '2024-03-01'), frequency(orders, '2024-03-01'), active_days(orders, '2024-03-01') AS active,
       tenure(orders, '2024-03-01'), first_day(orders, '2024-03-01'), last_day(orders, '2024-03-01')
FROM customers ORDER BY name;
SELECT name, monetary(orders, '2024-03-01'), gross_amount(orders, '2024-03-01'), credit_amount(orders, '2024-03-01'),
       round(average_amount(orders, '2024-03-01'), 4) AS average_amount, first_amount(orders, '2024-03-01')
FROM customers ORDER BY name;
\pset null ''

-- entries: the ledger as rows again.
SELECT name, e.* FROM customers, entries(orders) AS e ORDER BY name, day;
SELECT day, sum(events) AS events FROM customers, entries(orders) GROUP BY day ORDER BY day;

-- The ends of the calendar.
SELECT recency(l, '5874897-12-31'), tenure(l, '2024-01-01'), first_day(l, '2024-01-01')
FROM (VALUES (ledger '{"2024-01-01": [1, 1]}'), ('{"-4712-01-01": [1, 1]}')) AS ends (l);

-- A history of 5,000 days, stored compressed and out of line, and a short one, stored with a short header.
CREATE TABLE stored (id int, compressed ledger, external ledger);
ALTER TABLE stored ALTER external SET STORAGE external;
CREATE VIEW made AS
SELECT 1 AS id, ledger_agg(DATE '2010-01-01' + i, 1.25 + i % 7) AS l FROM generate_series(0, 4999) AS i
UNION ALL SELECT 2, ledger_agg(DATE '2010-01-01' + i, 1.25) FROM generate_series(0, 4999) AS i
UNION ALL SELECT 3, ledger_agg(DATE '2010-01-01' + i, 1.25) FROM generate_series(0, 9) AS i;
INSERT INTO stored SELECT id, l, l FROM made;
SELECT id, pg_column_size(external) > 10000 AS large, pg_column_size(compressed) < pg_column_size(external) / 5 AS small,
       compressed = external AND external = l AS equal
FROM stored JOIN made USING (id) ORDER BY id;
SELECT id, frequency(external, '2030-01-01'), monetary(compressed, '2030-01-01'), first_day(external, '2030-01-01'),
       last_day(compressed, '2030-01-01'), active_days(external, '2023-09-09', 365)
FROM stored ORDER BY id;
SELECT frequency(total, '2030-01-01'), monetary(total, '2030-01-01'), active_days(total, '2030-01-01')
FROM (SELECT rollup(external) + rollup(compressed) - rollup(external) FROM stored) AS r (total);
SELECT id, count(*), sum(gross_amount) FROM stored, entries(external) GROUP BY id ORDER BY id;

DROP TABLE customers, stored;
DROP VIEW made;
