SELECT k.*, CASE WHEN EXISTS (SELECT FROM shop.customers AS strata_users WHERE (customer_id) = k.user_id) THEN '-infinity'::date ELSE least(strata_internal.first_difference(NULL, l2.ledger), strata_internal.first_difference(NULL, l3.ledger)) END AS present_from, l2.ledger AS ledger_1, l3.ledger AS ledger_2, strata_row AS f
FROM (SELECT user_id FROM analytics.orders_ledger UNION SELECT user_id FROM analytics.visits_ledger UNION SELECT DISTINCT customer_id AS user_id FROM shop.customers WHERE (customer_id) IS NOT NULL) AS k
     LEFT JOIN (SELECT DISTINCT ON ((customer_id)) (customer_id) AS strata_user, city, points FROM shop.customers AS strata_attributes ORDER BY (customer_id), 2, 3) AS a ON a.strata_user = k.user_id
     LEFT JOIN analytics.orders_ledger AS l2 ON l2.user_id = k.user_id
     LEFT JOIN analytics.visits_ledger AS l3 ON l3.user_id = k.user_id
     CROSS JOIN LATERAL (SELECT a.city, a.points, strata_internal.ledger_minus(l2.ledger, strata.clip(l2.ledger, '2024-02-01'::date, '2024-02-12'::date - 1)) AS orders, strata_internal.ledger_minus(l3.ledger, strata.clip(l3.ledger, '2024-02-01'::date, '2024-02-12'::date - 1)) AS visits) AS strata_row
