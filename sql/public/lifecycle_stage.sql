-- Where a user stands in the customer lifecycle.

CREATE FUNCTION strata.lifecycle_stage(
    orders strata.ledger,
    visits strata.ledger,
    registered date,
    as_of date,
    options jsonb DEFAULT '{}'
) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'lifecycle_stage_wrapper';
COMMENT ON FUNCTION strata.lifecycle_stage(strata.ledger, strata.ledger, date, date, jsonb) IS
    'stage of a user in the customer lifecycle: prospect, new, active, paying, loyal, dormant or churned';
