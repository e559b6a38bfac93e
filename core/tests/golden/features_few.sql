SELECT k.*, CASE WHEN EXISTS (SELECT FROM shop.customers AS strata_users WHERE (customer_id) = k.user_id) THEN '-infinity'::date ELSE least(strata_internal.first_difference(NULL, l2.ledger), strata_internal.first_difference(NULL, l3.ledger)) END AS present_from, l2.ledger AS ledger_1, l3.ledger AS ledger_2, strata_row AS f
FROM (SELECT user_id FROM some) AS k
     LEFT JOIN LATERAL (SELECT city, points FROM shop.customers AS strata_attributes
                        WHERE strata_attributes.customer_id = k.user_id OFFSET 0) AS a ON true
     LEFT JOIN LATERAL (SELECT ledger FROM analytics.orders_ledger AS l WHERE l.user_id = k.user_id OFFSET 0) AS l2 ON true
     LEFT JOIN LATERAL (SELECT ledger FROM analytics.visits_ledger AS l WHERE l.user_id = k.user_id OFFSET 0) AS l3 ON true
     CROSS JOIN LATERAL (SELECT a.city, a.points, l2.ledger AS orders, l3.ledger AS visits) AS strata_row
