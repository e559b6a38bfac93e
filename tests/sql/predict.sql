-- Prediction: who will buy again, and what they are worth.
SET search_path = public, strata;
SET extra_float_digits = 0;

-- What a model needs of a user: the first day only starts the clock, days count once, returns count against the repeat days.
SELECT * FROM purchase_summary('{"2011-01-01": [2, 30], "2011-01-08": [1, 10], "2011-01-20": [0, 0, 4], "2011-02-01": [3, 20, 1]}', '2011-02-11');
SELECT * FROM purchase_summary('{"2011-01-01": [2, 30], "2011-01-08": [1, 10]}', '2011-01-05');
SELECT * FROM purchase_summary('{"2011-01-01": [2, 30]}', '2010-12-31');
SELECT * FROM purchase_summary(NULL, '2010-12-31');

-- Published parameters (CDNOW, weeks) and their customer 1: two repeat days, the last after 213 days, 272 days old.
CREATE TABLE published AS
SELECT bgnbd '{"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "unit": "week"}' AS bgnbd,
       pareto_nbd '{"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669, "unit": "week"}' AS pareto_nbd,
       bgbb '{"alpha": 1.204, "beta": 0.75, "gamma": 0.657, "delta": 2.783}' AS bgbb,
       gamma_gamma '{"p": 6.25, "q": 3.74, "gamma": 15.44}' AS gamma_gamma;
SELECT * FROM published;
SELECT bgnbd::json->>'alpha' AS alpha, gamma_gamma::jsonb AS gamma_gamma FROM published;
\pset expanded on
SELECT round(p_alive(bgnbd, 2, 213, 272)::numeric, 5) AS p_alive,
       round(expected_purchases(bgnbd, 273, 2, 213, 272)::numeric, 5) AS half_a_year,
       round(expected_purchases(bgnbd, 90, 2, 213, 272)::numeric, 5) AS ninety_days,
       round(purchase_probability(bgnbd, 90, 2, 213, 272)::numeric, 5) AS buys_again,
       round((1 - purchase_probability(bgnbd, 273, 0, 0, 0))::numeric, 6) AS a_new_customer_does_not
FROM published;
SELECT round(p_alive(pareto_nbd, 2, 213, 272)::numeric, 5) AS p_alive,
       round(expected_purchases(pareto_nbd, 273, 2, 213, 272)::numeric, 5) AS half_a_year,
       round(purchase_probability(pareto_nbd, 90, 2, 213, 272)::numeric, 5) AS buys_again
FROM published;
SELECT round(p_alive(bgbb, 4, 5, 6)::numeric, 5) AS p_alive,
       round(expected_purchases(bgbb, 10, 4, 5, 6)::numeric, 5) AS ten_years,
       round(purchase_probability(bgbb, 1, 4, 5, 6)::numeric, 5) AS next_year
FROM published;
SELECT round(expected_amount(gamma_gamma, 2, 22.345)::numeric, 4) AS amount,
       round(expected_amount(gamma_gamma, 0, NULL)::numeric, 4) AS of_anybody,
       round(lifetime_value(bgnbd, gamma_gamma, 365, 0.01, 1, 2, 213, 272, 22.345)::numeric, 4) AS monthly,
       round(lifetime_value(bgnbd, gamma_gamma, 365, 0.01, 1, 2, 213, 272, 22.345, 'continuous')::numeric, 4) AS continuous,
       round(lifetime_value(pareto_nbd, gamma_gamma, 365, 0.01, 0.3, 2, 213, 272, 22.345)::numeric, 4) AS margin
FROM published;
\pset expanded off

-- A ledger answers as its summary does.
CREATE TABLE buyers (name text, ledger ledger);
INSERT INTO buyers VALUES
    ('twice', '{"1997-01-01": [1, 29], "1997-01-18": [1, 30], "1997-08-02": [1, 15]}'),
    ('once', '{"1997-01-01": [1, 29]}'),
    ('later', '{"1997-11-01": [1, 29]}'),
    ('never', NULL);
