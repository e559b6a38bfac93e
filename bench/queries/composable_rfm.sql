-- RFM with the building blocks: ledgers, their readings, the cuts, then scores and segments.
WITH metrics AS MATERIALIZED (
  SELECT customer_id,
         strata.recency(ledger, DATE :'as_of') AS recency,
         strata.frequency(ledger, DATE :'as_of') AS frequency,
         strata.monetary(ledger, DATE :'as_of') AS monetary
  FROM (SELECT customer_id, strata.ledger_agg(ordered_at, amount, 'UTC') AS ledger
        FROM orders
        GROUP BY customer_id
        OFFSET 0) AS built
),
cuts AS (
  SELECT strata.rfm_cuts_agg(recency, frequency, monetary) AS cuts FROM metrics
)
SELECT customer_id, recency, frequency, monetary,
       (scores).r, (scores).f, (scores).m,
       strata.rfm_segment(scores) AS segment
FROM (SELECT customer_id, recency, frequency, monetary,
             strata.rfm_score(recency, frequency, monetary, cuts) AS scores
      FROM metrics CROSS JOIN cuts
      OFFSET 0) AS scored
