-- The shop's orders, one row per invoice; credits have a negative amount.
CREATE EXTENSION pg_strata;

CREATE TABLE orders (
    invoice     text      PRIMARY KEY,
    customer_id bigint    NOT NULL,
    ordered_at  timestamp NOT NULL,
    country     text      NOT NULL,
    amount      numeric   NOT NULL
);
\copy orders FROM PROGRAM 'gzip -dc demo/orders.csv.gz' WITH (FORMAT csv, HEADER)
VACUUM ANALYZE orders;

SELECT format('   %s orders and credits of %s customers, %s to %s',
              count(*), count(DISTINCT customer_id),
              min(ordered_at)::date, max(ordered_at)::date)
FROM orders \g (tuples_only=on format=unaligned)