SELECT name,
       p_alive(bgnbd, ledger, '1997-09-30') = p_alive(bgnbd, x, t_x, t) AS bgnbd_alive,
       expected_purchases(bgnbd, 90, ledger, '1997-09-30') = expected_purchases(bgnbd, 90, x, t_x, t) AS bgnbd_expected,
       purchase_probability(bgnbd, 90, ledger, '1997-09-30') = purchase_probability(bgnbd, 90, x, t_x, t) AS bgnbd_buys,
       p_alive(pareto_nbd, ledger, '1997-09-30') = p_alive(pareto_nbd, x, t_x, t) AS pareto_alive,
       expected_amount(gamma_gamma, ledger, '1997-09-30') = expected_amount(gamma_gamma, x, mean_amount) AS amount,
       lifetime_value(bgnbd, gamma_gamma, 90, 0.01, 1, ledger, '1997-09-30')
           = lifetime_value(bgnbd, gamma_gamma, 90, 0.01, 1, x, t_x, t, mean_amount) AS value
FROM published, buyers, purchase_summary(ledger, '1997-09-30')
ORDER BY name;

-- 11,104 donors over six years (Fader, Hardie and Shang 2010): the fit by weights, and the published optimum.
CREATE TABLE donors (x int, t_x int, donors int);
INSERT INTO donors VALUES
    (6, 6, 1203), (5, 6, 728), (4, 6, 512), (3, 6, 357), (2, 6, 234), (1, 6, 129), (5, 5, 335), (4, 5, 284), (3, 5, 225),
    (2, 5, 173), (1, 5, 119), (4, 4, 240), (3, 4, 181), (2, 4, 155), (1, 4, 78), (3, 3, 322), (2, 3, 255), (1, 3, 129),
    (2, 2, 613), (1, 2, 277), (1, 1, 1091), (0, 0, 3464);
CREATE TABLE fitted AS SELECT bgbb_fit_agg(x, t_x, 6, donors) AS bgbb FROM donors;
SELECT round((bgbb::jsonb->>'alpha')::numeric, 3) AS alpha, round((bgbb::jsonb->>'beta')::numeric, 3) AS beta,
       round((bgbb::jsonb->>'gamma')::numeric, 3) AS gamma, round((bgbb::jsonb->>'delta')::numeric, 3) AS delta,
       round((bgbb::jsonb->'fit'->>'log_likelihood')::numeric, 2) AS log_likelihood, bgbb::jsonb->'fit'->'users' AS users,
       bgbb::jsonb->'fit'->'converged' AS converged
FROM fitted;
-- Rows or weights, and whatever order: the same fit, to the last bit.
SELECT bgbb::text = (SELECT bgbb_fit_agg(x, t_x, 6 ORDER BY x, t_x)::text FROM donors, generate_series(1, donors)) AS rows_are_weights,
       bgbb::text::bgbb::text = bgbb::text AS reads_back
FROM fitted;

-- Units change the numbers in the parameters, not the model.
CREATE TABLE fits AS
SELECT bgnbd_fit_agg(x, t_x * 30, 180, donors) AS days, bgnbd_fit_agg(x, t_x * 30, 180, donors, 'week') AS weeks,
       pareto_nbd_fit_agg(x, t_x * 30, 180, donors, 'week') AS pareto
FROM donors;
SELECT round(((days::jsonb->>'alpha')::numeric / (weeks::jsonb->>'alpha')::numeric), 6) AS days_in_a_week,
       round(((weeks::jsonb->'fit'->>'log_likelihood')::numeric - (days::jsonb->'fit'->>'log_likelihood')::numeric)
           / (SELECT sum(x * donors) FROM donors), 6) = round(ln(7.0), 6) AS shift,
       round(p_alive(days, 2, 90, 180)::numeric, 9) = round(p_alive(weeks, 2, 90, 180)::numeric, 9) AS same_reader,
       pareto::jsonb->'fit'->'converged' AS pareto_converged
FROM fits;

-- What cannot be fitted says so. No users are no model.
SELECT bgnbd_fit_agg(x, t_x, t) FROM (VALUES (NULL::int, 1, 2)) AS v (x, t_x, t);
SELECT bgnbd_fit_agg(0, 0, t)::jsonb - 'alpha' AS nobody_came_back FROM generate_series(10, 20) AS t;
SELECT pareto_nbd_fit_agg(n % 7 + 1, 364, 365)::jsonb->'fit'->'finding' AS regulars FROM generate_series(1, 100) AS n;
SELECT gamma_gamma_fit_agg(0, NULL) IS NULL AS no_amounts;
SELECT gamma_gamma_fit_agg(x, amount)::jsonb->'fit'->'left_out' AS left_out
FROM (VALUES (1, 10), (2, 12.5), (3, 8), (1, 0), (0, NULL), (2, 30), (2, -1)) AS v (x, amount);

