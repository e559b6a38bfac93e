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
