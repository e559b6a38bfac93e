-- The summary of the hand-written RFM: one row per segment. :handwritten_rfm is queries/handwritten_rfm.sql.
WITH segmented AS (
  :handwritten_rfm
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
