-- The text form of a ledger, its binary form, and COPY.
SET search_path = public, strata;

-- A JSON object: for each day, in order, [events, gross amount] or [events, gross amount, credits].
SELECT ledger '{"2011-12-07": [1, 771.5], "2011-12-09": [0, 0, 12.5]}';
SELECT ledger '{}';
SELECT ledger '
    { "2011-12-07" : [ 2,771.500000 , 0 ],
      "2011-12-08" : [ 0, 0 ],
      "2011-12-09" : [ 4294967295, 0.000001 ] } ' AS canonical;

-- It reads back as the same value, and casts to jsonb.
CREATE TABLE ledgers (id int, l ledger);
INSERT INTO ledgers
SELECT i, ledger_agg(DATE '2020-01-01' + (d * d * i % 3000), ((d * 7919 * i % 20011) - 3000) / 1000.0)
FROM generate_series(1, 50) AS i, generate_series(1, 200) AS d GROUP BY i;
INSERT INTO ledgers VALUES (51, '{}'), (52, '{"-4712-01-01": [1, 1], "5874897-12-31": [1, 9223372036854775807]}'), (53, NULL);
SELECT count(*) AS ledgers, count(*) FILTER (WHERE l::text::ledger = l) AS same,
       count(*) FILTER (WHERE l::text::ledger::text = l::text) AS same_text
FROM ledgers;
SELECT l::text::jsonb -> '5874897-12-31' ->> 1 AS gross_amount FROM ledgers WHERE id = 52;

-- Years before 1 have a sign (0000 is 1 BC), years beyond 9999 all their digits.
SELECT first_day(ledger '{"0000-02-29": [1, 1]}', '2024-01-01'), ledger_agg(DATE '10000-01-01') AS late
FROM (VALUES (1)) AS one;

-- The bytes of the binary form: a version byte with the decimals, then some bytes for each day.
SELECT strata_internal.ledger_send('{}'), strata_internal.ledger_send('{"2020-01-02": [1, 2.5]}'), strata_internal.ledger_send('{"2020-01-02": [0, 0, 1]}');

-- COPY, in text form and in binary form.
CREATE TABLE loaded (id int, l ledger);
\copy ledgers TO PROGRAM 'cat >"${PG_ABS_BUILDDIR:-/tmp}/ledgers.txt"'
\copy loaded FROM PROGRAM 'cat "${PG_ABS_BUILDDIR:-/tmp}/ledgers.txt"'
\copy ledgers TO PROGRAM 'cat >"${PG_ABS_BUILDDIR:-/tmp}/ledgers.bin"' (FORMAT binary)
\copy loaded FROM PROGRAM 'cat "${PG_ABS_BUILDDIR:-/tmp}/ledgers.bin"' (FORMAT binary)
SELECT count(*) AS loaded, count(*) FILTER (WHERE a.l IS NOT DISTINCT FROM b.l) AS same
FROM loaded AS a JOIN ledgers AS b USING (id);

-- As column of a record, in an array, in a domain, as the default of a column.
SELECT ARRAY[l, '{}'] AS array FROM ledgers WHERE id = 51;
SELECT ROW(id, l) AS row FROM ledgers WHERE id = 51;
CREATE DOMAIN history AS ledger DEFAULT '{}' CHECK (VALUE IS NOT NULL);
CREATE TABLE histories (id int, orders history);
INSERT INTO histories (id) VALUES (1);
SELECT orders + '{"2024-01-01": [1, 1]}' AS orders FROM histories;

DROP TABLE ledgers, loaded, histories;
DROP DOMAIN history;
