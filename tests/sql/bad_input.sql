-- What is refused: with which SQLSTATE, which message and which hint. The session goes on, and nothing is lost.
SET search_path = public, strata;
CREATE TABLE orders (customer text, at date, amount numeric);
INSERT INTO orders VALUES ('ann', '2024-01-01', 10), ('bob', '2024-01-02', 20);
CREATE TABLE kept AS
SELECT ledger '{"2024-01-01": [1, 10]}' AS ledger, cuts_agg(1) AS cuts, rfm_cuts_agg(1, 1, 1) AS rfm_cuts;

-- Time zones. Without one the day of an instant is not known.
SELECT ledger_agg(now());
\echo :SQLSTATE
SELECT ledger_agg(now(), 1.5);
\echo :SQLSTATE
SELECT ledger_agg(now(), 1::bigint);
\echo :SQLSTATE
SELECT ledger_agg(now(), 1);
\echo :SQLSTATE
SELECT ledger_agg(now(), 1.5::double precision);
\echo :SQLSTATE
SELECT ledger_agg(now(), 1, NULL);
\echo :SQLSTATE
SELECT ledger_agg(now(), NULL::text);
\echo :SQLSTATE
SELECT ledger_agg(now(), 1, 'Asia/Shangai');
\echo :SQLSTATE
SELECT ledger_agg(now(), 1, '');
\echo :SQLSTATE

-- A date needs no zone, so none is looked at; nor is one looked at for a row without a time.
SELECT ledger_agg(DATE '2024-01-01', 1, 'nowhere'), ledger_agg(NULL::timestamptz, 1, 'nowhere');

-- Infinite days.
SELECT ledger_agg(DATE 'infinity');
\echo :SQLSTATE
SELECT ledger_agg(DATE '-infinity');
\echo :SQLSTATE
SELECT ledger_agg(TIMESTAMP 'infinity', 1);
\echo :SQLSTATE
SELECT ledger_agg(TIMESTAMP '-infinity', 1.5);
\echo :SQLSTATE
SELECT ledger_agg(TIMESTAMPTZ 'infinity', 'UTC');
\echo :SQLSTATE
SELECT ledger_agg(TIMESTAMPTZ '-infinity', 1, 'UTC');
\echo :SQLSTATE
SELECT ledger_agg(at) FILTER (WHERE isfinite(at)) FROM (VALUES (DATE 'infinity'), ('2024-01-01')) AS v (at);

-- Amounts: no number, too many decimals, out of range. The largest mantissa has 63 bits.
SELECT ledger_agg(DATE '2024-01-01', 'NaN'::numeric);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', 'Infinity'::numeric);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', '-Infinity'::numeric);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', 'NaN'::double precision);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', 'Infinity'::double precision);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', '-Infinity'::double precision);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', 0.0000001);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', 1.2345678);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', -1.2345678);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', 9223372036854775808);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', -9223372036854775808);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', 9223372036854.775808);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', 1e30);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', 1e200);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', 1e-30);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', (-9223372036854775808)::bigint);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', 1e19::double precision);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', -1e300::double precision);
\echo :SQLSTATE

-- Sums that leave the range, of a day, of one scale, of a rollup and of +.
SELECT ledger_agg(DATE '2024-01-01', amount) FROM (VALUES (9223372036854775807), (1)) AS v (amount);
\echo :SQLSTATE
SELECT ledger_agg(DATE '2024-01-01', amount) FROM (VALUES (-9223372036854775807), (-1)) AS v (amount);
\echo :SQLSTATE
SELECT ledger_agg(at, amount) FROM (VALUES (DATE '2024-01-01', 9223372036854775807), ('2024-01-02', 0.5)) AS v (at, amount);
\echo :SQLSTATE
SELECT ledger_agg(at, amount) FROM (VALUES (DATE '2024-01-02', 0.5), ('2024-01-01', 9223372036854775807)) AS v (at, amount);
\echo :SQLSTATE
SELECT rollup(l) FROM (VALUES (ledger '{"2024-01-01": [1, 9223372036854775807]}'), ('{"2024-01-01": [1, 1]}')) AS v (l);
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, 9223372036854775807]}' + '{"2024-01-01": [1, 1]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [4294967295, 0]}' + '{"2024-01-01": [1, 0]}';
\echo :SQLSTATE
SELECT rollup(l) FROM (VALUES (ledger '{"2024-01-01": [4294967295, 0]}'), ('{"2024-01-01": [1, 0]}')) AS v (l);
\echo :SQLSTATE

