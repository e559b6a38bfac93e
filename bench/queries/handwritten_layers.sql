-- The layers of the preset rfm_eleven with given cuts, as somebody would write them who has the rules and no extension: one GROUP BY
-- and a CASE, credits counted as the preset counts them, so that the answers are equal. :r_cut_1 to :m_cut_4 are the cuts.
-- Runs unchanged in PostgreSQL (in time zone UTC) and in DuckDB.
WITH customers AS (
  SELECT customer_id,
         DATE :'as_of' - max(ordered_at) FILTER (WHERE amount >= 0)::date AS recency,
         count(*) FILTER (WHERE amount >= 0 AND ordered_at >= DATE :'as_of' - 364) AS frequency,
         sum(amount) FILTER (WHERE ordered_at >= DATE :'as_of' - 364) AS monetary
  FROM orders
  WHERE ordered_at < DATE :'as_of' + 1
  GROUP BY customer_id
),
scored AS (
  SELECT customer_id, recency, frequency, monetary,
         CASE WHEN frequency = 0 THEN NULL WHEN recency <= :r_cut_4 THEN 5 WHEN recency <= :r_cut_3 THEN 4
              WHEN recency <= :r_cut_2 THEN 3 WHEN recency <= :r_cut_1 THEN 2 ELSE 1 END AS r,
         CASE WHEN frequency = 0 THEN NULL WHEN frequency >= :f_cut_4 THEN 5 WHEN frequency >= :f_cut_3 THEN 4
              WHEN frequency >= :f_cut_2 THEN 3 WHEN frequency >= :f_cut_1 THEN 2 ELSE 1 END AS f,
         CASE WHEN frequency = 0 THEN NULL WHEN monetary >= :m_cut_4 THEN 5 WHEN monetary >= :m_cut_3 THEN 4
              WHEN monetary >= :m_cut_2 THEN 3 WHEN monetary >= :m_cut_1 THEN 2 ELSE 1 END AS m
  FROM customers
)
SELECT customer_id, r, f, m,
       CASE
         WHEN recency IS NULL THEN 'prospect'
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
       END AS layer
FROM scored
