-- Refreshing models by the clock, through pg_cron where it is installed in this database.

CREATE FUNCTION strata.schedule(model text, cron text) RETURNS text
    LANGUAGE c AS 'MODULE_PATHNAME', 'living_schedule';
COMMENT ON FUNCTION strata.schedule(text, text) IS
    'refreshes a model by the clock of pg_cron, which goes by GMT; what day it is then, the time zone of '
    'the model says';

CREATE FUNCTION strata.unschedule(model text) RETURNS text
    LANGUAGE c AS 'MODULE_PATHNAME', 'living_unschedule';
COMMENT ON FUNCTION strata.unschedule(text) IS 'ends the schedule of a model';