-- Taking away more than is there.
SELECT ledger '{"2024-01-01": [1, 10]}' - '{"2024-01-01": [2, 10]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [2, 10]}' - '{"2024-01-01": [1, 11]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [2, 10, 1]}' - '{"2024-01-01": [1, 1, 1.5]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, 10]}' - '{"2024-01-01": [1, 9]}';
\echo :SQLSTATE
SELECT NULL - ledger '{"2024-01-01": [1, 10]}';
\echo :SQLSTATE

-- Readings: every reading has a day, and a window has days.
SELECT recency('{}', NULL);
\echo :SQLSTATE
SELECT frequency('{}', NULL);
\echo :SQLSTATE
SELECT active_days('{}', NULL);
\echo :SQLSTATE
SELECT monetary('{}', NULL);
\echo :SQLSTATE
SELECT gross_amount('{}', NULL);
\echo :SQLSTATE
SELECT credit_amount('{}', NULL);
\echo :SQLSTATE
SELECT average_amount('{}', NULL);
\echo :SQLSTATE
SELECT first_amount('{}', NULL);
\echo :SQLSTATE
SELECT first_day('{}', NULL);
\echo :SQLSTATE
SELECT last_day('{}', NULL);
\echo :SQLSTATE
SELECT tenure('{}', NULL);
\echo :SQLSTATE
SELECT recency('{}', '2024-01-01', 0);
\echo :SQLSTATE
SELECT frequency('{}', '2024-01-01', 0);
\echo :SQLSTATE
SELECT active_days('{}', '2024-01-01', 0);
\echo :SQLSTATE
SELECT monetary('{}', '2024-01-01', 0);
\echo :SQLSTATE
SELECT gross_amount('{}', '2024-01-01', 0);
\echo :SQLSTATE
SELECT credit_amount('{}', '2024-01-01', 0);
\echo :SQLSTATE
SELECT average_amount('{}', '2024-01-01', 0);
\echo :SQLSTATE
SELECT first_amount('{}', '2024-01-01', 0);
\echo :SQLSTATE
SELECT first_day('{}', '2024-01-01', 0);
\echo :SQLSTATE
SELECT last_day('{}', '2024-01-01', 0);
\echo :SQLSTATE
SELECT tenure('{}', '2024-01-01', 0);
\echo :SQLSTATE
SELECT recency(NULL, NULL);
\echo :SQLSTATE
SELECT recency('{}', 'infinity');
\echo :SQLSTATE
SELECT recency('{}', '-infinity');
\echo :SQLSTATE
SELECT recency('{}', '2024-01-01', -7);
\echo :SQLSTATE

-- The text form of a ledger.
SELECT ledger '';
\echo :SQLSTATE
SELECT ledger 'nonsense';
\echo :SQLSTATE
SELECT ledger '[]';
\echo :SQLSTATE
SELECT ledger 'null';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, 2]';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, 2]} x';
\echo :SQLSTATE
SELECT ledger '{"2024-13-01": [1, 2]}';
\echo :SQLSTATE
SELECT ledger '{"2023-02-29": [1, 2]}';
\echo :SQLSTATE
SELECT ledger '{"24-1-1": [1, 2]}';
\echo :SQLSTATE
SELECT ledger '{"infinity": [1, 2]}';
\echo :SQLSTATE
SELECT ledger '{"5874898-01-01": [1, 2]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-02": [1, 2], "2024-01-01": [1, 2]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, 2], "2024-01-01": [1, 2]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": 1}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": []}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, 2, 3, 4]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [-1, 2]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1.5, 2]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [4294967296, 2]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, -2]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, 2, -3]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [0, 2]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, "2"]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, null]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, 0.1234567]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, 9223372036854775808]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, 1e3]}';
\echo :SQLSTATE
SELECT ledger '{"2024-01-01": [1, 9223372036854775807], "2024-01-02": [1, 0.5]}';
\echo :SQLSTATE