-- Parallel or not, one answer.
CREATE TABLE many AS
SELECT n % 5 AS x, CASE WHEN n % 5 = 0 THEN 0 ELSE n % 97 + 1 END AS t_x, 100 + n % 53 AS t FROM generate_series(1, 20000) AS n;
ANALYZE many;
CREATE TABLE serial AS SELECT bgnbd_fit_agg(x, t_x, t)::text AS fit FROM many;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT fit = (SELECT bgnbd_fit_agg(x, t_x, t)::text FROM many) AS parallel_is_serial FROM serial;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;

-- What users did last before they went silent: two steps, in any order.
CREATE TABLE clicks (name text, at timestamp, kind text);
INSERT INTO clicks VALUES
    ('ann', '2024-03-01 10:00', 'search'), ('ann', '2024-03-01 10:01', 'view'), ('ann', '2024-03-02 09:00', 'refund'),
    ('bob', '2024-02-01 10:00', 'view'), ('bob', '2024-02-03 10:00:00.5', 'refund'), ('bob', '2024-01-01 10:00', 'search'),
    ('cem', '2024-02-01 10:00', 'order'), ('cem', NULL, 'view'), ('cem', '2024-02-02 10:00', NULL);
SELECT name, last_events_agg(at, kind, 2) FROM clicks GROUP BY name ORDER BY name;
SELECT kinds, count(*) AS users
FROM (SELECT name, last_events_agg(at, kind, 2)::text[] AS kinds FROM clicks GROUP BY name) AS users
GROUP BY kinds ORDER BY 2 DESC, 1;
SELECT name, whole::text = parts::text AS parts_are_the_whole, whole::text::last_events::text = whole::text AS reads_back
FROM (SELECT name, last_events_agg(at, kind, 2) AS whole FROM clicks GROUP BY name) AS w
JOIN (SELECT name, rollup(part) AS parts
      FROM (SELECT name, last_events_agg(at, kind, 2) AS part FROM clicks GROUP BY name, at::date) AS d GROUP BY name) AS p USING (name)
ORDER BY name;
SELECT last_events_agg(at, kind, 0) FROM clicks;
SELECT last_events_agg('infinity', 'view', 1);
SELECT last_events '{"keep":1,"events":[["2024-03-01","view"]]}';
DROP TABLE clicks;

-- What is refused.
\set VERBOSITY default
SELECT bgnbd '{"r": 0, "alpha": 0, "a": 1, "b": 1}';
SELECT bgnbd '{"r": 1, "alpha": 1, "a": 1, "b": 1, "c": 1}';
SELECT bgnbd '[1, 1, 1, 1]';
SELECT gamma_gamma 'p';
SELECT p_alive(bgnbd, 0, 1, 2) FROM published;
SELECT p_alive(bgnbd, 1, 3, 2) FROM published;
SELECT p_alive(bgnbd, 1, 1, 'NaN') FROM published;
SELECT p_alive(bgbb, 3, 2, 6) FROM published;
SELECT p_alive(bgbb, 1, 1.5, 6) FROM published;
SELECT p_alive(bgnbd, ledger, NULL) FROM published, buyers;
SELECT expected_purchases(bgnbd, -1, 0, 0, 2) FROM published;
SELECT expected_purchases(bgnbd, 'Infinity', 0, 0, 2) FROM published;
SELECT lifetime_value(bgnbd, gamma_gamma, 365, -1, 1, 0, 0, 0, NULL) FROM published;
SELECT lifetime_value(bgnbd, gamma_gamma, 365, 0, 1, 0, 0, 0, NULL, 'yearly') FROM published;
SELECT expected_amount(gamma_gamma, -1, 10) FROM published;
SELECT bgnbd_fit_agg(1, 1, 2, -1);
SELECT bgnbd_fit_agg(1, 1, 2, 1, 'month');
SELECT bgnbd_fit_agg(1, 1, 2, 1, unit) FROM (VALUES ('day'), ('week')) AS v (unit);

DROP TABLE published, buyers, donors, fitted, fits, many, serial;
