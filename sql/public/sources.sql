-- Sources of events: adding, following, checking and dropping them. What a source is stands in strata_sources of its
-- owner's schema.

CREATE FUNCTION strata.add_source(
    name text,
    relation regclass,
    user_column text,
    time_column text,
    amount_expression text DEFAULT NULL,
    where_clause text DEFAULT NULL,
    time_zone text DEFAULT NULL,
    capture text DEFAULT 'auto',
    "column" name DEFAULT NULL,
    margin text DEFAULT NULL,
    user_map regclass DEFAULT NULL,
    schema name DEFAULT NULL,
    map_alias text DEFAULT 'alias',
    map_user text DEFAULT 'user_id',
    compare_every interval DEFAULT NULL,
    keep_before date DEFAULT NULL
) RETURNS TABLE (
    source text, ledgers regclass, captured_by text, because text,
    users bigint, events bigint, guests bigint, rejected bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'living_add_source';
COMMENT ON FUNCTION strata.add_source(
    text, regclass, text, text, text, text, text, text, name, text, regclass, name, text, text, interval, date
) IS 'Follows a relation''s changes and keeps a ledger for each user. Everything but names are expressions for one row';

CREATE FUNCTION strata.sync(source text) RETURNS bigint LANGUAGE c AS 'MODULE_PATHNAME', 'living_sync';
COMMENT ON FUNCTION strata.sync(text) IS
    'Brings a source up to date with its relation; the number of users whose ledgers changed';

CREATE FUNCTION strata.rebuild(source text) RETURNS bigint LANGUAGE c AS 'MODULE_PATHNAME', 'living_rebuild';
COMMENT ON FUNCTION strata.rebuild(text) IS
    'Puts a source''s triggers in place and counts all rows anew; the number of users whose ledgers changed';

CREATE FUNCTION strata.verify(source text)
RETURNS TABLE (user_id text, first_day date, kept strata.ledger, counted strata.ledger)
LANGUAGE c AS 'MODULE_PATHNAME', 'living_verify';
COMMENT ON FUNCTION strata.verify(text) IS
    'Every user whose ledger is not what the relation''s rows say, and from which day on; none where all is well';

CREATE FUNCTION strata.drop_source(source text) RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'living_drop_source';
COMMENT ON FUNCTION strata.drop_source(text) IS
    'Drops a source with the tables and triggers that it made; refused while a model reads it';