-- The binary form of a ledger: as COPY sends it, after the file's head, one field and its length.
CREATE TABLE received (l ledger);
-- well formed
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\003\020\004\031\377\377"' (FORMAT binary)
-- no byte at all
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\000\377\377"' (FORMAT binary)
-- another version
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\001\040\377\377"' (FORMAT binary)
-- the open form
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\001\030\377\377"' (FORMAT binary)
-- seven decimals
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\001\027\377\377"' (FORMAT binary)
-- truncated
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\002\020\004\377\377"' (FORMAT binary)
-- a number that does not end
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\015\020\204\200\200\200\200\200\200\200\200\200\200\001\377\377"' (FORMAT binary)
-- not in the shortest form
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\004\020\204\000\031\377\377"' (FORMAT binary)
-- not canonical: 1.0 at one decimal
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\003\021\004\012\377\377"' (FORMAT binary)
-- a day out of range
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\011\020\376\377\377\377\377\377\001\031\377\377"' (FORMAT binary)
-- an entry of nothing
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\003\020\005\000\377\377"' (FORMAT binary)
-- (\copy leaves the SQLSTATE to be printed)
\set VERBOSITY sqlstate
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\002\020\004\377\377"' (FORMAT binary)
\copy received FROM PROGRAM 'printf "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\001\040\377\377"' (FORMAT binary)
\set VERBOSITY default
SELECT * FROM received;
DROP TABLE received;

-- Bins, ties and direction.
SELECT cuts_agg(1, 1);
\echo :SQLSTATE
SELECT cuts_agg(1, 11);
\echo :SQLSTATE
SELECT cuts_agg(1, -5);
\echo :SQLSTATE
SELECT cuts_agg(1, NULL);
\echo :SQLSTATE
SELECT cuts_agg(1, 5, 'average');
\echo :SQLSTATE
SELECT cuts_agg(1, 5, NULL);
\echo :SQLSTATE
SELECT cuts_agg(1, 5, 'MIN');
\echo :SQLSTATE
SELECT cuts_agg(1, 5, 'min', 'highest');
\echo :SQLSTATE
SELECT cuts_agg(1, 5, 'min', NULL);
\echo :SQLSTATE
SELECT rfm_cuts_agg(1, 1, 1, 1);
\echo :SQLSTATE
SELECT rfm_cuts_agg(1, 1, 1, 11);
\echo :SQLSTATE
SELECT rfm_cuts_agg(1, 1, 1, NULL);
\echo :SQLSTATE
SELECT rfm_cuts_agg(1, 1, 1, 5, 'first');
\echo :SQLSTATE
SELECT rfm_cuts_agg(1, 1, 1, 5, NULL);
\echo :SQLSTATE
SELECT quantile_score(1, 1) OVER ();
\echo :SQLSTATE
SELECT quantile_score(1, NULL) OVER ();
\echo :SQLSTATE
SELECT quantile_score(1, 5, 'first') OVER ();
\echo :SQLSTATE
SELECT quantile_score(1, 5, NULL) OVER ();
\echo :SQLSTATE
SELECT quantile_score(1, 5, 'min', 'best') OVER ();
\echo :SQLSTATE
SELECT quantile_score(1, 5, 'min', NULL) OVER ();
\echo :SQLSTATE
SELECT cuts_agg(v, v) FROM generate_series(2, 3) AS v;
\echo :SQLSTATE
SELECT rfm_cuts_agg(v, v::bigint, v, 5, CASE v WHEN 2 THEN 'min' ELSE 'max' END) FROM generate_series(2, 3) AS v;
\echo :SQLSTATE

