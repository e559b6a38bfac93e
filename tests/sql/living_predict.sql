-- Models that predict, as living layers.
SET search_path = public, strata;

-- Fitted by the first refresh, in two passes where predictions are mixed; then only the due are looked at, and
-- the layers are those of a full computation
CREATE TABLE sales AS
SELECT n AS customer, DATE '2023-01-01' + (n * 37 % 200 + k * (5 + n % 61))::int AS day, 5 + n * 13 % 40 + k * 7 % 11 AS amount
FROM generate_series(1, 400) AS n, generate_series(0, n * n % 11) AS k;
SELECT FROM add_source('sales', 'sales', 'customer', 'day', 'amount');
SELECT FROM create_model('churn', preset('churn_risk'), '{"orders": "sales"}');
SELECT FROM create_model('mixed', '{"name": "mixed", "sources": ["orders"], "metrics": {"m": "p_alive(orders) * monetary(orders)"},
  "scores": {"x": {"of": "m", "quantile": 4}}, "layers": [{"name": "top", "when": "x = 4"}], "default": {"name": "rest"}}', '{"orders": "sales"}');
SELECT users, kind FROM refresh('mixed', '2023-12-31');
SELECT users, kind FROM refresh('churn', '2023-12-31');
SELECT users, kind, examined < 100 AS few, examined = due_users AS due_alone FROM refresh('churn', '2024-01-31');
SELECT count(*), count(*) FILTER (WHERE kept.layer = layer_assign(l, v.definition, '2024-01-31')) AS same
FROM members('churn') AS kept
     JOIN (SELECT customer::text AS user_id, ledger_agg(day, amount) AS orders FROM sales GROUP BY 1) AS l USING (user_id),
     strata_versions AS v JOIN strata_models AS m ON m.name = v.model WHERE m.name = 'churn' AND v.version = m.active_version;
SELECT FROM drop_model('churn');
SELECT FROM drop_model('mixed');
SELECT FROM drop_source('sales');
DROP TABLE sales;
