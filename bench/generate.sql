-- Generates one orders table, in pure SQL and with the same rows on every machine.
--
--   psql -v orders=1000000 -v table=orders -v skew=mild -v key=bigint -f generate.sql
--
--   orders  number of rows; there are a tenth as many customers
--   table   name of the table to make (replaced where it exists)
--   skew    mild      10 % of the customers place 40 % of the orders, 50 % place 15 %
--           zipf      one customer places 10 % of all orders, the others follow Zipf's law
--           distinct  every order comes from a customer of its own
--   key     bigint, text or uuid: the type of customer_id
--
-- The rows are in the order of time, as an orders table grows: two years, 2024-01-01 to 2025-12-31 (UTC).
-- Amounts are log-normal (median 36.60); 3 % of the rows are credits, that is negative.
-- Randomness is hashint8extended(order number, salt): no seed, no state, any order of evaluation.

\set ON_ERROR_STOP on
SET max_parallel_workers_per_gather = 0;
SET client_min_messages = warning;

SELECT CASE :'key'
         WHEN 'text' THEN $$'customer-' || lpad(customer::text, 10, '0')$$
         WHEN 'uuid' THEN $$md5(customer::text)::uuid$$
         WHEN 'bigint' THEN $$customer$$
       END AS customer_key
\gset

CREATE FUNCTION pg_temp.uniform(n bigint, salt bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(n, salt) & 9007199254740991)::double precision / 9007199254740992;

-- Spreads ranks over the identifiers, so that an identifier says nothing about how much its customer orders.
-- The multiplier is prime, so no two ranks meet.
CREATE FUNCTION pg_temp.identifier(rank bigint, customers bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE
RETURN 1 + (rank * 2654435761) % customers;

DROP TABLE IF EXISTS :"table";
CREATE TABLE :"table" WITH (autovacuum_enabled = false) AS
SELECT order_id,
       :customer_key AS customer_id,
       ordered_at,
       amount
FROM (
  SELECT n AS order_id,
         CASE :'skew'
           WHEN 'distinct' THEN pg_temp.identifier(n, :orders)
           WHEN 'zipf' THEN pg_temp.identifier(
             CASE WHEN who < 0.10 THEN 1
                  ELSE floor(2 * power(:orders / 20.0::double precision, (who - 0.10) / 0.90))::bigint END,
             :orders / 10)
           ELSE pg_temp.identifier(
             floor((:orders / 10) * CASE WHEN who < 0.40 THEN who / 0.40 * 0.10
                                         WHEN who < 0.85 THEN 0.10 + (who - 0.40) / 0.45 * 0.40
                                         ELSE 0.50 + (who - 0.85) / 0.15 * 0.50 END)::bigint,
             :orders / 10)
         END AS customer,
         to_timestamp(1704067200 + floor(731 * 86400.0::double precision * (n - jitter) / :orders)) AS ordered_at,
         (CASE WHEN credited < 0.03 THEN -1 ELSE 1 END
          * greatest(1, round(exp(8.205 + 0.9 * sqrt(-2 * ln(1 - normal_a)) * cos(6.283185307179586 * normal_b))))::bigint
          * 0.01)::numeric(12, 2) AS amount
  FROM (
    SELECT n,
           pg_temp.uniform(n, 1) AS who,
           pg_temp.uniform(n, 2) AS jitter,
           pg_temp.uniform(n, 3) AS credited,
           pg_temp.uniform(n, 4) AS normal_a,
           pg_temp.uniform(n, 5) AS normal_b
    FROM generate_series(1::bigint, :orders) AS n
    OFFSET 0
  ) AS draws
) AS drawn;

DROP FUNCTION pg_temp.identifier(bigint, bigint);
DROP FUNCTION pg_temp.uniform(bigint, bigint);

VACUUM (ANALYZE, FREEZE) :"table";