-- Values that cannot be scored.
SELECT cuts_agg('NaN'::numeric);
\echo :SQLSTATE
SELECT cuts_agg('-Infinity'::numeric);
\echo :SQLSTATE
SELECT cuts_agg(1e30);
\echo :SQLSTATE
SELECT cuts_agg(1.00000000000000000000000000001);
\echo :SQLSTATE
SELECT rfm_cuts_agg(1, 1, 'NaN');
\echo :SQLSTATE
SELECT score('NaN', cuts) FROM kept;
\echo :SQLSTATE
SELECT score(1e40, cuts) FROM kept;
\echo :SQLSTATE
SELECT rfm_score(1, 1, 'Infinity', rfm_cuts) FROM kept;
\echo :SQLSTATE
SELECT rfm_group(1, 1, 'NaN', rfm_cuts) FROM kept;
\echo :SQLSTATE
SELECT quantile_score('NaN'::numeric, 5) OVER ();
\echo :SQLSTATE
SELECT quantile_score('ann'::text, 5) OVER ();
\echo :SQLSTATE
SELECT quantile_score(true, 5) OVER ();
\echo :SQLSTATE
SELECT quantile_score(INTERVAL '1 day', 5) OVER ();
\echo :SQLSTATE
SELECT quantile_score(1, 5);
\echo :SQLSTATE

-- Schemes, splits and languages.
SELECT rfm_segment('(5,5,5)', 'twelve');
\echo :SQLSTATE
SELECT rfm_segment('(5,5,5)', 'eight');
\echo :SQLSTATE
SELECT rfm_segment('(5,5,5)', NULL);
\echo :SQLSTATE
SELECT rfm_segment('(5,5,5)', 'ten', 'de');
\echo :SQLSTATE
SELECT rfm_segment('(5,5,5)', 'ten', NULL);
\echo :SQLSTATE
SELECT rfm_segment('(5,5,6)');
\echo :SQLSTATE
SELECT rfm_segment('(0,5,5)');
\echo :SQLSTATE
SELECT rfm_segment('(11,5,5)');
\echo :SQLSTATE
SELECT rfm_code('(11,5,5)');
\echo :SQLSTATE
SELECT rfm_code('(5,5,-1)');
\echo :SQLSTATE
SELECT rfm_group(1, 1, 1, rfm_cuts, 'median') FROM kept;
\echo :SQLSTATE
SELECT rfm_group(1, 1, 1, rfm_cuts, NULL) FROM kept;
\echo :SQLSTATE
SELECT rfm_group(1, 1, 1, rfm_cuts, 'raw_mean', NULL) FROM kept;
\echo :SQLSTATE
SELECT rfm_group(1, 1, 1, rfm_cuts, 'raw_mean', 'fr') FROM kept;
\echo :SQLSTATE
SELECT rfm_group(1, 1, 1, rfm_cuts, 'fixed') FROM kept;
\echo :SQLSTATE
SELECT rfm_group(1, 1, 1, rfm_cuts, 'raw_mean', fixed => ARRAY[1, 2, 3]) FROM kept;
\echo :SQLSTATE
SELECT rfm_group(1, 1, 1, rfm_cuts, 'fixed', fixed => ARRAY[1, 2]) FROM kept;
\echo :SQLSTATE
SELECT rfm_group(1, 1, 1, rfm_cuts, 'fixed', fixed => ARRAY[1, 2, NULL]) FROM kept;
\echo :SQLSTATE
SELECT rfm_group(1, 1, 1, rfm_cuts, 'fixed', fixed => ARRAY[1, 2, 'NaN'::numeric]) FROM kept;
\echo :SQLSTATE
SELECT rfm_group(1, 1, 1, rfm_cuts_agg(1, 1, 1, 4), 'score_4');
\echo :SQLSTATE

