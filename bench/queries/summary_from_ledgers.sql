-- The summary as of any date, read from stored ledgers: the orders are not touched.
WITH metrics AS MATERIALIZED (
  SELECT strata.recency(ledger, DATE :'as_of') AS recency,
         strata.frequency(ledger, DATE :'as_of') AS frequency,
         strata.monetary(ledger, DATE :'as_of') AS monetary
  FROM ledgers
),
cuts AS (
  SELECT strata.rfm_cuts_agg(recency, frequency, monetary) AS cuts FROM metrics WHERE recency IS NOT NULL
),
segmented AS (
  SELECT strata.rfm_segment(strata.rfm_score(recency, frequency, monetary, cuts)) AS segment,
         recency, frequency, monetary
  FROM metrics CROSS JOIN cuts
  WHERE recency IS NOT NULL
)
SELECT segment,
       count(*) AS users,
       round(count(*) * 1.0 / sum(count(*)) OVER (), 4) AS share,
       sum(monetary) AS revenue,
       round(sum(monetary) / sum(sum(monetary)) OVER (), 4) AS revenue_share,
       round(avg(recency), 2) AS average_recency,
       round(avg(frequency), 2) AS average_frequency,
       round(avg(monetary), 2) AS average_monetary
FROM segmented
GROUP BY segment
ORDER BY users DESC
