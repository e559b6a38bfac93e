-- How the changes of a relation become known: triggers AFTER each statement write its rows to the queue of a source.
--
-- Of each source the triggers strata_insert_…, strata_update_… (both transition tables), strata_delete_… and
-- strata_truncate_…, called by the source's uuid, ENABLE ALWAYS, with the arguments: schema of the registry, name of
-- the source, name and number of the queue, uuid of the source; and 'users' where any change of a row changes what is
-- known of its user, not only one of the columns that the queue has. In the queue, strata_change is 1 for a row that
-- came, -1 for one that went, 0 where all users have to be counted anew, 2 where those in the queue have to be.

-- It writes only into a table of the relation's owner that bears the mark of the source, and runs nobody's code there.
-- So anyone may be granted the right to write to the relation, and needs none on the queue.
CREATE FUNCTION strata_internal.capture() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'strata_capture';
COMMENT ON FUNCTION strata_internal.capture() IS
    'trigger after each statement: writes its rows to the queue of a source';