-- The text form of cuts.
SELECT cuts 'nonsense';
\echo :SQLSTATE
SELECT cuts '[2,"min",3,"high",[20],45.5,4]';
\echo :SQLSTATE
SELECT cuts '{"bins":1,"ties":"min","users":3,"best":"high","cuts":[20],"sum":45.5,"score_sum":4}';
\echo :SQLSTATE
SELECT cuts '{"bins":2,"ties":"first","users":3,"best":"high","cuts":[20],"sum":45.5,"score_sum":4}';
\echo :SQLSTATE
SELECT cuts '{"bins":2,"ties":"min","users":3,"best":"up","cuts":[20],"sum":45.5,"score_sum":4}';
\echo :SQLSTATE
SELECT cuts '{"bins":2,"ties":"min","users":0,"best":"high","cuts":[20],"sum":45.5,"score_sum":4}';
\echo :SQLSTATE
SELECT cuts '{"bins":2,"ties":"min","users":3,"best":"high","cuts":[20,30],"sum":45.5,"score_sum":4}';
\echo :SQLSTATE
SELECT cuts '{"bins":2,"ties":"min","users":3,"best":"high","sum":45.5,"score_sum":4}';
\echo :SQLSTATE
SELECT cuts '{"bins":2,"ties":"min","users":3,"best":"high","cuts":[20],"total":45.5,"score_sum":4}';
\echo :SQLSTATE
SELECT cuts '{"bins":2,"ties":"min","users":3,"best":"high","cuts":["20"],"sum":45.5,"score_sum":4}';
\echo :SQLSTATE
SELECT cuts '{"bins":2,"ties":"min","users":3,"best":"high","cuts":[20],"sum":1e5,"score_sum":4}';
\echo :SQLSTATE
SELECT cuts '{"bins":2,"ties":"min","users":3,"best":"high","cuts":[20],"sum":45.5,"score_sum":9}';
\echo :SQLSTATE
SELECT cuts '{"bins":3,"ties":"min","users":3,"best":"high","cuts":[20,10],"sum":45.5,"score_sum":6}';
\echo :SQLSTATE
SELECT cuts '{"bins":3,"ties":"min","users":3,"best":"high","cuts":[null,10],"sum":45.5,"score_sum":6}';
\echo :SQLSTATE
SELECT rfm_cuts '{}';
\echo :SQLSTATE
SELECT rfm_cuts '{"bins":2,"ties":"min","users":3,"recency":{"best":"high","cuts":[7],"sum":57,"score_sum":4},"frequency":{"best":"high","cuts":[2],"sum":4,"score_sum":4},"monetary":{"best":"high","cuts":[20],"sum":45.5,"score_sum":4}}';
\echo :SQLSTATE
SELECT rfm_cuts '{"bins":2,"ties":"min","users":3,"recency":{"best":"low","cuts":[7],"sum":57,"score_sum":4},"frequency":{"best":"high","cuts":[],"sum":4,"score_sum":4},"monetary":{"best":"high","cuts":[20],"sum":45.5,"score_sum":4}}';
\echo :SQLSTATE

-- Lifecycle.
SELECT lifecycle_stage(NULL, NULL, NULL, NULL);
\echo :SQLSTATE
SELECT lifecycle_stage(NULL, NULL, NULL, 'infinity');
\echo :SQLSTATE
SELECT lifecycle_stage(NULL, NULL, 'infinity', '2024-01-01');
\echo :SQLSTATE
SELECT lifecycle_stage(NULL, NULL, NULL, '2024-01-01', NULL);
\echo :SQLSTATE
SELECT lifecycle_stage(NULL, NULL, NULL, '2024-01-01', '[]');
\echo :SQLSTATE
SELECT lifecycle_stage(NULL, NULL, NULL, '2024-01-01', '{"churn_days": 90}');
\echo :SQLSTATE
SELECT lifecycle_stage(NULL, NULL, NULL, '2024-01-01', '{"churned_days": "90"}');
\echo :SQLSTATE
SELECT lifecycle_stage(NULL, NULL, NULL, '2024-01-01', '{"loyal_orders": 0}');
\echo :SQLSTATE
SELECT lifecycle_stage(NULL, NULL, NULL, '2024-01-01', '{"new_days": 1.5}');
\echo :SQLSTATE
SELECT lifecycle_stage(NULL, NULL, NULL, '2024-01-01', '{"dormant_days": 90}');
\echo :SQLSTATE
SELECT lifecycle_stage(NULL, NULL, NULL, '2024-01-01', '{"lang": "de"}');
\echo :SQLSTATE
SELECT lifecycle_stage(NULL, NULL, NULL, '2024-01-01', '{"lang": 1}');
\echo :SQLSTATE

