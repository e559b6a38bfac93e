-- The ledgers of all users of a query. STABLE: the caller's snapshot, and nothing but reading.
--
-- With the user as the type of user_type, whose value is not looked at: user_type => NULL::bigint. One function for
-- each type, not a polymorphic one: PostgreSQL mistakes the row type of those when arguments are named in another
-- order.

CREATE FUNCTION strata.ledgers(query text, time_zone text DEFAULT NULL, user_type text DEFAULT NULL)
RETURNS TABLE (user_id text, ledger strata.ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
COMMENT ON FUNCTION strata.ledgers(text, text, text) IS 'ledger of every user, from a query of events';
CREATE FUNCTION strata.ledgers(query text, user_type bigint, time_zone text DEFAULT NULL)
RETURNS TABLE (user_id bigint, ledger strata.ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
COMMENT ON FUNCTION strata.ledgers(text, bigint, text) IS
    'ledger of every user, from a query of events; the user as bigint';
CREATE FUNCTION strata.ledgers(query text, user_type integer, time_zone text DEFAULT NULL)
RETURNS TABLE (user_id integer, ledger strata.ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
COMMENT ON FUNCTION strata.ledgers(text, integer, text) IS
    'ledger of every user, from a query of events; the user as integer';
CREATE FUNCTION strata.ledgers(query text, user_type uuid, time_zone text DEFAULT NULL)
RETURNS TABLE (user_id uuid, ledger strata.ledger)
STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'ledgers';
COMMENT ON FUNCTION strata.ledgers(text, uuid, text) IS
    'ledger of every user, from a query of events; the user as uuid';
