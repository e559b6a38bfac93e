-- What the type last_events and its aggregates stand on. The state is the type itself: parallel workers and sharded
-- servers can ship it.

CREATE TYPE strata.last_events;
CREATE FUNCTION strata_internal.last_events_in(cstring) RETURNS strata.last_events
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_in_wrapper';
COMMENT ON FUNCTION strata_internal.last_events_in(cstring) IS 'I/O';
CREATE FUNCTION strata_internal.last_events_out(strata.last_events) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_out_wrapper';
COMMENT ON FUNCTION strata_internal.last_events_out(strata.last_events) IS 'I/O';
CREATE FUNCTION strata_internal.last_events_recv(internal) RETURNS strata.last_events
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_recv_wrapper';
COMMENT ON FUNCTION strata_internal.last_events_recv(internal) IS 'I/O';
CREATE FUNCTION strata_internal.last_events_send(strata.last_events) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_send_wrapper';
COMMENT ON FUNCTION strata_internal.last_events_send(strata.last_events) IS 'I/O';

CREATE FUNCTION strata_internal.last_events_transition(
    strata.last_events,
    timestamp,
    text,
    integer
) RETURNS strata.last_events IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_transition';
COMMENT ON FUNCTION strata_internal.last_events_transition(strata.last_events, timestamp, text, integer) IS
    'transition function of last_events_agg';
CREATE FUNCTION strata_internal.last_events_merge(strata.last_events, strata.last_events) RETURNS strata.last_events
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'last_events_merge';
COMMENT ON FUNCTION strata_internal.last_events_merge(strata.last_events, strata.last_events) IS
    'combine function of last_events_agg and rollup';
CREATE FUNCTION strata_internal.event_kinds(events strata.last_events) RETURNS text[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'event_kinds_wrapper';
COMMENT ON FUNCTION strata_internal.event_kinds(strata.last_events) IS 'kinds of the last events, in their order';