-- The main job: what its query may be.
SELECT * FROM rfm(NULL, '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('nonsense', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer FROM', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT * FROM missing', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer FROM orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount, amount FROM orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT at, customer FROM orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, customer FROM orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, NULL FROM orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, now() FROM orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT 1, DATE ''2024-01-01''; SELECT 1, DATE ''2024-01-01''', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT 1, DATE ''2024-01-01''; DROP TABLE orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT 1, DATE ''2024-01-01'') AS e; DROP TABLE orders; --', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('DELETE FROM orders RETURNING customer, at', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('INSERT INTO orders SELECT * FROM orders RETURNING *', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('DROP TABLE orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at INTO copied FROM orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('EXPLAIN SELECT customer, at FROM orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount / 0 FROM orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount / 3 FROM orders', '2024-12-31');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, DATE ''infinity'' FROM orders', '2024-12-31');
\echo :SQLSTATE

-- ... and its other arguments. rfm_summary checks the same.
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', NULL);
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', 'infinity');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', bins => 11);
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', bins => NULL);
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', bins => 4);
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', ties => 'first');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', ties => NULL);
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', scheme => 'twelve');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', scheme => NULL);
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', lang => 'de');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', lang => NULL);
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', window_days => 0);
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', time_zone => 'Mars/Olympus');
\echo :SQLSTATE
SELECT * FROM rfm('SELECT customer, at, amount FROM orders', '2024-12-31', user_type => NULL::bigint);
\echo :SQLSTATE
SELECT * FROM rfm_summary('SELECT customer, at, amount FROM orders', NULL);
\echo :SQLSTATE
SELECT * FROM rfm_summary('SELECT customer, at, amount FROM orders', '2024-12-31', scheme => 'twelve');
\echo :SQLSTATE
SELECT * FROM rfm_summary('SELECT customer FROM orders', '2024-12-31');
\echo :SQLSTATE

-- ledgers: the same of its query, and keys and ledgers that may not be.
SELECT * FROM ledgers(NULL);
\echo :SQLSTATE
SELECT * FROM ledgers(' ; ;; ');
\echo :SQLSTATE
SELECT * FROM ledgers('TABLE orders; TABLE orders');
\echo :SQLSTATE
SELECT * FROM ledgers('WITH RECURSIVE gone AS (UPDATE orders SET amount = 0 RETURNING *) SELECT * FROM orders');
\echo :SQLSTATE
SELECT * FROM ledgers('SELECT * FROM orders FOR UPDATE');
\echo :SQLSTATE
SELECT * FROM ledgers('SELECT customer, at, $1 FROM orders');
\echo :SQLSTATE
SELECT * FROM ledgers('SELECT customer, amount FROM orders');
\echo :SQLSTATE
SELECT * FROM ledgers('SELECT customer, rfm_cuts FROM orders, kept');
\echo :SQLSTATE
SELECT * FROM ledgers('SELECT rolname, now() FROM pg_authid', 'UTC');
\echo :SQLSTATE
SELECT * FROM ledgers('SELECT customer, now() FROM orders');
\echo :SQLSTATE
SELECT * FROM ledgers('TABLE orders', 'Asia/Shangai');
\echo :SQLSTATE
SELECT * FROM ledgers('TABLE orders', NULL::bigint);
\echo :SQLSTATE
SELECT * FROM ledgers('TABLE orders', NULL::uuid);
\echo :SQLSTATE
SELECT * FROM ledgers('SELECT 3000000000, DATE ''2024-01-01''', NULL::integer);
\echo :SQLSTATE
SELECT * FROM ledgers('SELECT 1, DATE ''2024-01-01'', 9223372036854775807 FROM generate_series(1, 2)');
\echo :SQLSTATE
SELECT * FROM ledgers('SELECT 1, ledger ''{"2024-01-01": [4294967295, 0]}'' FROM generate_series(1, 2)');
\echo :SQLSTATE

