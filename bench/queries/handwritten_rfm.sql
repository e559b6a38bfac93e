-- RFM as analysts write it by hand: one GROUP BY, three ntile(5), a CASE over the 125 cells.
-- Runs unchanged in PostgreSQL (psql -v as_of=2025-12-31) and in DuckDB.
WITH customers AS (
  SELECT customer_id,
         DATE :'as_of' - max(ordered_at)::date AS recency,
         count(*) AS frequency,
         sum(amount) AS monetary
  FROM orders
  WHERE ordered_at < DATE :'as_of' + 1
  GROUP BY customer_id
),
scored AS (
  SELECT customer_id, recency, frequency, monetary,
         ntile(5) OVER (ORDER BY recency DESC) AS r,
         ntile(5) OVER (ORDER BY frequency) AS f,
         ntile(5) OVER (ORDER BY monetary) AS m
  FROM customers
)
SELECT customer_id, recency, frequency, monetary, r, f, m,
       CASE
         WHEN r * 100 + f * 10 + m IN (555, 554, 544, 545, 454, 455, 445) THEN 'champions'
         WHEN r * 100 + f * 10 + m IN (543, 444, 435, 355, 354, 345, 344, 335) THEN 'loyal'
         WHEN r * 100 + f * 10 + m IN (553, 551, 552, 541, 542, 533, 532, 531, 452, 451, 442, 441, 431, 453, 433, 432,
                                       423, 353, 352, 351, 342, 341, 333, 323) THEN 'potential_loyalist'
         WHEN r * 100 + f * 10 + m IN (512, 511, 422, 421, 412, 411, 311) THEN 'new'
         WHEN r * 100 + f * 10 + m IN (525, 524, 523, 522, 521, 515, 514, 513, 425, 424, 413, 414, 415, 315, 314,
                                       313) THEN 'promising'
         WHEN r * 100 + f * 10 + m IN (535, 534, 443, 434, 343, 334, 325, 324) THEN 'need_attention'
         WHEN r * 100 + f * 10 + m IN (331, 321, 312, 221, 213, 231, 241, 251) THEN 'about_to_sleep'
         WHEN r * 100 + f * 10 + m IN (255, 254, 245, 244, 253, 252, 243, 242, 235, 234, 225, 224, 153, 152, 145, 143,
                                       142, 135, 134, 133, 125, 124) THEN 'at_risk'
         WHEN r * 100 + f * 10 + m IN (155, 154, 144, 214, 215, 115, 114, 113) THEN 'cannot_lose'
         WHEN r * 100 + f * 10 + m IN (332, 322, 233, 232, 223, 222, 132, 123, 122, 212, 211) THEN 'hibernating'
         ELSE 'lost'
       END AS segment
FROM scored
