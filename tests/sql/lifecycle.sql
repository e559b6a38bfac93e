-- lifecycle_stage(orders, visits, registered, as_of [, options]): where a user stands in the customer lifecycle.
SET search_path = public, strata;

-- As of 2024-07-01 (so 2024-06-01 is 30 days before, 2024-04-02 is 90, 2023-07-03 begins the window of 365 days).
CREATE TABLE users (name text, why text, orders ledger, visits ledger, registered date);
INSERT INTO users VALUES
    ('ann', 'neither registered nor bought', NULL, NULL, NULL),
    ('bob', 'visits do not lift a prospect', NULL, '{"2024-06-30": [9, 0]}', NULL),
    ('cem', 'registers tomorrow', NULL, NULL, '2024-07-02'),
    ('dee', 'joined 30 days ago', NULL, NULL, '2024-06-01'),
    ('eva', 'joined long ago, visited lately', NULL, '{"2024-06-30": [1, 0]}', '2020-01-01'),
    ('fay', 'bought lately', '{"2024-06-30": [1, 10]}', NULL, NULL),
    ('gus', 'five orders in 365 days', '{"2023-07-03": [3, 10], "2024-06-01": [2, 9]}', NULL, NULL),
    ('hal', 'five orders, one of them 366 days ago', '{"2023-07-02": [1, 9], "2023-07-03": [2, 10], "2024-06-01": [2, 9]}', NULL, NULL),
    ('ida', 'silent for 31 days', '{"2024-05-31": [9, 10]}', NULL, '2020-01-01'),
    ('jon', 'silent for 90 days', '{"2024-04-02": [1, 10]}', NULL, NULL),
    ('kim', 'silent for 91 days', '{"2024-04-01": [1, 10]}', NULL, NULL),
    ('lee', 'a credit is no activity', '{"2024-04-01": [1, 10], "2024-06-30": [0, 0, 10]}', NULL, NULL),
    ('mia', 'visits keep awake', '{"2024-04-01": [1, 10]}', '{"2024-06-30": [1, 0]}', NULL),
    ('ned', 'the last order is two years old', '{"2022-07-01": [1, 10]}', '{"2024-06-30": [1, 0]}', NULL),
    ('oli', 'tomorrow does not exist', '{"2024-07-02": [1, 10]}', '{"2024-07-02": [1, 0]}', NULL);
SELECT name, lifecycle_stage(orders, visits, registered, '2024-07-01'), why FROM users ORDER BY name;
SELECT name, lifecycle_stage(orders, visits, registered, '2024-07-01', '{"lang": "zh"}') FROM users ORDER BY name;

-- Every threshold is an option.
SELECT name, lifecycle_stage(orders, visits, registered, '2024-07-01', '{"new_days": 29}') AS not_new,
       lifecycle_stage(orders, visits, registered, '2024-07-01', '{"dormant_days": 29, "churned_days": 60}') AS sooner,
       lifecycle_stage(orders, visits, registered, '2024-07-01', '{"loyal_orders": 1}') AS one_is_loyal,
       lifecycle_stage(orders, visits, registered, '2024-07-01', '{"loyal_window_days": 366}') AS longer,
       lifecycle_stage(orders, visits, registered, '2024-07-01', '{"paying_window_days": 31}') AS shorter
FROM users ORDER BY name;

-- One user through the years.
SELECT as_of, lifecycle_stage('{"2024-01-10": [1, 9], "2024-02-01": [2, 9], "2024-02-20": [3, 9]}', NULL, '2024-01-01', as_of)
FROM (VALUES (DATE '2023-12-31'), ('2024-01-01'), ('2024-01-10'), ('2024-02-01'), ('2024-02-20'), ('2024-03-21'),
             ('2024-03-22'), ('2024-05-20'), ('2024-05-21')) AS days (as_of);

DROP TABLE users;