-- A user_type is a value of that type, such as a NULL, not its name.
SELECT * FROM ledgers('TABLE orders', user_type => 'bigint');
\echo :SQLSTATE
SELECT * FROM rfm('TABLE orders', '2024-12-31', user_type => 'bigint');
\echo :SQLSTATE

-- bulk_agg, their engine, hands what it builds to them and to nobody else.
SELECT strata_internal.bulk_agg(1, DATE '2024-01-01', 1, NULL, NULL, NULL);
\echo :SQLSTATE
SELECT strata_internal.bulk_agg(true, DATE '2024-01-01', 1, NULL, NULL, NULL);
\echo :SQLSTATE
SELECT strata_internal.bulk_agg(1, DATE '2024-01-01', 1, NULL, NULL, NULL) OVER ();
\echo :SQLSTATE
-- It takes arguments of any type, and looks at them before it reads them.
SELECT strata_internal.bulk_agg(1, 2, 3, NULL, NULL, NULL);
\echo :SQLSTATE
SELECT strata_internal.bulk_agg(1, 'x'::text, 3, NULL, NULL, NULL);
\echo :SQLSTATE
SELECT strata_internal.bulk_agg(1, DATE '2024-01-01', 'x'::name, NULL, NULL, NULL);
\echo :SQLSTATE
SELECT strata_internal.bulk_agg(ROW(1), DATE '2024-01-01', 1, NULL, NULL, NULL);
\echo :SQLSTATE
SELECT * FROM ledgers('SELECT 1, ledger ''{}'', 3');
\echo :SQLSTATE

-- Support functions of aggregates are not for calling, and take no forged state.
SELECT strata_internal.ledger_agg_transition(NULL, DATE '2024-01-01');
\echo :SQLSTATE
SELECT strata_internal.ledger_merge(NULL, '{}');
\echo :SQLSTATE
SELECT strata_internal.cuts_agg_transition(NULL, 1);
\echo :SQLSTATE
SELECT strata_internal.cuts_agg_combine(NULL, NULL);
\echo :SQLSTATE
SELECT strata_internal.rfm_cuts_agg_transition(NULL, 1, 1, 1);
\echo :SQLSTATE
SELECT strata_internal.rfm_cuts_agg_combine('\x00', NULL);
\echo :SQLSTATE
SELECT strata_internal.cuts_agg_final('');
\echo :SQLSTATE
SELECT strata_internal.cuts_agg_final('\x00');
\echo :SQLSTATE
SELECT strata_internal.cuts_agg_final('\x0101020003000000ffffffff');
\echo :SQLSTATE
SELECT strata_internal.rfm_cuts_agg_final('\xff00ff00ff00ff00');
\echo :SQLSTATE
SELECT strata_internal.ledger_seal(NULL) IS NULL AS strict;
SELECT strata_internal.ledger_seal('{}');
\echo :SQLSTATE

-- Within a transaction an error undoes as any other; what was there stays.
BEGIN;
INSERT INTO orders VALUES ('cem', '2024-01-03', 30);
SAVEPOINT before;
INSERT INTO orders VALUES ('dee', '2024-01-04', 40);
SELECT ledger_agg(at, 'NaN'::numeric) FROM orders;
\echo :SQLSTATE
ROLLBACK TO before;
SELECT ledger_agg(at, amount) FROM orders;
COMMIT;
SELECT count(*) AS orders FROM orders;
SELECT ledger, score(1, cuts), rfm_score(1, 1, 1, rfm_cuts) FROM kept;

DROP TABLE orders, kept;
