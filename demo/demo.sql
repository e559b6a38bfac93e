-- The main job on the demo's orders; expects demo/load.sql to have run.
\set as_of '2011-12-09'
\pset linestyle unicode
\pset border 2
\pset null '-'
\pset footer off

\echo
\echo 'Every customer in a segment, as of' :as_of
\echo '   SELECT * FROM strata.rfm_summary(''SELECT customer_id, ordered_at, amount FROM orders'', as_of => ':'as_of'')'
\echo

SELECT segment,
       users,
       to_char(100 * share, '990.0') || ' %'         AS share,
       repeat('█', ceil(50 * share)::integer)        AS " ",
       to_char(revenue, '999G999G990.00')            AS revenue,
       to_char(100 * revenue_share, '990.0') || ' %' AS "revenue share",
       coalesce(to_char(average_recency, '990.0'), '-') AS "avg days since",
       to_char(average_frequency, '990.0')           AS "avg orders",
       to_char(average_monetary, '999G990.00')       AS "avg spent"
FROM strata.rfm_summary('SELECT customer_id, ordered_at, amount FROM orders', as_of => :'as_of');

\echo '   (averages per user; the same in Chinese: rfm_summary(..., lang => ''zh''))'

-- A customer who looks like one of the largest as long as credits are left out:
-- one order of 80,995 pieces, cancelled twelve minutes later.
\set customer 16446

\echo
\echo 'One customer up close: the row of' :customer', who ordered 80,995 pieces and cancelled them twelve minutes later'
\echo '(where credits are left out, he looks like one of the largest)'
\echo

SELECT user_id, recency, frequency, round(monetary, 2) AS monetary, r, f, m, code, segment
FROM strata.rfm('SELECT customer_id, ordered_at, amount FROM orders', as_of => :'as_of',
                user_type => NULL::bigint)
WHERE user_id = :customer;

\echo 'The same customer as a ledger: one value, from which everything can be read as of any day'
\echo '   SELECT strata.ledger_agg(ordered_at, amount) FROM orders WHERE customer_id =' :customer
\echo

CREATE TEMPORARY TABLE close_up AS
SELECT strata.ledger_agg(ordered_at, amount) AS orders FROM orders WHERE customer_id = :customer;

SELECT orders AS ledger FROM close_up;

\echo 'read as of' :as_of
\echo

SELECT strata.first_day(orders, :'as_of')                AS first_day,
       strata.last_day(orders, :'as_of')                 AS last_day,
       strata.active_days(orders, :'as_of')              AS active_days,
       strata.tenure(orders, :'as_of')                   AS tenure,
       round(strata.gross_amount(orders, :'as_of'), 2)   AS gross_amount,
       round(strata.credit_amount(orders, :'as_of'), 2)  AS credit_amount,
       round(strata.monetary(orders, :'as_of'), 2)       AS monetary,
       round(strata.average_amount(orders, :'as_of'), 2) AS average_amount,
       round(strata.first_amount(orders, :'as_of'), 2)   AS first_amount
FROM close_up;

\echo 'and its last entries:'
\echo

SELECT entry.day, entry.events,
       round(entry.gross_amount, 2) AS gross_amount, round(entry.credit_amount, 2) AS credit_amount
FROM close_up, strata.entries(close_up.orders) AS entry
ORDER BY entry.day DESC
LIMIT 5;
