-- Labels and messages are UTF-8, and so is what the library takes for text.
DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() NOT IN ('UTF8', 'SQL_ASCII') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = pg_catalog.format('pg_strata needs a database in UTF8, this one is in %s', pg_catalog.getdatabaseencoding()),
            HINT = 'Create one with CREATE DATABASE name ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END
$$;

-- The extension's own types, before everything that names them.

CREATE TYPE ledger;
CREATE FUNCTION ledger_in(cstring) RETURNS ledger IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_in_wrapper';
CREATE FUNCTION ledger_out(ledger) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_out_wrapper';
CREATE FUNCTION ledger_recv(internal) RETURNS ledger IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_recv_wrapper';
CREATE FUNCTION ledger_send(ledger) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'ledger_send_wrapper';
CREATE TYPE ledger (
    INPUT = ledger_in,
    OUTPUT = ledger_out,
    RECEIVE = ledger_recv,
    SEND = ledger_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);

CREATE TYPE cuts;
CREATE FUNCTION cuts_in(cstring) RETURNS cuts IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_in_wrapper';
CREATE FUNCTION cuts_out(cuts) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_out_wrapper';
CREATE FUNCTION cuts_recv(internal) RETURNS cuts IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_recv_wrapper';
CREATE FUNCTION cuts_send(cuts) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'cuts_send_wrapper';
CREATE TYPE cuts (
    INPUT = cuts_in,
    OUTPUT = cuts_out,
    RECEIVE = cuts_recv,
    SEND = cuts_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);

CREATE TYPE rfm_cuts;
CREATE FUNCTION rfm_cuts_in(cstring) RETURNS rfm_cuts IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_in_wrapper';
CREATE FUNCTION rfm_cuts_out(rfm_cuts) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_out_wrapper';
CREATE FUNCTION rfm_cuts_recv(internal) RETURNS rfm_cuts IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_recv_wrapper';
CREATE FUNCTION rfm_cuts_send(rfm_cuts) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_cuts_send_wrapper';
CREATE TYPE rfm_cuts (
    INPUT = rfm_cuts_in,
    OUTPUT = rfm_cuts_out,
    RECEIVE = rfm_cuts_recv,
    SEND = rfm_cuts_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);

CREATE TYPE model;
CREATE FUNCTION model_in(cstring) RETURNS model IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_in_wrapper';
CREATE FUNCTION model_out(model) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_out_wrapper';
CREATE FUNCTION model_recv(internal) RETURNS model IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_recv_wrapper';
CREATE FUNCTION model_send(model) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'model_send_wrapper';
CREATE TYPE model (
    INPUT = model_in,
    OUTPUT = model_out,
    RECEIVE = model_recv,
    SEND = model_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);

CREATE TYPE last_events;
CREATE FUNCTION last_events_in(cstring) RETURNS last_events IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_in_wrapper';
CREATE FUNCTION last_events_out(last_events) RETURNS cstring IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_out_wrapper';
CREATE FUNCTION last_events_recv(internal) RETURNS last_events IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_recv_wrapper';
CREATE FUNCTION last_events_send(last_events) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_send_wrapper';
CREATE TYPE last_events (
    INPUT = last_events_in,
    OUTPUT = last_events_out,
    RECEIVE = last_events_recv,
    SEND = last_events_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);

CREATE TYPE rfm_scores AS (r smallint, f smallint, m smallint);
