/* sql/bcdelta--0.1.0--0.2.0.sql: what ALTER EXTENSION bcdelta UPDATE does to 0.1.0 */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION bcdelta UPDATE" to load this file. \quit

-- Rewrites the table of links once, together with its indexes.
ALTER TABLE bcdelta.link ADD address text COLLATE "C", ADD doubt jsonb, ADD sent jsonb, ADD found jsonb;
-- a batch of links, which share pages, is updated without new index entries
ALTER TABLE bcdelta.link SET (fillfactor = 50);
-- entries that wait to be put into the index would be read by each search
ALTER INDEX bcdelta.link_unique_keys SET (fastupdate = off);
ALTER INDEX bcdelta.link_unique_keys RESET (gin_pending_list_limit);
ALTER INDEX bcdelta.link_refers_to SET (fastupdate = off);
ALTER INDEX bcdelta.link_refers_to RESET (gin_pending_list_limit);
ALTER TABLE bcdelta.link
	ALTER address TYPE text COLLATE "C" USING store_id::text,
	ALTER address SET NOT NULL,
	ALTER store_id DROP NOT NULL,
	DROP CONSTRAINT link_store_id_feed_key,
	ADD UNIQUE (address, feed);
COMMENT ON COLUMN bcdelta.link.store_id IS 'the id of the BigCommerce record; null: the record has no id';
COMMENT ON COLUMN bcdelta.link.address IS
'identifies the BigCommerce record within its resource: its id as text, or the values of its key';
COMMENT ON COLUMN bcdelta.link.doubt IS
'an adjustment that may have been carried out or not, because its outcome is not known: the values of the row from which and to which it led, and the level that the store had before; see bcdelta.settle()';
COMMENT ON COLUMN bcdelta.link.sent IS
'the fields that updates without a known outcome may have written since the payload was known, so that they are not taken for edits in the store; null: payload is complete';
COMMENT ON COLUMN bcdelta.link.found IS
'what the row had in the fields in which the record differed when link() found it, while the payload has the values of the record: until the row is pushed, so that it is known which side has changed them since';
CREATE FUNCTION bcdelta.settle(feed text, key text, done boolean) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_settle';
COMMENT ON FUNCTION bcdelta.settle(text, text, boolean) IS
'says whether the store has carried out the adjustment of a row, or with a null key of all rows of the feed, whose outcome is not known (bcdelta.link.doubt); returns their number; one that was not done is sent again';

ALTER TABLE bcdelta.feed ADD merged text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN bcdelta.feed.merged IS
'parts of records, such as stock, that are sent together with the record because the store denied access to their own endpoint; reset by resume()';

COMMENT ON COLUMN bcdelta.change.op IS
'c: the row with this key, or a child row of it, changed; h: it was marked; m: its key was moved_from; l: a child row changed, and a lookup finds the rows to mark; t: the table, or a child table, was truncated; a: any row may have changed; n: a row without a key changed';
ALTER TABLE bcdelta.pending ADD intent jsonb;
ALTER TABLE bcdelta.pending ADD last_changed_at timestamptz, ADD not_before timestamptz;
COMMENT ON COLUMN bcdelta.pending.last_changed_at IS
'time of the latest captured change, for policy newest; null: not needed, or the row was marked for another reason since';
COMMENT ON COLUMN bcdelta.pending.not_before IS
'a request for the row was given up after the time limit of its server, but the store may still carry it out: until this time, the row is not tried again, even if it changes';
UPDATE bcdelta.pending SET intent = pg_catalog.jsonb_build_object('', sought) WHERE sought IS NOT NULL;
DROP INDEX bcdelta.pending_sought;
ALTER TABLE bcdelta.pending DROP sought;
ALTER TABLE bcdelta.pending DROP CONSTRAINT pending_trouble_check;
CREATE INDEX pending_intent ON bcdelta.pending (feed, key) WHERE intent ? '';
COMMENT ON COLUMN bcdelta.pending.intent IS
'for each part of the record, what a request without a known outcome may have done; fields: the fields that it may have updated, long values as null; '''': the natural key under which it may have created the record';

CREATE FUNCTION bcdelta.is_outcome(word text) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'bcdelta_is_outcome';
COMMENT ON FUNCTION bcdelta.is_outcome(text) IS
'whether bcdelta.result may have this outcome; for internal use';

ALTER TABLE bcdelta.result ADD address text, ADD parts jsonb, ADD captured_at timestamptz, ADD request jsonb,
	DROP CONSTRAINT result_outcome_check,
	ADD CONSTRAINT result_outcome_check CHECK (bcdelta.is_outcome(outcome));
COMMENT ON COLUMN bcdelta.result.address IS 'identifies the record, as in bcdelta.link';
COMMENT ON COLUMN bcdelta.result.parts IS
'the outcome for each part of the record that had a request of its own, as a JSON array of objects; null: one request';
COMMENT ON COLUMN bcdelta.result.captured_at IS
'when the oldest change was captured that the attempt was for; null: it was for no change, or 0.1.0 made it';
COMMENT ON COLUMN bcdelta.result.request IS
'of a failed row, the last request: method, path, and what was sent of this row as body, unless that is longer than 64 kB; null: no request, or another outcome';
CREATE INDEX result_refused ON bcdelta.result (run_id) WHERE outcome IN ('failed', 'invalid');

ALTER TABLE bcdelta.discrepancy ADD address text, ADD facet text, ADD pushed_value text;
COMMENT ON COLUMN bcdelta.discrepancy.address IS 'identifies the record, as in bcdelta.link';
COMMENT ON COLUMN bcdelta.discrepancy.facet IS 'the part of the record that the field belongs to; null: the record itself';
COMMENT ON COLUMN bcdelta.discrepancy.pushed_value IS
'the last known value of the field in the store, as in bcdelta.link.payload; null: not known';

COMMENT ON FUNCTION bcdelta.link(text) IS
'matches source rows with existing records of the store by their natural key, such as the SKU; writes nothing to the store; rows without a match are listed in bcdelta.discrepancy';

CREATE TABLE bcdelta.directory (
	server name NOT NULL,
	store text COLLATE "C" NOT NULL,
	resource text COLLATE "C" NOT NULL,
	name text NOT NULL,
	store_id bigint NOT NULL CHECK (store_id >= 0),
	read_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (server, store, resource, store_id)
);
CREATE INDEX directory_name ON bcdelta.directory USING hash (name);
CREATE INDEX directory_alike ON bcdelta.directory USING hash (lower(btrim(name)));
COMMENT ON TABLE bcdelta.directory IS
'what named() finds: the names in the lists of stores, such as locations and customer groups; a run reads the lists that its rows need';
COMMENT ON COLUMN bcdelta.directory.server IS 'the foreign server whose run read the list';
COMMENT ON COLUMN bcdelta.directory.store IS 'the store that the server led to, as in bcdelta.feed.store';
COMMENT ON COLUMN bcdelta.directory.resource IS 'the first argument of named()';
COMMENT ON COLUMN bcdelta.directory.name IS 'the name of the record; of a location, its code';
COMMENT ON COLUMN bcdelta.directory.store_id IS 'what named() returns';
COMMENT ON COLUMN bcdelta.directory.read_at IS 'when the list was read';

CREATE TABLE bcdelta.learned (
	store text COLLATE "C" NOT NULL,
	resource text COLLATE "C" NOT NULL,
	collection text COLLATE "C" NOT NULL,
	keeps boolean NOT NULL,
	learned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (store, resource, collection)
);
COMMENT ON TABLE bcdelta.learned IS
'what the first push with enough changes has found out about a store: whether an update of a record keeps elements of a collection, such as custom_fields, that it does not have';
COMMENT ON COLUMN bcdelta.learned.store IS 'the store, as in bcdelta.feed.store';
COMMENT ON COLUMN bcdelta.learned.keeps IS 'true: changed and new elements of several records share a request; false: each takes one';
COMMENT ON COLUMN bcdelta.learned.learned_at IS 'when it was found out; if the row is deleted, the store is asked again';

CREATE FUNCTION bcdelta.named(resource text, name text) RETURNS bigint
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'bcdelta_named';
COMMENT ON FUNCTION bcdelta.named(text, text) IS
'the BigCommerce id of a record that the store knows by this name, such as a location by its code or a customer group by its name, for mapping expressions; null if the name is null; a row with a name that the store does not have is invalid';
COMMENT ON COLUMN bcdelta.pending.waits_feed IS
'feed of the row that this row waits for, because it refers to that row or takes its turn after it; of a failed row also the list of names that lacks the one in waits_key';

CREATE TABLE bcdelta.journal (
	journal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	server name,
	feed text,
	key text,
	what text NOT NULL,
	by_role text,
	app text,
	reason text,
	detail jsonb
);
CREATE INDEX journal_feed_key ON bcdelta.journal (feed, key, journal_id);
COMMENT ON TABLE bcdelta.journal IS
'what was decided, by whom, when and why; append-only, kept for good; notes are added with note()';
COMMENT ON COLUMN bcdelta.journal.server IS 'the store that the decision is about; null: none in particular';
COMMENT ON COLUMN bcdelta.journal.feed IS 'the feed, which may have been dropped since; null: none in particular';
COMMENT ON COLUMN bcdelta.journal.key IS 'the row, by the key that it had then; null: none in particular';
COMMENT ON COLUMN bcdelta.journal.what IS
'the function that was called, such as pause, alter_feed or note; of the worker''s own decisions, what it did';
COMMENT ON COLUMN bcdelta.journal.by_role IS
'the name of the role that had logged in; it may have been dropped since; null: the worker decided by itself';
COMMENT ON COLUMN bcdelta.journal.app IS 'application_name of the session; null: none, or the worker carried the decision out';
COMMENT ON COLUMN bcdelta.journal.reason IS 'why, in the words of the person or of the worker; the text of a note';
COMMENT ON COLUMN bcdelta.journal.detail IS 'what exactly: for alter_feed, the old and new values of what changed';
SELECT pg_catalog.pg_extension_config_dump('bcdelta.journal', '');
SELECT pg_catalog.pg_extension_config_dump(
	pg_catalog.pg_get_serial_sequence('bcdelta.journal', 'journal_id')::pg_catalog.regclass, '');
CREATE FUNCTION bcdelta.note(note text, feed text DEFAULT NULL, key text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_note';
COMMENT ON FUNCTION bcdelta.note(text, text, text) IS
'writes a note into bcdelta.journal, on a feed, on one of its rows, or on neither; returns the number of the entry';

DROP FUNCTION bcdelta.pause(text);
CREATE FUNCTION bcdelta.pause(feed text, reason text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_pause';
COMMENT ON FUNCTION bcdelta.pause(text, text) IS
'stops pushing a feed; changes are still captured; the reason is shown in bcdelta.status and kept in bcdelta.journal';

ALTER TABLE bcdelta.run ADD keys text[], ADD condition text, ADD rollback jsonb, ADD paused_until timestamptz;
COMMENT ON COLUMN bcdelta.run.paused_until IS
'of a requested run: when it may start, or go on, because it is outside the hours of its schedule; null: at once';
COMMENT ON COLUMN bcdelta.run.mode IS
'mode of a verify: count, sample, full, changed, keys or where; adjusted: reads the values of new adjustments; of a push, immediate: of a feed whose changes are pushed when they are committed';
COMMENT ON COLUMN bcdelta.run.rollback IS 'what a rollback undoes, and how: its arguments; preview: it only looks';
COMMENT ON TABLE bcdelta.run IS 'one row per push, link, verify or rollback, with its totals';
COMMENT ON COLUMN bcdelta.run.keys IS 'keys of the rows that a verify compares; null: it has another mode';
COMMENT ON COLUMN bcdelta.run.condition IS 'condition on the rows that a verify compares; null: it has another mode';
ALTER TABLE bcdelta.discrepancy ADD natural_key text, ADD row_state text, ADD store_modified timestamptz, ADD decided text;
COMMENT ON COLUMN bcdelta.discrepancy.natural_key IS 'what people know the record by, such as its SKU or name; null: not known';
COMMENT ON COLUMN bcdelta.discrepancy.row_state IS
'state of the row in bcdelta.pending when the difference was found: failed, or review; null: nothing was left to push';
COMMENT ON COLUMN bcdelta.discrepancy.store_modified IS 'when the record was last changed, as the store says; null: not known';
COMMENT ON COLUMN bcdelta.discrepancy.decided IS
'why the difference is meant, if a person, or a policy, has decided that the store keeps its value: see bcdelta.conflict; such a difference is counted nowhere, and repair() leaves it; null: nobody has';

-- Rights that were granted on it have to be granted again.
DROP FUNCTION bcdelta.verify(text, name, text, integer);
CREATE FUNCTION bcdelta.verify(feed text DEFAULT NULL, server name DEFAULT NULL,
	mode text DEFAULT 'full', sample integer DEFAULT 100, keys text[] DEFAULT NULL, condition text DEFAULT NULL)
RETURNS bcdelta.run LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_verify';
COMMENT ON FUNCTION bcdelta.verify(text, name, text, integer, text[], text) IS
'compares source and store: count, a sample of rows, full (every row, field by field), changed (what may have changed since the last full or changed verify), the rows with these keys, or where (the rows that satisfy an SQL condition, which is read as the owner of the feed); differences are listed in bcdelta.discrepancy';
CREATE FUNCTION bcdelta.repair(run_id bigint) RETURNS bigint
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'bcdelta_repair';
COMMENT ON FUNCTION bcdelta.repair(bigint) IS
'marks the rows in which a verify found differences, so that the next push corrects the store; returns their number';

CREATE TABLE bcdelta.undo (
	undo_id bigint GENERATED ALWAYS AS IDENTITY,
	run_id bigint NOT NULL,
	feed text NOT NULL,
	feed_id integer NOT NULL,
	key text NOT NULL,
	store_id bigint,
	address text COLLATE "C",
	action text NOT NULL CHECK (action IN ('created', 'updated', 'hidden', 'deleted')),
	before jsonb,
	after jsonb,
	written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	undone_by bigint,
	PRIMARY KEY (run_id, undo_id)
) WITH (fillfactor = 90);
CREATE INDEX undo_record ON bcdelta.undo (address, feed) WHERE address IS NOT NULL;
CREATE INDEX undo_lost ON bcdelta.undo (feed, key) WHERE address IS NULL;
CREATE INDEX undo_created ON bcdelta.undo (feed, key) WHERE action = 'created' AND store_id IS NOT NULL;
CREATE INDEX undo_deleted ON bcdelta.undo (feed, key) WHERE action = 'deleted';
CREATE INDEX undo_undone ON bcdelta.undo (undone_by) WHERE undone_by IS NOT NULL;
CREATE INDEX undo_written_at ON bcdelta.undo USING brin (written_at) WITH (pages_per_range = 16);
COMMENT ON TABLE bcdelta.undo IS
'what records held before they were written, committed before each request, so that rollback() can undo it; kept for bcdelta.undo_retention';
COMMENT ON COLUMN bcdelta.undo.feed_id IS 'the feed, which may have been dropped and made again under its name since; 0: its links were forgotten since';
COMMENT ON COLUMN bcdelta.undo.key IS 'the key that the row had then';
COMMENT ON COLUMN bcdelta.undo.store_id IS 'the id of the record; null: it has none, or it is not known whether one was created';
COMMENT ON COLUMN bcdelta.undo.address IS 'identifies the record, as in bcdelta.link; null: it is not known whether one was created';
COMMENT ON COLUMN bcdelta.undo.action IS
'what the request does to the record; hidden: because its row is gone. Whether the store has done it is not recorded here: a rollback reads the record';
COMMENT ON COLUMN bcdelta.undo.before IS
'the fields that the request writes, as the record had them; fields that are not known are missing; of a deleted record, all that is known of it';
COMMENT ON COLUMN bcdelta.undo.after IS
'the fields that the request writes, without values that the store never shows; a number, "digest", stands for a text of more than 500 bytes; null: the record is deleted';
COMMENT ON COLUMN bcdelta.undo.written_at IS 'when it was decided, up to some minutes before the request; of a record that was created, when that was known';
COMMENT ON COLUMN bcdelta.undo.undone_by IS 'the rollback that has undone it; null: none, or that was undone itself';

CREATE TABLE bcdelta.rollback_field (
	run_id bigint NOT NULL,
	feed text,
	key text,
	store_id bigint,
	address text COLLATE "C",
	field text,
	now jsonb,
	becomes jsonb,
	verdict text NOT NULL CHECK (verdict IN ('undone', 'same', 'edited', 'forced', 'impossible', 'total')),
	reason text
);
ALTER TABLE bcdelta.rollback_field REPLICA IDENTITY FULL;
CREATE INDEX rollback_field_run_id ON bcdelta.rollback_field (run_id, feed, key);
COMMENT ON TABLE bcdelta.rollback_field IS
'what a rollback, or its preview, has found and decided for each field that was written; kept as long as results';
COMMENT ON COLUMN bcdelta.rollback_field.run_id IS 'the rollback';
COMMENT ON COLUMN bcdelta.rollback_field.feed IS 'null: what concerns the rollback as a whole';
COMMENT ON COLUMN bcdelta.rollback_field.field IS 'the API field; null: the record as a whole';
COMMENT ON COLUMN bcdelta.rollback_field.now IS 'what the store held when the rollback read it; null: nothing, or it was not read';
COMMENT ON COLUMN bcdelta.rollback_field.becomes IS 'what it is set to';
COMMENT ON COLUMN bcdelta.rollback_field.verdict IS
'undone: set back; same: nothing to do; edited: changed by somebody else since, and kept; forced: changed by somebody else since, and overwritten; impossible: see the reason; total: of a preview, what the rollback takes, with the numbers of calls and seconds in becomes';

CREATE TABLE bcdelta.adjustment (
	adjustment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	feed text NOT NULL,
	key text NOT NULL,
	field text NOT NULL,
	value jsonb,
	source_value jsonb,
	until text NOT NULL CHECK (until IN ('always', 'source changes', 'time')),
	ends_at timestamptz CHECK ((ends_at IS NOT NULL) = (until = 'time')),
	reason text NOT NULL,
	by_role text NOT NULL,
	made_at timestamptz NOT NULL DEFAULT now(),
	state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'broken', 'ended')),
	asked boolean NOT NULL DEFAULT false,
	by_run bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX adjustment_field ON bcdelta.adjustment (feed, key, field, by_run) WHERE state <> 'ended';
CREATE INDEX adjustment_key ON bcdelta.adjustment (feed, key);
CREATE INDEX adjustment_unread ON bcdelta.adjustment (adjustment_id) WHERE state <> 'ended' AND value IS NULL AND NOT asked;
CREATE INDEX adjustment_ends_at ON bcdelta.adjustment (ends_at) WHERE state <> 'ended' AND ends_at IS NOT NULL;
COMMENT ON TABLE bcdelta.adjustment IS
'values of the store that are meant: no run overwrites them, and verify reports when the store has another one; written by adjust(), and by rollback() with after => ''hold''';
COMMENT ON COLUMN bcdelta.adjustment.value IS
'the value that the store is to keep, as in its record; null: it has not been read yet';
COMMENT ON COLUMN bcdelta.adjustment.source_value IS
'the value that the mapping gave when the adjustment was made; null: none';
COMMENT ON COLUMN bcdelta.adjustment.until IS
'always: until unadjust(); source changes: until the source has another value than source_value; time: until ends_at';
COMMENT ON COLUMN bcdelta.adjustment.ends_at IS 'when the adjustment ends by itself; null: at no particular time';
COMMENT ON COLUMN bcdelta.adjustment.reason IS 'why, in the words of the person who made it';
COMMENT ON COLUMN bcdelta.adjustment.by_role IS 'the name of the role that made it; it may have been dropped since';
COMMENT ON COLUMN bcdelta.adjustment.state IS
'active; broken: the store was last seen with another value, which nobody overwrites either; ended: the source''s values are written again';
COMMENT ON COLUMN bcdelta.adjustment.asked IS 'the worker has requested a verify of the row, which reads the value';
COMMENT ON COLUMN bcdelta.adjustment.field IS 'the API field; empty: the record as a whole, which a rollback has hidden, shown, deleted or made again';
COMMENT ON COLUMN bcdelta.adjustment.by_run IS 'the rollback that holds the field until its source changes; 0: a person has adjusted it';
SELECT pg_catalog.pg_extension_config_dump('bcdelta.adjustment', '');
SELECT pg_catalog.pg_extension_config_dump(
	pg_catalog.pg_get_serial_sequence('bcdelta.adjustment', 'adjustment_id')::pg_catalog.regclass, '');
CREATE FUNCTION bcdelta.adjust(feed text, key text, field text, reason text, until text DEFAULT 'always') RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_adjust';
COMMENT ON FUNCTION bcdelta.adjust(text, text, text, text, text) IS
'declares that the store''s present value of a field of a row is meant: always, until the source changes, or until a time; returns the number of the adjustment';

CREATE FUNCTION bcdelta.unadjust(feed text, key text, field text, reason text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_unadjust';
COMMENT ON FUNCTION bcdelta.unadjust(text, text, text, text) IS
'ends the adjustment of a field; the next push writes the source''s value';
COMMENT ON COLUMN bcdelta.discrepancy.kind IS
'missing_in_store: a row without a record; missing_in_source: a record or a link without a row; different: a field differs; conflict: an adjusted field no longer has the declared value, which is pushed_value';

ALTER TABLE bcdelta.schedule ADD mode text;
COMMENT ON COLUMN bcdelta.schedule.mode IS 'mode of its verify runs; null: full';
ALTER TABLE bcdelta.schedule
	ADD alert text NOT NULL DEFAULT 'difference' CHECK (alert IN ('difference', 'failure', 'always', 'none')),
	ADD told_run_id bigint;
COMMENT ON COLUMN bcdelta.schedule.alert IS
'which of its runs become rows of bcdelta.event: difference: those that fail or find differences; failure: those that fail; always: all; none';
COMMENT ON COLUMN bcdelta.schedule.told_run_id IS 'the last run whose end was told, with alert ''always''';
DROP FUNCTION bcdelta.schedule(text, text, name, interval, timestamptz, text, text);
CREATE FUNCTION bcdelta.schedule(name text, feed text DEFAULT NULL, server name DEFAULT NULL,
	every interval DEFAULT NULL, at timestamptz DEFAULT NULL, kind text DEFAULT 'push',
	hours text DEFAULT NULL, mode text DEFAULT NULL, alert text DEFAULT 'difference')
RETURNS timestamptz LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_schedule';
COMMENT ON FUNCTION bcdelta.schedule(text, text, name, interval, timestamptz, text, text, text, text) IS
'makes the worker start a run at regular intervals or once; replaces the schedule of that name; returns when it is first due';

CREATE TABLE bcdelta.proven (
	server name NOT NULL,
	resource text NOT NULL,
	store text NOT NULL,
	mappings text[] NOT NULL,
	full_run_id bigint NOT NULL,
	full_at timestamptz NOT NULL,
	run_id bigint NOT NULL,
	proven_at timestamptz NOT NULL,
	watermark timestamptz NOT NULL,
	counted boolean NOT NULL,
	dated boolean NOT NULL,
	records bigint NOT NULL,
	written bigint NOT NULL,
	touched bigint NOT NULL,
	different bigint NOT NULL,
	strangers bigint NOT NULL,
	waiting bigint NOT NULL,
	calls bigint NOT NULL,
	silent_edits bigint NOT NULL,
	PRIMARY KEY (server, resource)
);
COMMENT ON TABLE bcdelta.proven IS
'the last proof of each resource of a store, by a verify of mode full or changed that covered all of its feeds; shown by the view bcdelta.proof';
COMMENT ON COLUMN bcdelta.proven.store IS 'the store, as in bcdelta.feed.store';
COMMENT ON COLUMN bcdelta.proven.mappings IS 'feed_id:version of the feeds that it covers; if they change, everything is compared again';
COMMENT ON COLUMN bcdelta.proven.full_run_id IS 'the last verify that compared all rows';
COMMENT ON COLUMN bcdelta.proven.full_at IS 'when that began';
COMMENT ON COLUMN bcdelta.proven.run_id IS 'the last verify of mode full or changed, whose differences are in bcdelta.discrepancy';
COMMENT ON COLUMN bcdelta.proven.proven_at IS 'when that began';
COMMENT ON COLUMN bcdelta.proven.watermark IS
'the same by the clock of the store; the next verify of mode changed compares what was changed since then';
COMMENT ON COLUMN bcdelta.proven.counted IS 'the number of records was compared';
COMMENT ON COLUMN bcdelta.proven.dated IS 'records that were changed in the store were compared';
COMMENT ON COLUMN bcdelta.proven.records IS 'linked rows';
COMMENT ON COLUMN bcdelta.proven.written IS 'those written since full_at, as the replies of the store have confirmed';
COMMENT ON COLUMN bcdelta.proven.touched IS 'records that were changed in the store since full_at, and were compared';
COMMENT ON COLUMN bcdelta.proven.different IS 'rows with differences that nobody has decided to leave';
COMMENT ON COLUMN bcdelta.proven.strangers IS 'records that belong to no row';
COMMENT ON COLUMN bcdelta.proven.waiting IS 'rows with changes that were not pushed yet';
COMMENT ON COLUMN bcdelta.proven.calls IS 'requests of the last verify for this resource';
COMMENT ON COLUMN bcdelta.proven.silent_edits IS
'edits in the store that a full verify has found, and that no date had shown: how far the dates can be trusted';

CREATE VIEW bcdelta.undoable AS
SELECT r.run_id, r.kind, r.server, u.feed, r.started_at, u.records, u.undone, u.created, u.updated, u.hidden, u.deleted,
	ceil(u.records / 250.0)::bigint + ceil((u.updated + u.hidden + u.created) / 10.0)::bigint + u.deleted AS calls,
	u.written_at + nullif(current_setting('bcdelta.undo_retention', true), '')::integer * interval '1 day' AS until
FROM bcdelta.run AS r
-- only what those runs have written is read that a query shows
CROSS JOIN LATERAL (
	SELECT o.feed, count(DISTINCT coalesce(o.address, o.key)) AS records,
		count(DISTINCT coalesce(o.address, o.key)) FILTER (WHERE o.undone_by IS NOT NULL) AS undone,
		count(*) FILTER (WHERE o.action = 'created') AS created, count(*) FILTER (WHERE o.action = 'updated') AS updated,
		count(*) FILTER (WHERE o.action = 'hidden') AS hidden, count(*) FILTER (WHERE o.action = 'deleted') AS deleted,
		min(o.written_at) AS written_at
	FROM bcdelta.undo AS o WHERE o.run_id = r.run_id GROUP BY o.feed) AS u;
COMMENT ON VIEW bcdelta.undoable IS
'what rollback() could undo, by run and feed: the number of records, how many of these a rollback has undone, the writes by kind, about how many calls it takes, and until when';

CREATE VIEW bcdelta.id_change AS
SELECT DISTINCT o.feed, o.key, o.store_id AS old_id, n.store_id AS new_id, n.run_id, n.written_at AS at
FROM bcdelta.undo AS o
CROSS JOIN LATERAL (
	SELECT c.undo_id, c.store_id, c.run_id, c.written_at FROM bcdelta.undo AS c JOIN bcdelta.run AS r USING (run_id)
	WHERE c.feed = o.feed AND c.key = o.key AND c.action = 'created' AND c.undo_id > o.undo_id AND c.store_id IS NOT NULL AND r.kind = 'rollback'
	ORDER BY c.undo_id LIMIT 1) AS n
WHERE o.action = 'deleted' AND o.store_id IS NOT NULL AND NOT EXISTS (
	SELECT FROM bcdelta.undo AS d
	WHERE d.feed = o.feed AND d.key = o.key AND d.action = 'deleted' AND d.undo_id > o.undo_id AND d.undo_id < n.undo_id AND d.store_id <> o.store_id);
COMMENT ON VIEW bcdelta.id_change IS
'records that were deleted, and that a rollback has made again, with another id; for whoever else knows the old ids';

CREATE VIEW bcdelta.proof AS
SELECT f.server, f.resource, w.proven_at, w.run_id, w.full_at, w.full_run_id, w.records,
	greatest(w.records - w.written - w.touched, 0) AS untouched, w.written, w.touched, w.different, w.strangers, w.waiting,
	w.calls, w.silent_edits, w.watermark, w.dated, w.counted,
	CASE WHEN w.run_id IS NULL
		THEN format('Nothing is known of resource %s: SELECT * FROM bcdelta.verify(server => %L) compares everything.', f.resource, f.server)
	ELSE
		CASE WHEN w.records = 0 THEN format('There are no %s rows as of %s', f.resource, w.as_of)
			WHEN w.records = 1
			THEN format('The only %s row %s as of %s', f.resource, CASE w.different WHEN 0 THEN 'agrees' ELSE 'differs' END, w.as_of)
			WHEN w.different = 0
			THEN format('All %s %s rows agree as of %s', to_char(w.records, 'FM999,999,999,990'), f.resource, w.as_of)
			ELSE format('%s of %s %s rows agree as of %s', to_char(greatest(w.records - w.different, 0), 'FM999,999,999,990'),
				to_char(w.records, 'FM999,999,999,990'), f.resource, w.as_of) END
		|| CASE WHEN w.run_id = w.full_run_id
			THEN CASE w.records WHEN 0 THEN ': the store was read' WHEN 1 THEN ': it was compared' ELSE ': all of them were compared' END
			ELSE format(': %s untouched since %s full verification, %s written and confirmed, %s',
				to_char(greatest(w.records - w.written - w.touched, 0), 'FM999,999,999,990'), w.full_day,
				to_char(w.written, 'FM999,999,999,990'),
				CASE WHEN w.dated THEN to_char(w.touched, 'FM999,999,999,990') || ' touched in the store and compared'
					ELSE 'edits in the store are not seen before the next one' END) END
		|| concat(CASE WHEN NOT w.counted THEN '; not counted' END,
			CASE WHEN w.different > 0 AND w.records <> 1
				THEN format('; %s %s', to_char(w.different, 'FM999,999,999,990'), CASE w.different WHEN 1 THEN 'differs' ELSE 'differ' END) END,
			CASE WHEN w.strangers > 0 THEN format('; %s %s to no row', to_char(w.strangers, 'FM999,999,999,990'),
				CASE w.strangers WHEN 1 THEN 'record belongs' ELSE 'records belong' END) END,
			CASE WHEN w.waiting > 0 THEN format('; %s %s to be pushed', to_char(w.waiting, 'FM999,999,999,990'), CASE w.waiting WHEN 1 THEN 'waits' ELSE 'wait' END) END,
			CASE WHEN w.silent_edits > 0 THEN format('; the dates of the store have missed %s %s so far', to_char(w.silent_edits, 'FM999,999,999,990'),
				CASE w.silent_edits WHEN 1 THEN 'edit' ELSE 'edits' END) END)
		|| format('; %s %s.', to_char(w.calls, 'FM999,999,999,990'), CASE WHEN w.calls = 1 THEN 'call' ELSE 'calls' END)
	END AS sentence
FROM (SELECT DISTINCT server, resource FROM bcdelta.feed) AS f
LEFT JOIN LATERAL (
	SELECT p.*, CASE WHEN p.proven_at > now() - interval '20 hours' THEN to_char(p.proven_at, 'HH24:MI')
			ELSE to_char(p.proven_at, 'YYYY-MM-DD HH24:MI') END AS as_of,
		CASE WHEN p.full_at > now() - interval '6 days' THEN to_char(p.full_at, 'FMDay') || '''s'
			ELSE 'the ' || to_char(p.full_at, 'YYYY-MM-DD') END AS full_day
	FROM bcdelta.proven AS p WHERE p.server = f.server AND p.resource = f.resource
	AND p.store = ALL (SELECT o.store FROM bcdelta.feed AS o WHERE o.server = f.server AND o.resource = f.resource AND o.store IS NOT NULL)
	AND p.mappings = (SELECT array_agg(o.feed_id || ':' || o.version ORDER BY o.feed_id) FROM bcdelta.feed AS o
		WHERE o.server = f.server AND o.resource = f.resource)) AS w ON true;
COMMENT ON VIEW bcdelta.proof IS
'one row per server and resource: whether all rows and records agree, as of when, how that is known, and in how many calls';
COMMENT ON COLUMN bcdelta.proof.proven_at IS
'when the last verify of mode full or changed began; null: there was none since feeds were added or altered';
COMMENT ON COLUMN bcdelta.proof.untouched IS 'rows that neither the source nor the store has touched since the last full verify';
COMMENT ON COLUMN bcdelta.proof.sentence IS 'the same in words';

CREATE FUNCTION bcdelta.adjust_found(run_id bigint, condition text DEFAULT NULL, reason text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_adjust_found';
COMMENT ON FUNCTION bcdelta.adjust_found(bigint, text, text) IS
'declares the store''s values of fields that differed in a verify as meant, or of those whose row in bcdelta.discrepancy satisfies an SQL condition, with the rights of the caller; returns their number';

ALTER TABLE bcdelta.feed ADD COLUMN policies jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN bcdelta.feed.policies IS
'fields with a policy of their own for conflicts, in place of on_conflict; see set_conflict()';

ALTER TABLE bcdelta.feed ADD COLUMN source_name name[];
COMMENT ON COLUMN bcdelta.feed.source_name IS
'schema and name of the source when the feed was made, or was resumed without being paused; bcdelta.status reports another table that has taken the name since';
ALTER TABLE bcdelta.dependency ADD COLUMN child_name name[];
COMMENT ON COLUMN bcdelta.dependency.child_name IS
'schema and name of the child table when the feed came to depend on it, or was resumed without being paused';
UPDATE bcdelta.feed SET source_name = (SELECT ARRAY[n.nspname, c.relname] FROM pg_catalog.pg_class AS c
	JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE c.oid OPERATOR(pg_catalog.=) source);
UPDATE bcdelta.dependency SET child_name = (SELECT ARRAY[n.nspname, c.relname] FROM pg_catalog.pg_class AS c
	JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE c.oid OPERATOR(pg_catalog.=) child);

CREATE TABLE bcdelta.cutover (
	plan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	server name NOT NULL,
	go_live timestamptz NOT NULL,
	hours text NOT NULL,
	time_zone text NOT NULL,
	freeze_for interval NOT NULL,
	watch_for interval NOT NULL,
	stop jsonb NOT NULL,
	state text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'live', 'done', 'aborted')),
	held boolean NOT NULL DEFAULT true,
	held_reason text,
	went_live_at timestamptz,
	override_note text,
	owner regrole NOT NULL,
	home text NOT NULL,
	made_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX cutover_active ON bcdelta.cutover (server) WHERE state IN ('planned', 'live');
COMMENT ON TABLE bcdelta.cutover IS
'plans of cutovers, made by plan_cutover(); their steps are in bcdelta.cutover_step; a server has at most one that is planned or live';
COMMENT ON COLUMN bcdelta.cutover.go_live IS 'when the new shop is to open; nothing happens then unless somebody has called go()';
COMMENT ON COLUMN bcdelta.cutover.hours IS 'hours of the day, in time_zone, with little traffic, into which sweeps and verifications are moved';
COMMENT ON COLUMN bcdelta.cutover.freeze_for IS 'how long before go_live nobody is to change the source any more';
COMMENT ON COLUMN bcdelta.cutover.watch_for IS 'how long after go_live source and store go on being compared';
COMMENT ON COLUMN bcdelta.cutover.stop IS 'criteria that stop a run, and what is done then';
COMMENT ON COLUMN bcdelta.cutover.state IS
'planned: the new shop has not opened; live: it has; done: all steps are; aborted: by abort_cutover()';
COMMENT ON COLUMN bcdelta.cutover.held IS 'whether the plan waits for go(): steps from that one on do not begin; so it is from the start';
COMMENT ON COLUMN bcdelta.cutover.held_reason IS 'why, in the words of hold_cutover(), or of what has stopped it; null: nobody has called go() yet';
COMMENT ON COLUMN bcdelta.cutover.went_live_at IS 'when stage live began; null: it has not';
COMMENT ON COLUMN bcdelta.cutover.override_note IS 'why go() was to go on although bcdelta.go_live_check() said no; null: it did not';
COMMENT ON COLUMN bcdelta.cutover.owner IS 'the role that made the plan, and that its runs are for; -: it was dropped';
COMMENT ON COLUMN bcdelta.cutover.home IS 'the database whose worker carries it out, as in bcdelta.feed.home; a copy has another home and does nothing';

CREATE TABLE bcdelta.cutover_step (
	plan_id bigint NOT NULL,
	step integer NOT NULL,
	name text NOT NULL,
	kind text NOT NULL CHECK (kind IN ('push', 'verify', 'estimate', 'rollback', 'check', 'stage', 'go', 'message')),
	detail text,
	apart interval NOT NULL,
	due_at timestamptz NOT NULL,
	not_after timestamptz,
	every interval,
	state text NOT NULL DEFAULT 'planned'
		CHECK (state IN ('planned', 'running', 'waiting', 'done', 'failed', 'skipped', 'missed')),
	run_id bigint,
	measured text,
	note text,
	started_at timestamptz,
	done_at timestamptz,
	done_by text,
	PRIMARY KEY (plan_id, step)
);
CREATE INDEX cutover_step_run ON bcdelta.cutover_step (run_id) WHERE run_id IS NOT NULL;
COMMENT ON TABLE bcdelta.cutover_step IS 'what a plan does, step after step; the worker carries it out';
COMMENT ON COLUMN bcdelta.cutover_step.kind IS
'push: a sweep of all feeds; verify: in the mode that detail says; estimate: how long a sweep takes; rollback: of some rows, as a rehearsal; check: what bcdelta.go_live_check() says; stage: stage detail begins; go: waits for go(); message: tells that message() detail is due';
COMMENT ON COLUMN bcdelta.cutover_step.apart IS 'how long after go_live it is due; negative: before';
COMMENT ON COLUMN bcdelta.cutover_step.due_at IS 'when it begins, at the earliest; after its time, moved into the hours of the plan';
COMMENT ON COLUMN bcdelta.cutover_step.not_after IS 'a step that has not begun by then is missed; null: it is not, however late';
COMMENT ON COLUMN bcdelta.cutover_step.every IS 'how often it is repeated, until not_after or, before go(), until that is called; null: once';
COMMENT ON COLUMN bcdelta.cutover_step.state IS
'planned; running; waiting: for go(); done; failed: its run failed; skipped: by move_cutover() or abort_cutover(), or it did not fit; missed: the worker did not work when it was due';
COMMENT ON COLUMN bcdelta.cutover_step.run_id IS 'its last run';
COMMENT ON COLUMN bcdelta.cutover_step.measured IS 'what came of it, in words';
COMMENT ON COLUMN bcdelta.cutover_step.note IS 'why it is as it is, in words';
COMMENT ON COLUMN bcdelta.cutover_step.done_by IS 'the name of the role that ended it; null: the worker';

CREATE TABLE bcdelta.criterion (
	server name NOT NULL,
	criterion text NOT NULL,
	question text,
	query text,
	severity text NOT NULL CHECK (severity IN ('must', 'should')),
	owner regrole NOT NULL,
	made_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (server, criterion)
);
COMMENT ON TABLE bcdelta.criterion IS
'what people want to know before a store goes live, besides what bcdelta measures; made by criterion()';
COMMENT ON COLUMN bcdelta.criterion.question IS 'what a person has to answer, with sign(); null: a query answers, or the question that comes with bcdelta is not asked';
COMMENT ON COLUMN bcdelta.criterion.query IS
'a query that returns one row: whether the criterion is met, and what was found; run as owner, in a read-only transaction';
COMMENT ON COLUMN bcdelta.criterion.severity IS 'must: go() refuses unless it is met; should: it is only told';
COMMENT ON COLUMN bcdelta.criterion.owner IS 'the role that made it; -: it was dropped';

CREATE TABLE bcdelta.signature (
	server name NOT NULL,
	criterion text NOT NULL,
	verdict text NOT NULL CHECK (verdict IN ('go', 'no-go', 'waived')),
	by_role text NOT NULL,
	at timestamptz NOT NULL DEFAULT now(),
	note text,
	until timestamptz,
	plan_id bigint,
	met text[],
	lapsed text,
	PRIMARY KEY (server, criterion)
);
COMMENT ON TABLE bcdelta.signature IS
'the last answer of a person to each criterion of a store, by sign() or waive(); earlier ones are in bcdelta.journal';
COMMENT ON COLUMN bcdelta.signature.verdict IS 'go, no-go: the answer to a question; waived: the criterion need not be met';
COMMENT ON COLUMN bcdelta.signature.by_role IS 'the name of the role that had logged in; it may have been dropped since';
COMMENT ON COLUMN bcdelta.signature.until IS 'when a waiver ends; null: with the plan';
COMMENT ON COLUMN bcdelta.signature.plan_id IS 'the plan that it was given for, and ends with; null: there was none yet';
COMMENT ON COLUMN bcdelta.signature.met IS
'the measured criteria that were met then: the answer counts as long as all of them are';
COMMENT ON COLUMN bcdelta.signature.lapsed IS 'which of them were not met any more at some time since: the answer does not count, and has to be given again';

CREATE TABLE bcdelta.conflict (
	conflict_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	feed text NOT NULL,
	key text NOT NULL,
	store_id bigint,
	field text,
	kind text NOT NULL CHECK (kind IN ('edited', 'found', 'gone', 'deleted')),
	state text NOT NULL CHECK (state IN ('open', 'source', 'store', 'value', 'obsolete')),
	base jsonb,
	source_value jsonb,
	store_value jsonb,
	value jsonb,
	source_changed_at timestamptz,
	store_modified_at timestamptz,
	reason text,
	found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	run_id bigint,
	decided_at timestamptz,
	decided_by text,
	note text,
	is_current boolean NOT NULL DEFAULT true,
	ended_at timestamptz,
	address text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX conflict_current ON bcdelta.conflict (feed, address, coalesce(field, '')) WHERE is_current;
CREATE INDEX conflict_feed_key ON bcdelta.conflict (feed, key);
CREATE INDEX conflict_ended ON bcdelta.conflict (ended_at) WHERE NOT is_current;
CREATE INDEX conflict_record ON bcdelta.conflict (feed, address);
COMMENT ON TABLE bcdelta.conflict IS
'fields that were changed in the source and in the store; one row for each pair of values; see bcdelta.review and resolve()';
COMMENT ON COLUMN bcdelta.conflict.key IS 'the key that the row had when the conflict was found';
COMMENT ON COLUMN bcdelta.conflict.store_id IS 'the id of the record; null: it has none';
COMMENT ON COLUMN bcdelta.conflict.address IS 'identifies the record, as in bcdelta.link';
COMMENT ON COLUMN bcdelta.conflict.field IS 'null: the conflict is about the record as a whole';
COMMENT ON COLUMN bcdelta.conflict.kind IS
'edited: both sides have changed the field since they agreed; found: the record was found with another value, and it is not known who changed it; gone: the record was deleted in the store, and its row has changed; deleted: the row was deleted, and its record has changed';
COMMENT ON COLUMN bcdelta.conflict.source_changed_at IS 'when the source has changed, by option modified or the captured change, with policy newest; null: not known';
COMMENT ON COLUMN bcdelta.conflict.store_modified_at IS 'when the record was last changed, in the time of this server, with policy newest';
COMMENT ON COLUMN bcdelta.conflict.reason IS 'what follows from the two times';
COMMENT ON COLUMN bcdelta.conflict.state IS
'open: a person has to decide; source, store, value: which value was chosen, by a person or, without decided_by, by the policy; obsolete: the values have changed, or agree now';
COMMENT ON COLUMN bcdelta.conflict.base IS 'the value when both sides last agreed; null: not known';
COMMENT ON COLUMN bcdelta.conflict.source_value IS 'the value that the mapping gave';
COMMENT ON COLUMN bcdelta.conflict.store_value IS 'the value that the store held';
COMMENT ON COLUMN bcdelta.conflict.value IS 'the value that was chosen in place of both';
COMMENT ON COLUMN bcdelta.conflict.decided_by IS 'the role that called resolve(); null: the policy decided, or nobody yet';
COMMENT ON COLUMN bcdelta.conflict.is_current IS
'whether this row says why the field has, or keeps, another value in the store than in the source';
COMMENT ON COLUMN bcdelta.conflict.ended_at IS 'since when it does not, if it did; the row is removed bcdelta.result_retention days after that';

SELECT pg_catalog.pg_extension_config_dump('bcdelta.conflict', '');
SELECT pg_catalog.pg_extension_config_dump(
	pg_catalog.pg_get_serial_sequence('bcdelta.conflict', 'conflict_id')::pg_catalog.regclass, '');

CREATE FUNCTION bcdelta.rollback(run_id bigint, created text DEFAULT 'hide', force boolean DEFAULT false,
	after text DEFAULT 'pause', wait boolean DEFAULT true)
RETURNS bcdelta.run LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_rollback';
COMMENT ON FUNCTION bcdelta.rollback(bigint, text, boolean, text, boolean) IS
'undoes what a push or a rollback has written, where the store still has it; created: hide, delete or keep records that it created; force: also where somebody else has changed it since; after: pause the feeds, hold each row until its source changes, or none; what was found is in bcdelta.rollback_field';

CREATE FUNCTION bcdelta.rollback_since(since timestamptz, server name DEFAULT NULL, feed text DEFAULT NULL,
	created text DEFAULT 'hide', force boolean DEFAULT false, after text DEFAULT 'pause', wait boolean DEFAULT true)
RETURNS bcdelta.run LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_rollback_since';
COMMENT ON FUNCTION bcdelta.rollback_since(timestamptz, name, text, text, boolean, text, boolean) IS
'undoes everything that was written since a time, by whichever run, to a feed (null: all feeds of the server); otherwise like rollback()';
CREATE FUNCTION bcdelta.release(run_id bigint) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_release';
COMMENT ON FUNCTION bcdelta.release(bigint) IS
'ends what a rollback holds until its source changes; the next push writes the source''s values; returns the number of rows';

CREATE FUNCTION bcdelta.rollback_preview(run_id bigint DEFAULT NULL, since timestamptz DEFAULT NULL, server name DEFAULT NULL,
	feed text DEFAULT NULL, created text DEFAULT 'hide', force boolean DEFAULT false, max_rows integer DEFAULT 100)
RETURNS TABLE (feed text, key text, store_id bigint, field text, now jsonb, becomes jsonb, verdict text, reason text)
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_rollback_preview';
COMMENT ON FUNCTION bcdelta.rollback_preview(bigint, timestamptz, name, text, text, boolean, integer) IS
'what rollback() of a run, or rollback_since() a time, would do with each field, about how many calls and seconds that takes (verdict total), and what cannot be undone (impossible): reads the records from the store, and writes nothing; its run has the rest in bcdelta.rollback_field';

CREATE FUNCTION bcdelta.set_conflict(feed text, field text DEFAULT NULL, policy text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_set_conflict';
COMMENT ON FUNCTION bcdelta.set_conflict(text, text, text) IS
'sets what happens if a field (null: any field without a policy of its own) was changed in the source and in the store: source, store, newest or review; a null policy is the feed''s, or source';
CREATE FUNCTION bcdelta.resolve(conflict_id bigint, choice text, value jsonb DEFAULT NULL, note text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_resolve';
COMMENT ON FUNCTION bcdelta.resolve(bigint, text, jsonb, text) IS
'decides an open conflict: source, store, or value with a value of its own; carried out by the next push, and valid only for the values that the conflict shows: if one of them has changed, nothing is written and there is a new conflict';

CREATE VIEW bcdelta.review AS
SELECT c.conflict_id, c.feed, l.key,
	coalesce(l.payload ->> 'sku', l.payload ->> 'name', l.payload ->> 'email', l.payload ->> 'code', l.payload ->> 'path',
		CASE WHEN l.store_id IS NULL THEN l.address END) AS natural_key,
	c.field, c.kind, c.base, c.source_value, c.store_value, c.source_changed_at, c.store_modified_at, c.reason,
	date_trunc('second', now() - c.found_at) AS age,
	format('SELECT bcdelta.resolve(%s, %L);', c.conflict_id, 'store') AS call
FROM bcdelta.conflict AS c JOIN bcdelta.link AS l ON l.feed = c.feed AND l.address = c.address
WHERE c.state = 'open' AND c.is_current;
COMMENT ON VIEW bcdelta.review IS 'conflicts that a person has to decide, with the values of both sides and the call that keeps the store''s value';
COMMENT ON COLUMN bcdelta.review.natural_key IS 'SKU, name, e-mail address, code or path of the row, or the address of a record without an id';
COMMENT ON COLUMN bcdelta.review.call IS 'a statement to copy; with ''source'' the value of the source is written, with ''value'' another one';

CREATE FUNCTION bcdelta.why(feed text, key text, read boolean DEFAULT false)
RETURNS TABLE (field text, source_value jsonb, last_known jsonb, store_value jsonb, owner text, decision text, reason text)
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_why';
COMMENT ON FUNCTION bcdelta.why(text, text, boolean) IS
'explains what a push would do with each field of a row: send, same, keep or hold, who owns it (source, store, newest, review), and the rule in words; read: the record is read first, by one call; otherwise the answer goes by what is known, without asking the store';

CREATE FUNCTION bcdelta.history(feed text, key text)
RETURNS TABLE (at timestamptz, what text, outcome text, run_id bigint, kind text, store_id bigint, http_status integer,
	request_id text, message text, detail jsonb, by_role text)
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'bcdelta_history';
COMMENT ON FUNCTION bcdelta.history(text, text) IS
'what happened to a row, oldest first: captured, sent (what a request was about to write, and what the record held before), written, tried, refused, deferred, unchanged, linked, conflict, decided (by a person, or the worker), and in the end, now: what is pending; for the owner of the feed, and for roles that may read the tables';

CREATE VIEW bcdelta.dead_letter AS
SELECT p.feed, p.key,
	coalesce(l.payload ->> 'sku', l.payload ->> 'name', l.payload ->> 'email', l.payload ->> 'code', l.payload ->> 'path') AS natural_key,
	f.server, f.resource, l.store_id, p.last_error AS reason, r.outcome, r.request, r.http_status, r.error AS reply, r.request_id, r.run_id,
	p.attempts, r.refusals, r.since, r.last_at, p.changed_at,
	format('SELECT bcdelta.mark(%L, %L);', p.feed, p.key) AS call
FROM bcdelta.pending AS p
LEFT JOIN bcdelta.feed AS f ON f.feed = p.feed
LEFT JOIN bcdelta.link AS l ON l.feed = p.feed AND l.key = p.key
LEFT JOIN LATERAL (
	SELECT max(o.attempted_at) AS at FROM bcdelta.result AS o WHERE o.feed = p.feed AND o.key = p.key
	AND o.outcome IN ('created', 'updated', 'deleted', 'hidden', 'linked', 'unchanged')) AS g ON true
LEFT JOIN LATERAL (
	SELECT count(*) AS refusals, min(o.attempted_at) AS since, max(o.attempted_at) AS last_at,
		(array_agg(o.outcome ORDER BY o.attempted_at DESC))[1] AS outcome, (array_agg(o.request ORDER BY o.attempted_at DESC))[1] AS request,
		(array_agg(o.http_status ORDER BY o.attempted_at DESC))[1] AS http_status, (array_agg(o.error ORDER BY o.attempted_at DESC))[1] AS error,
		(array_agg(o.request_id ORDER BY o.attempted_at DESC))[1] AS request_id, (array_agg(o.run_id ORDER BY o.attempted_at DESC))[1] AS run_id
	FROM bcdelta.result AS o
	WHERE o.feed = p.feed AND o.key = p.key AND o.outcome IN ('failed', 'invalid') AND o.attempted_at > coalesce(g.at, '-infinity')) AS r ON true
WHERE p.state = 'failed';
COMMENT ON VIEW bcdelta.dead_letter IS
'rows that were given up: what was sent, what the store replied, how often, since when, and the call that tries again';
COMMENT ON COLUMN bcdelta.dead_letter.natural_key IS 'SKU, name, e-mail address, code or path of the record; null: not known';
COMMENT ON COLUMN bcdelta.dead_letter.reason IS 'why the row was given up';
COMMENT ON COLUMN bcdelta.dead_letter.outcome IS 'failed: refused by the store, or given up; invalid: refused before any write; null: its results were removed';
COMMENT ON COLUMN bcdelta.dead_letter.request IS 'the last request, as in bcdelta.result';
COMMENT ON COLUMN bcdelta.dead_letter.reply IS 'the error of the last result: what the store, or the check before the request, said';
COMMENT ON COLUMN bcdelta.dead_letter.run_id IS 'the run that gave it up last';
COMMENT ON COLUMN bcdelta.dead_letter.attempts IS 'unsuccessful requests since the row was last changed or retried';
COMMENT ON COLUMN bcdelta.dead_letter.refusals IS 'how often it was given up since it last succeeded, as far as results are kept';
COMMENT ON COLUMN bcdelta.dead_letter.since IS 'when it was first given up since it last succeeded, as far as results are kept';
COMMENT ON COLUMN bcdelta.dead_letter.last_at IS 'when it was last given up';
COMMENT ON COLUMN bcdelta.dead_letter.changed_at IS 'time of the oldest change that is not in the store';
COMMENT ON COLUMN bcdelta.dead_letter.call IS 'a statement to copy, which tries this row again; bcdelta.retry() tries all of them';

CREATE TABLE bcdelta.total (
	server name NOT NULL,
	feed text,
	what text NOT NULL,
	label text,
	code text,
	bucket integer,
	n bigint NOT NULL,
	seconds double precision NOT NULL,
	at timestamptz NOT NULL
);
ALTER TABLE bcdelta.total REPLICA IDENTITY FULL;
COMMENT ON TABLE bcdelta.total IS
'what the worker has done since the extension was created, as the sum of n, whatever else has been removed since; appended to in the transaction that records it, condensed by the worker; see bcdelta.metrics';
COMMENT ON COLUMN bcdelta.total.feed IS 'null: it is about the server as a whole';
COMMENT ON COLUMN bcdelta.total.what IS 'row, request, run, or silent edit (see bcdelta.proven)';
COMMENT ON COLUMN bcdelta.total.label IS
'of a row, its outcome; of a request, method and path; of a run, its kind; of a silent edit, the resource';
COMMENT ON COLUMN bcdelta.total.code IS 'of a request, the class of its status, 429, or none; of a run, its state at the end';
COMMENT ON COLUMN bcdelta.total.bucket IS 'of a request, the bucket of its duration, from 0';
COMMENT ON COLUMN bcdelta.total.seconds IS 'the sum of the durations of requests';
COMMENT ON COLUMN bcdelta.total.at IS 'when it last happened';

CREATE FUNCTION bcdelta.totals(OUT server name, OUT feed text, OUT what text, OUT label text, OUT code text, OUT bucket integer,
	OUT n bigint, OUT seconds double precision, OUT at timestamptz)
RETURNS SETOF record LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_totals';
COMMENT ON FUNCTION bcdelta.totals() IS
'the sums of bcdelta.total, as soon as they are on disk, so that they do not go back after a crash; use the view bcdelta.metrics';

CREATE FUNCTION bcdelta.worker_started() RETURNS timestamptz
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_worker_started';
COMMENT ON FUNCTION bcdelta.worker_started() IS
'when the worker of this database was started; null: there is none; use the view bcdelta.metrics';

CREATE FUNCTION bcdelta.worker_quota(OUT server oid, OUT quota bigint, OUT quota_left bigint, OUT others double precision,
	OUT twins bigint, OUT twin_at timestamptz, OUT clock_ms bigint)
RETURNS SETOF record LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_worker_quota';
COMMENT ON FUNCTION bcdelta.worker_quota() IS
'the quotas of stores, the part of them (0 to 1) that other apps have used in each of the last windows at least, the rows that another server seems to have written, and the milliseconds that the store''s clock is ahead; use the views bcdelta.metrics and trouble';

CREATE FUNCTION bcdelta.worker_wake_ups(OUT cause text, OUT n bigint)
RETURNS SETOF record LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_worker_wake_ups';
COMMENT ON FUNCTION bcdelta.worker_wake_ups() IS
'how often the worker of this database was woken since the server was started: by the commit of a change that is pushed at once, by what an active run waited for, by its timer, or by the request of a session; for readers of bcdelta.status or bcdelta.metrics';

CREATE TABLE bcdelta.event (
	event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	event text NOT NULL CHECK (event IN ('feed_paused', 'feed_trouble', 'schedule_failed', 'store_trouble', 'quota_taken', 'another_writer',
		'differences', 'worker_back', 'run_ended', 'cutover')),
	severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
	server name,
	feed text,
	schedule text,
	run_id bigint,
	message text NOT NULL,
	detail text,
	over_at timestamptz
);
CREATE UNIQUE INDEX event_open ON bcdelta.event (event, coalesce(server, ''), coalesce(feed, ''), coalesce(schedule, ''))
	WHERE over_at IS NULL;
CREATE INDEX event_at ON bcdelta.event (at);
COMMENT ON TABLE bcdelta.event IS
'what a person should know of: one row from the beginning of a problem to its end, and one for other events; each is also sent as NOTIFY bcdelta, with a JSON object';
COMMENT ON COLUMN bcdelta.event.event IS
'feed_paused; feed_trouble: it captures or pushes less than it should; schedule_failed: its last run failed; store_trouble: the store does not answer as it should; quota_taken: other apps use most of the quota; differences: a verify of a schedule found some; worker_back: the worker ended out of turn and was started again; run_ended: a run of a schedule with alert ''always''; cutover: something of a plan that people should hear of';
COMMENT ON COLUMN bcdelta.event.severity IS
'critical: something is not pushed; warning: something is not as it should be; info: somebody wanted it so';
COMMENT ON COLUMN bcdelta.event.message IS 'what is the matter, in words, as last seen, and what to do';
COMMENT ON COLUMN bcdelta.event.detail IS 'of a cutover: the event of message() that people should hear of now; null: none';
COMMENT ON COLUMN bcdelta.event.over_at IS 'when it was over; null: it is not over yet';

CREATE TABLE bcdelta.sample (
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	server name NOT NULL,
	run_id bigint,
	seconds double precision NOT NULL,
	pending bigint NOT NULL,
	failed bigint NOT NULL,
	review bigint NOT NULL,
	done bigint NOT NULL DEFAULT 0,
	calls bigint NOT NULL DEFAULT 0,
	throttled bigint NOT NULL DEFAULT 0,
	quota double precision,
	others double precision
);
ALTER TABLE bcdelta.sample REPLICA IDENTITY FULL;
CREATE INDEX sample_server_at ON bcdelta.sample (server, at);
CREATE INDEX sample_at ON bcdelta.sample (at);
COMMENT ON TABLE bcdelta.sample IS
'what a report draws: one row at the end of each run, and at most one per five minutes while something changes; kept for 90 days';
COMMENT ON COLUMN bcdelta.sample.run_id IS 'the run that was active; null: none';
COMMENT ON COLUMN bcdelta.sample.seconds IS 'since the last sample of the run, or since it began; 0: no run was active';
COMMENT ON COLUMN bcdelta.sample.pending IS 'rows of the server''s feeds that had still to be pushed: ready, waiting, in flight or deferred';
COMMENT ON COLUMN bcdelta.sample.failed IS 'rows that were given up, at this time';
COMMENT ON COLUMN bcdelta.sample.review IS 'rows that a person has to decide on, at this time';
COMMENT ON COLUMN bcdelta.sample.done IS 'pending rows that a push finished in these seconds, with any outcome';
COMMENT ON COLUMN bcdelta.sample.calls IS 'requests that the store answered in these seconds, excluding throttled ones';
COMMENT ON COLUMN bcdelta.sample.throttled IS 'requests that it refused with status 429';
COMMENT ON COLUMN bcdelta.sample.quota IS 'requests per minute that the store allows all apps together; null: not known, or no limit';
COMMENT ON COLUMN bcdelta.sample.others IS 'part of the quota (0 to 1) that other apps used, at least; null: not known';

DROP PROCEDURE bcdelta.sweep(name);
CREATE PROCEDURE bcdelta.sweep(server name DEFAULT NULL, strict boolean DEFAULT false)
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_sweep';
COMMENT ON PROCEDURE bcdelta.sweep(name, boolean) IS
'pushes all feeds of a server without holding a snapshot while it waits; raises an error if the run fails, and, with strict, if a feed is paused';

CREATE FUNCTION bcdelta.estimate(server name DEFAULT NULL, feed text DEFAULT NULL, OUT rows bigint, OUT creates bigint, OUT updates bigint,
	OUT deletes bigint, OUT calls bigint, OUT seconds bigint, OUT basis text)
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_estimate';
COMMENT ON FUNCTION bcdelta.estimate(name, text) IS
'what a push of a server, or of one feed, would take: rows, those that it creates, updates and deletes or hides, requests, and seconds; basis says how exact that is; nothing is asked of the store';

CREATE FUNCTION bcdelta.worker_forecast(OUT run_id bigint, OUT eta_low interval, OUT eta_high interval, OUT waiting_for text)
RETURNS SETOF record LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_worker_forecast';
COMMENT ON FUNCTION bcdelta.worker_forecast() IS
'when the active runs of this database may end, and what they wait for; use the view bcdelta.progress';

CREATE OR REPLACE VIEW bcdelta.progress AS
SELECT w.run_id, r.kind, r.feed, r.server, w.phase, w.done, w.total, w.rate, w.eta,
	w.api_calls, w.throttled, w.in_flight, r.started_at, c.waiting_for, c.eta_low, c.eta_high
FROM bcdelta.worker_progress() AS w
JOIN bcdelta.run AS r USING (run_id)
LEFT JOIN bcdelta.worker_forecast() AS c USING (run_id)
UNION ALL
SELECT r.run_id, r.kind, r.feed, r.server, 'paused',
	r.created + r.updated + r.deleted + r.hidden + r.linked + r.unchanged + r.failed, NULL, NULL, NULL,
	r.api_calls, r.throttled, 0, r.started_at,
	format('outside the hours %s %s until %s', s.hours, s.time_zone, date_trunc('second', r.paused_until)), NULL, NULL
FROM bcdelta.run AS r
JOIN bcdelta.schedule AS s ON s.name = r.schedule
WHERE r.state = 'requested' AND r.paused_until > now();
COMMENT ON VIEW bcdelta.progress IS 'one row per run that is active or pauses: rows done, total, rows per second, time left, what it waits for';
COMMENT ON COLUMN bcdelta.progress.waiting_for IS
'what the run waits for, in words: the quota, the store, rows that are tried again, rows that others refer to, an endpoint that takes no more requests at a time, or only small batches, the hours of its schedule; nothing: it works';
COMMENT ON COLUMN bcdelta.progress.eta_low IS
'time that is left at least, from the rows, the sizes of batches, and the quota that the run really had; null: nothing can be said yet';
COMMENT ON COLUMN bcdelta.progress.eta_high IS 'time that is left at most, if the store, its other apps and the rows stay as they are';
COMMENT ON COLUMN bcdelta.schedule.hours IS
'hours of the day, in time_zone, in which a run may start and go on; outside of them, it pauses';
COMMENT ON COLUMN bcdelta.schedule.time_zone IS
'the time zone named with the hours, or that of the session that created the schedule';

CREATE TABLE bcdelta.stage (
	server name PRIMARY KEY,
	stage text NOT NULL CHECK (stage IN ('prepare', 'freeze', 'live', 'watch', 'closed')),
	since timestamptz NOT NULL DEFAULT now(),
	by_role text NOT NULL,
	note text
);
COMMENT ON TABLE bcdelta.stage IS
'the stage of the cutover that a store is in, set by stage(); a store without a row is in none, and the policies of its feeds apply';
COMMENT ON COLUMN bcdelta.stage.stage IS
'prepare: before the cutover; freeze: nobody is to change the source any more; live: the store sells, while the source may still do; watch: the source only looks on; closed: it is over';
COMMENT ON COLUMN bcdelta.stage.since IS 'when the stage began';
COMMENT ON COLUMN bcdelta.stage.by_role IS 'the name of the role that had logged in';
COMMENT ON COLUMN bcdelta.stage.note IS 'why, in words; null: nobody said';

CREATE TABLE bcdelta.authority (
	server name,
	stage text NOT NULL CHECK (stage IN ('prepare', 'freeze', 'live', 'watch', 'closed')),
	resource text NOT NULL,
	field text,
	owner text NOT NULL CHECK (owner IN ('feed', 'source', 'store', 'newest', 'review', 'relative')),
	note text,
	by_role text,
	set_at timestamptz
);
CREATE UNIQUE INDEX authority_rule ON bcdelta.authority (coalesce(server, ''), stage, resource, coalesce(field, ''));
COMMENT ON TABLE bcdelta.authority IS
'who owns the records of a resource, or a field of them, at each stage; set by set_authority(); outranks the conflict policies of feeds, and is outranked by adjustments';
COMMENT ON COLUMN bcdelta.authority.server IS 'null: what applies to all stores for which nothing else is said';
COMMENT ON COLUMN bcdelta.authority.field IS 'null: all fields for which nothing else is said';
COMMENT ON COLUMN bcdelta.authority.owner IS
'feed: the policies of the feed apply; source, newest, review: the policy that applies instead; store: nothing is sent, and rows wait in state review; relative: stock is sent as differences, so that both shops can sell';
COMMENT ON COLUMN bcdelta.authority.note IS 'why, in words';
COMMENT ON COLUMN bcdelta.authority.by_role IS 'the name of the role that had logged in; null: comes with bcdelta';
COMMENT ON COLUMN bcdelta.authority.set_at IS 'when; null: comes with bcdelta';
INSERT INTO bcdelta.authority (stage, resource, owner)
SELECT s.stage, r.resource, CASE s.stage WHEN 'live' THEN coalesce(r.live, 'store') ELSE 'store' END
FROM (VALUES ('live'), ('watch'), ('closed')) AS s (stage), (VALUES
	('brand', NULL), ('brand_metafield', NULL), ('category', NULL), ('category_assignment', NULL), ('category_metafield', NULL),
	('channel_assignment', NULL), ('customer', 'newest'), ('customer_address', 'review'), ('customer_attribute', NULL),
	('customer_attribute_value', 'review'), ('customer_group', NULL), ('customer_metafield', NULL), ('inventory', 'relative'),
	('location', NULL), ('price_list', NULL), ('price_list_assignment', NULL), ('price_record', NULL), ('product', 'review'),
	('product_metafield', NULL), ('redirect', 'feed'), ('variant', 'review'), ('variant_metafield', NULL)) AS r (resource, live);
INSERT INTO bcdelta.authority (stage, resource, field, owner, note) VALUES
	('live', 'product', 'inventory_level', 'store', 'an absolute quantity would undo what the store has sold; a feed of inventory sends differences'),
	('live', 'variant', 'inventory_level', 'store', 'an absolute quantity would undo what the store has sold; a feed of inventory sends differences');

CREATE VIEW bcdelta.authority_now AS
SELECT s.server, s.stage, s.since, a.resource, a.field, a.owner,
	format('since stage %s %s', s.stage, CASE a.owner
		WHEN 'feed' THEN format('the policies of feeds apply to %s', a.thing)
		WHEN 'source' THEN format('the source owns %s', a.thing)
		WHEN 'store' THEN format('the store owns %s', a.thing)
		WHEN 'newest' THEN format('the newest change of %s wins', a.thing)
		WHEN 'review' THEN format('a person decides if both sides have changed %s', a.thing)
		ELSE format('both sides count %s, and differences are sent', a.thing) END) AS rule, a.note
FROM bcdelta.stage AS s
CROSS JOIN LATERAL (
	SELECT o.*, concat_ws('.', o.resource, o.field) AS thing,
		bool_or(o.owner = 'store' AND o.field IS NULL) OVER (PARTITION BY o.resource) AS withheld
	FROM bcdelta.authority AS o
	WHERE o.stage = s.stage AND (o.server = s.server OR o.server IS NULL AND NOT EXISTS (
		SELECT FROM bcdelta.authority AS n WHERE n.server = s.server AND n.stage = o.stage AND n.resource = o.resource
		AND n.field IS NOT DISTINCT FROM o.field))) AS a
WHERE a.field IS NULL OR NOT a.withheld;
COMMENT ON VIEW bcdelta.authority_now IS
'what bcdelta.authority says for the present stage of each store, as pushes, previews and verifies go by it; resources without a row: the policies of their feeds apply';
COMMENT ON COLUMN bcdelta.authority_now.rule IS 'in words';

ALTER TABLE bcdelta.run DROP CONSTRAINT run_kind_check,
	ADD CONSTRAINT run_kind_check CHECK (kind IN ('push', 'link', 'verify', 'rollback', 'preflight'));
CREATE OR REPLACE VIEW bcdelta.status AS
SELECT f.feed, f.server, f.resource,
	coalesce(h.state, f.state) AS state,
	CASE WHEN h.state IS NULL THEN f.paused_reason ELSE h.paused_reason END AS paused_reason,
	nullif(concat_ws('; ',
		coalesce(
			nullif(concat_ws('; ',
				CASE WHEN w.words <> 'running' AND NOT pg_catalog.pg_is_in_recovery()
					THEN CASE WHEN w.words LIKE 'the worker''s %' THEN '' ELSE 'no worker serves this database: ' END || w.words END,
				bcdelta.feed_trouble(f.feed), s.trouble,
				CASE WHEN s.trouble IS NULL AND s.blocked_until > now() + interval '1 minute'
					THEN format('nothing is sent to the store before %s, at its request', date_trunc('second', s.blocked_until)) END), ''),
			e.trouble,
			CASE WHEN r.state = 'failed' AND r.finished_at > coalesce(f.resumed_at, '-infinity')
				AND (r.error NOT LIKE 'feed "%' OR starts_with(r.error, format('feed "%s"', f.feed)))
				THEN format('run %s (%s) failed: %s', r.run_id, r.kind, r.error) END),
		v.trouble), '') AS trouble,
	coalesce(c.changes, 0) + (
		SELECT count(*) FROM (
			SELECT FROM bcdelta.lookup AS l WHERE l.dependency_id IN (
				SELECT d.dependency_id FROM bcdelta.dependency AS d WHERE d.feed = f.feed) LIMIT 10000) AS waits) AS changes,
	coalesce(t.ready, 0) AS ready,
	coalesce(t.waiting, 0) AS waiting,
	coalesce(t.in_flight, 0) AS in_flight,
	coalesce(t.deferred, 0) AS deferred,
	coalesce(t.failed, 0) AS failed,
	coalesce(t.review, 0) AS review,
	coalesce(t.linked, 0) AS linked,
	least((SELECT min(p.changed_at) FROM bcdelta.pending AS p WHERE p.feed = f.feed AND p.state <> 'in_flight'),
		(SELECT min(p.changed_at) FROM bcdelta.pending AS p WHERE p.feed = f.feed AND p.state = 'in_flight'),
		c.oldest) AS oldest_pending,
	r.run_id AS last_run_id, r.kind AS last_run_kind, r.state AS last_run_state,
	r.finished_at AS last_run_finished_at, r.error AS last_run_error,
	s.quota, s.quota_left, s.blocked_until AS store_blocked_until,
	w.words AS worker,
	(SELECT string_agg(format('run %s (%s): outside the hours %s %s until %s', o.run_id, o.kind, h.hours, h.time_zone,
			date_trunc('second', o.paused_until)), '; ' ORDER BY o.run_id)
		FROM bcdelta.run AS o JOIN bcdelta.schedule AS h ON h.name = o.schedule
		WHERE o.state = 'requested' AND o.server = f.server AND (o.feed = f.feed OR o.feed IS NULL) AND o.paused_until > now()) AS waiting_for,
	(SELECT a.rule FROM bcdelta.authority_now AS a
		WHERE a.server = f.server AND a.resource = f.resource AND a.field IS NULL AND a.owner = 'store') AS withheld
FROM bcdelta.feed AS f
CROSS JOIN bcdelta.worker_state() AS w (words)
CROSS JOIN LATERAL bcdelta.feed_state(f.feed) AS h
LEFT JOIN (
	SELECT feed, sum(n) FILTER (WHERE what = 'ready')::bigint AS ready,
		sum(n) FILTER (WHERE what = 'waiting')::bigint AS waiting,
		sum(n) FILTER (WHERE what = 'in_flight')::bigint AS in_flight,
		sum(n) FILTER (WHERE what = 'deferred')::bigint AS deferred,
		sum(n) FILTER (WHERE what = 'failed')::bigint AS failed,
		sum(n) FILTER (WHERE what = 'review')::bigint AS review,
		sum(n) FILTER (WHERE what = 'linked')::bigint AS linked
	FROM (SELECT feed, what, n FROM bcdelta.tally UNION ALL SELECT feed, what, n FROM bcdelta.own_tally()) AS t
	GROUP BY feed) AS t USING (feed)
LEFT JOIN (
	-- in a large backlog, count 400 pages and estimate the rest
	SELECT c.feed_id, round(c.changes * 100 / s.percent)::bigint AS changes, c.oldest
	FROM (
		SELECT least(100, 100 * 400 * 8192.0 / greatest(1, pg_catalog.pg_relation_size('bcdelta.change')
			+ pg_catalog.pg_relation_size('bcdelta.change_1') + pg_catalog.pg_relation_size('bcdelta.change_2')))
	) AS s (percent)
	CROSS JOIN LATERAL (
		SELECT feed_id, count(*) AS changes, min(changed_at) AS oldest
		FROM bcdelta.change TABLESAMPLE SYSTEM (s.percent) REPEATABLE (0) GROUP BY feed_id) AS c
) AS c USING (feed_id)
-- the columns of 0.1.0, as its view has them
LEFT JOIN LATERAL (
	(SELECT run_id, kind, feed, server, state, started_at, finished_at, created, updated, deleted, hidden, linked, unchanged, deferred,
		conflicts, failed, api_calls, throttled, error, warning, requested_at, requested_by, schedule, mode, sample, max_rows, waited
		FROM bcdelta.run WHERE server = f.server AND feed = f.feed ORDER BY run_id DESC LIMIT 1)
	UNION ALL (SELECT run_id, kind, feed, server, state, started_at, finished_at, created, updated, deleted, hidden, linked, unchanged, deferred,
		conflicts, failed, api_calls, throttled, error, warning, requested_at, requested_by, schedule, mode, sample, max_rows, waited
		FROM bcdelta.run WHERE server = f.server AND feed IS NULL AND kind <> 'preflight' ORDER BY run_id DESC LIMIT 1)
	ORDER BY run_id DESC LIMIT 1) AS r ON true
LEFT JOIN LATERAL (
	SELECT string_agg(format('schedule "%s": %s', c.name, c.last_error), '; ' ORDER BY c.name) AS trouble
	FROM bcdelta.schedule AS c
	JOIN bcdelta.run AS l ON l.run_id = c.last_run_id AND l.schedule = c.name
	WHERE (c.feed = f.feed OR (c.feed IS NULL AND c.server = f.server)) AND c.last_error IS NOT NULL
	AND l.state = 'failed' AND l.finished_at > coalesce(f.resumed_at, '-infinity')
	AND (l.error NOT LIKE 'feed "%' OR starts_with(l.error, format('feed "%s"', f.feed)))) AS e ON true
LEFT JOIN LATERAL (
	SELECT string_agg(w.message, '; ' ORDER BY w.event_id) AS trouble FROM bcdelta.event AS w
	WHERE w.over_at IS NULL AND w.event IN ('differences', 'quota_taken') AND w.server = f.server AND (w.feed = f.feed OR w.feed IS NULL)) AS v ON true
LEFT JOIN pg_catalog.pg_foreign_server AS fs ON fs.srvname = f.server
LEFT JOIN bcdelta.worker_store() AS s ON s.server = fs.oid;
COMMENT ON COLUMN bcdelta.status.waiting_for IS 'runs that pause outside the hours of their schedules, and until when; null: none';
COMMENT ON COLUMN bcdelta.status.withheld IS
'why nothing of the feed is sent, if its store owns the records as a whole at the present stage: its changed rows are in state review until another stage or rule gives them back; null: the store does not';

CREATE VIEW bcdelta.trouble AS
SELECT CASE h.state WHEN 'paused' THEN 'feed_paused' ELSE 'feed_trouble' END AS event,
	CASE WHEN h.state = 'paused' AND starts_with(h.paused_reason, 'paused by ') THEN 'info'
		-- by a rollback that somebody wanted
		WHEN h.state = 'paused' AND h.paused_reason ~ '^run [0-9]+ is undone by run [0-9]+$' THEN 'warning'
		WHEN h.state = 'paused' THEN 'critical'
		-- only rows that wait for others, which are told last
		WHEN t.words ~ '^rows? ' THEN 'warning'
		ELSE 'critical' END AS severity,
	f.server, f.feed, NULL::text AS schedule, NULL::bigint AS run_id, format('feed "%s": %s', f.feed, t.words) AS message
FROM bcdelta.feed AS f
CROSS JOIN LATERAL (SELECT coalesce(s.state, f.state) AS state, CASE WHEN s.state IS NULL THEN f.paused_reason ELSE s.paused_reason END
	FROM bcdelta.feed_state(f.feed) AS s) AS h (state, paused_reason)
CROSS JOIN LATERAL bcdelta.feed_trouble(f.feed) AS t (words)
WHERE t.words IS NOT NULL
UNION ALL
SELECT 'schedule_failed', 'critical', s.server, s.feed, s.name, s.last_run_id, format('schedule "%s": %s', s.name, s.last_error)
FROM bcdelta.schedule AS s
WHERE s.alert <> 'none' AND s.last_error ~ '^run [0-9]+ failed'
UNION ALL
SELECT 'store_trouble', 'critical', f.srvname, NULL, NULL, NULL, format('store of server "%s": %s', f.srvname,
	coalesce(s.trouble, format('nothing is sent before %s, at its request', date_trunc('second', s.blocked_until))))
FROM bcdelta.worker_store() AS s JOIN pg_catalog.pg_foreign_server AS f ON f.oid = s.server
WHERE s.trouble IS NOT NULL OR s.blocked_until > now() + interval '1 minute'
UNION ALL
SELECT 'quota_taken', 'warning', f.srvname, NULL, NULL, NULL,
	format('store of server "%s": other apps use %s %% of the requests that it allows, so pushes take longer', f.srvname, round(100 * s.others))
FROM bcdelta.worker_quota() AS s JOIN pg_catalog.pg_foreign_server AS f ON f.oid = s.server
WHERE s.others >= coalesce((SELECT o.option_value FROM pg_catalog.pg_options_to_table(f.srvoptions) AS o WHERE o.option_name = 'others_alert'), '0.5')::double precision
UNION ALL
SELECT 'another_writer', 'critical', f.srvname, NULL, NULL, NULL,
	format('store of server "%s": another server seems to push to it, an old primary or a copy of this database: the last %s changes were there already when they were pushed from here. Stop it, or take its token away', f.srvname, s.twins)
FROM bcdelta.worker_quota() AS s JOIN pg_catalog.pg_foreign_server AS f ON f.oid = s.server
-- one or two may be the work of a person
WHERE s.twins >= 3 AND s.twin_at > now() - interval '1 hour'
UNION ALL
SELECT 'differences', 'warning', s.server, s.feed, s.name, r.run_id,
	format('schedule "%s": run %s (verify) found %s between source and store: see bcdelta.discrepancy%s', s.name, r.run_id,
		CASE d.n WHEN 1 THEN '1 difference' ELSE to_char(d.n, 'FM999,999,999,990') || ' differences' END,
		CASE WHEN d.rows > 0 THEN format(', and SELECT bcdelta.repair(%s)', r.run_id) END)
FROM bcdelta.schedule AS s
CROSS JOIN LATERAL (
	SELECT v.run_id FROM bcdelta.run AS v
	WHERE v.server = s.server AND v.feed IS NOT DISTINCT FROM s.feed AND v.kind = 'verify' AND v.state = 'succeeded'
	AND v.mode IN ('full', s.mode) ORDER BY v.run_id DESC LIMIT 1) AS r
CROSS JOIN LATERAL (
	SELECT count(*) AS n, count(c.key) AS rows FROM (
		SELECT e.key FROM bcdelta.discrepancy AS e WHERE e.run_id = r.run_id AND (e.key IS NOT NULL OR e.field = 'count') AND e.decided IS NULL LIMIT 100000) AS c) AS d
WHERE s.kind = 'verify' AND s.alert IN ('difference', 'always') AND d.n > 0;
COMMENT ON VIEW bcdelta.trouble IS
'what is wrong now: one row per problem; the worker compares this with bcdelta.event at the end of each run and every minute; a reader needs the right to read bcdelta.status, too';
COMMENT ON COLUMN bcdelta.trouble.event IS 'the kind of problem, as in bcdelta.event';
COMMENT ON COLUMN bcdelta.trouble.message IS 'what is the matter, in words, and what to do';

CREATE FUNCTION bcdelta.health(max_age interval DEFAULT '1 day', OUT state text, OUT message text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH feeds AS MATERIALIZED (
		-- what the store owns as a whole has been decided on
		SELECT s.feed, s.worker, s.failed, CASE WHEN s.withheld IS NULL THEN s.review ELSE 0 END AS review,
			CASE WHEN s.withheld IS NULL THEN 0 ELSE s.review END AS withheld,
			s.ready + s.waiting + s.in_flight + s.deferred + s.changes AS pending, s.linked,
			CASE WHEN s.withheld IS NULL THEN s.oldest_pending END AS oldest_pending FROM bcdelta.status AS s),
	problems (severity, message) AS (
		SELECT 'critical', CASE WHEN min(f.worker) LIKE 'the worker''s %' THEN '' ELSE 'no worker serves this database: ' END || min(f.worker) FROM feeds AS f WHERE f.worker <> 'running' HAVING count(*) > 0
		UNION ALL SELECT t.severity, t.message FROM bcdelta.trouble AS t
		UNION ALL SELECT 'warning', format('feed "%s": %s', f.feed, concat_ws(' and ',
				CASE f.failed WHEN 0 THEN NULL WHEN 1 THEN '1 row failed' ELSE f.failed || ' rows failed' END,
				CASE f.review WHEN 0 THEN NULL WHEN 1 THEN '1 row has to be decided on' ELSE f.review || ' rows have to be decided on' END))
			FROM feeds AS f WHERE f.failed + f.review > 0
		UNION ALL SELECT 'warning', format('feed "%s": the oldest change that is not in the store is of %s', f.feed, date_trunc('second', f.oldest_pending))
			FROM feeds AS f WHERE f.oldest_pending < clock_timestamp() - max_age),
	worst AS (
		SELECT p.severity, p.message, count(*) OVER () AS n FROM problems AS p WHERE p.severity <> 'info'
		ORDER BY p.severity <> 'critical', p.message LIMIT 1)
	SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'ok' ELSE coalesce(w.severity, 'ok') END,
		CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'this server is a standby; nothing is pushed from here'
		WHEN w.message IS NULL THEN
			CASE a.n WHEN 0 THEN 'no feed is tracked' WHEN 1 THEN '1 feed' ELSE a.n || ' feeds' END
			|| CASE WHEN a.n > 0 THEN format(': %s rows in the store, %s', to_char(a.linked, 'FM999,999,999,990'),
				CASE a.pending WHEN 0 THEN 'nothing to push' ELSE to_char(a.pending, 'FM999,999,999,990') || ' to push' END) ELSE '' END
			|| CASE a.withheld WHEN 0 THEN '' WHEN 1 THEN '; 1 row is not sent, as the store owns it now'
				ELSE format('; %s rows are not sent, as the store owns them now', to_char(a.withheld, 'FM999,999,999,990')) END
		ELSE pg_catalog.translate(w.message, E'\n\r|', '   ') || CASE WHEN w.n > 1 THEN format(' (and %s more)', w.n - 1) ELSE '' END END
	FROM (SELECT count(*) AS n, coalesce(sum(f.linked), 0) AS linked, coalesce(sum(f.pending), 0) AS pending, coalesce(sum(f.withheld), 0) AS withheld FROM feeds AS f) AS a
	LEFT JOIN worst AS w ON true
$$;
COMMENT ON FUNCTION bcdelta.health(interval) IS
'one row for a monitoring check by psql -At: ok, warning or critical, and one sentence; max_age: how old a change may be that is not in the store; requires the right to read bcdelta.status and bcdelta.trouble';

CREATE FUNCTION bcdelta.report(server text, since timestamptz DEFAULT NULL) RETURNS text
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'bcdelta_report';
COMMENT ON FUNCTION bcdelta.report(text, timestamptz) IS
'a page about a store and what happened since a time (null: 7 days ago), as HTML in one line; who may not read the tables needs USAGE on the server, and sees the feeds whose owner he may act for';

CREATE FUNCTION bcdelta.report(run_id bigint) RETURNS text
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'bcdelta_report_run';
COMMENT ON FUNCTION bcdelta.report(bigint) IS
'a page about a run, as HTML in one line; an error if there is no such run, or the caller may not see it';

CREATE TABLE bcdelta.stock_level (
	feed text NOT NULL,
	key text NOT NULL,
	first numeric NOT NULL,
	since timestamptz NOT NULL,
	adjusted numeric NOT NULL,
	adjustments bigint NOT NULL,
	adjusted_at timestamptz,
	level numeric,
	level_at timestamptz,
	PRIMARY KEY (feed, key)
);
COMMENT ON TABLE bcdelta.stock_level IS
'quantities of which the store is sent differences, and the levels that it was last seen with: see stock_balance; written by the worker and by settle()';
COMMENT ON COLUMN bcdelta.stock_level.first IS 'the quantity that was last set';
COMMENT ON COLUMN bcdelta.stock_level.since IS 'when the first difference from that was sent, or the level was first seen';
COMMENT ON COLUMN bcdelta.stock_level.adjusted IS 'the sum of the differences that the store has surely taken since';
COMMENT ON COLUMN bcdelta.stock_level.level IS 'what the store had, as it was read by a verify, or before a difference and with that; null: not known';

CREATE VIEW bcdelta.stock_balance AS
SELECT f.server, l.feed, l.key, l.address, b.first, s.since, b.adjusted, b.adjustments, b.in_doubt, b.expected, s.level, s.level_at,
	CASE WHEN s.level IS NOT NULL THEN greatest(b.expected - s.level, 0) END AS sold,
	CASE WHEN s.level IS NOT NULL THEN greatest(s.level - b.expected, 0) END AS unexplained
FROM bcdelta.feed AS f
JOIN bcdelta.link AS l ON l.feed = f.feed
LEFT JOIN bcdelta.stock_level AS s ON s.feed = l.feed AND s.key = l.key AND s.first + s.adjusted = (l.payload ->> 'quantity')::numeric
CROSS JOIN LATERAL (
	SELECT coalesce(s.first, (l.payload ->> 'quantity')::numeric) AS first, coalesce(s.adjusted, 0) AS adjusted,
		coalesce(s.adjustments, 0) AS adjustments, (l.payload ->> 'quantity')::numeric AS expected,
		(l.doubt ->> 'to')::numeric - (l.doubt ->> 'from')::numeric AS in_doubt) AS b
WHERE f.resource = 'inventory' AND l.payload ->> 'quantity' IS NOT NULL AND (f.options ->> 'adjustment' = 'relative' OR EXISTS (
	SELECT FROM bcdelta.authority_now AS a WHERE a.server = f.server AND a.resource = f.resource AND a.field IS NULL AND a.owner = 'relative'));
COMMENT ON VIEW bcdelta.stock_balance IS
'explains the stock of rows of which the store is sent differences, because both shops sell: expected = first + adjusted; level = expected - sold + unexplained';
COMMENT ON COLUMN bcdelta.stock_balance.first IS 'the quantity that was last set';
COMMENT ON COLUMN bcdelta.stock_balance.adjusted IS 'the sum of the differences that the store has surely taken since';
COMMENT ON COLUMN bcdelta.stock_balance.in_doubt IS 'a difference of which it is not known whether the store has taken it; null: there is none; see settle()';
COMMENT ON COLUMN bcdelta.stock_balance.expected IS 'what the store would have if it had sold nothing';
COMMENT ON COLUMN bcdelta.stock_balance.level IS 'what the store had at level_at; null: nobody has read it, which a verify of the feed does';
COMMENT ON COLUMN bcdelta.stock_balance.sold IS
'what the store has less than expected: orders, and what was taken out there otherwise; orders themselves are not read; null: the level is not known';
COMMENT ON COLUMN bcdelta.stock_balance.unexplained IS
'what the store has more than expected: returns, deliveries, or somebody else''s adjustments; null: the level is not known';

CREATE TABLE bcdelta.preflight_reply (
	run_id bigint NOT NULL,
	role oid NOT NULL,
	what text NOT NULL,
	status integer NOT NULL,
	list jsonb,
	PRIMARY KEY (run_id, role, what)
);
COMMENT ON TABLE bcdelta.preflight_reply IS
'what the store has answered to a run of preflight(), which reads it; kept like results';
COMMENT ON COLUMN bcdelta.preflight_reply.role IS 'the owner of feeds with whose token it was asked; 0: what the store tells of itself with every reply';
COMMENT ON COLUMN bcdelta.preflight_reply.what IS
'read or write and an OAuth scope; list and a kind of records; store';
COMMENT ON COLUMN bcdelta.preflight_reply.status IS 'the HTTP status: 401: the token is refused; 403: it lacks the scope';

ALTER TABLE bcdelta.change ADD dependency_id integer, ADD by_role text, ADD application text;
COMMENT ON COLUMN bcdelta.change.dependency_id IS
'during a freeze: the child table that was changed; 0: the feed''s source; null: not known';
COMMENT ON COLUMN bcdelta.change.by_role IS 'during a freeze: the role that had logged in';
COMMENT ON COLUMN bcdelta.change.application IS 'during a freeze: the application_name of the session';
CREATE TABLE bcdelta.freeze_leak (
	feed_id integer NOT NULL,
	dependency_id integer NOT NULL,
	since timestamptz NOT NULL,
	changes bigint NOT NULL,
	first_at timestamptz NOT NULL,
	last_at timestamptz NOT NULL,
	by_role text,
	application text,
	PRIMARY KEY (feed_id, dependency_id)
);
COMMENT ON TABLE bcdelta.freeze_leak IS
'changes of a feed''s tables that were captured, and have been folded, while its store was at stage freeze: see freeze_leaks; written only by the worker';
COMMENT ON COLUMN bcdelta.freeze_leak.dependency_id IS 'the child table; 0: the feed''s source; -1: not known which of them';
COMMENT ON COLUMN bcdelta.freeze_leak.since IS 'when that freeze began; the first change of a later one replaces the row';
COMMENT ON COLUMN bcdelta.freeze_leak.by_role IS 'who made the last change: the name of the role that had logged in; null: not known';
COMMENT ON COLUMN bcdelta.freeze_leak.application IS 'the application_name of that session; null: it had none, or is not known';

CREATE VIEW bcdelta.freeze_leaks AS
WITH f AS (
	SELECT s.server, s.since, f.feed, f.feed_id, f.source
	FROM bcdelta.stage AS s JOIN bcdelta.feed AS f ON f.server = s.server WHERE s.stage = 'freeze'
), l AS (
	SELECT feed_id, dependency_id, since, changes, first_at, last_at, by_role, application FROM bcdelta.freeze_leak
	UNION ALL -- what has not been folded
	SELECT c.feed_id, coalesce(c.dependency_id, -1), f.since, count(*), min(c.changed_at), max(c.changed_at),
		(array_agg(c.by_role ORDER BY c.changed_at DESC))[1], (array_agg(c.application ORDER BY c.changed_at DESC))[1]
	FROM f JOIN bcdelta.change AS c ON c.feed_id = f.feed_id AND c.changed_at >= f.since WHERE c.op <> 'h' GROUP BY 1, 2, 3
), t AS (
	SELECT f.server, f.since, f.feed, CASE
		WHEN l.dependency_id > 0 THEN (SELECT d.child FROM bcdelta.dependency AS d WHERE d.dependency_id = l.dependency_id)
		WHEN l.dependency_id = 0 OR NOT EXISTS (SELECT FROM bcdelta.dependency AS d WHERE d.feed = f.feed) THEN f.source
		END AS source, sum(l.changes) AS changes, min(l.first_at) AS first_at, max(l.last_at) AS last_at,
		(array_agg(l.by_role ORDER BY l.last_at DESC))[1] AS by_role,
		(array_agg(l.application ORDER BY l.last_at DESC))[1] AS application
	FROM f JOIN l ON l.feed_id = f.feed_id AND l.since = f.since GROUP BY 1, 2, 3, 4
)
SELECT s.server, s.source, s.feeds, s.changes, s.first_at, s.last_at,
	coalesce((SELECT format('subscription %s', n.subname) FROM pg_subscription AS n
		WHERE n.oid::text = substring(s.application FROM '^logical replication .*worker for subscription ([0-9]+)')),
		s.application) AS application, s.by_role, s.since
FROM (
	SELECT t.server, t.source, array_agg(t.feed ORDER BY t.feed) AS feeds, max(t.changes)::bigint AS changes,
		min(t.first_at) AS first_at, max(t.last_at) AS last_at,
		(array_agg(t.application ORDER BY t.last_at DESC))[1] AS application,
		(array_agg(t.by_role ORDER BY t.last_at DESC))[1] AS by_role, t.since
	FROM t GROUP BY t.server, t.source, t.since) AS s;
COMMENT ON VIEW bcdelta.freeze_leaks IS
'tables that are written although their store is at stage freeze: one row per store and table, with the number of captured changes; nothing is kept from writing';
COMMENT ON COLUMN bcdelta.freeze_leaks.source IS
'the source of a feed, or a child table; null: one of a feed''s tables, and it is not known which, because no worker ran at that time';
COMMENT ON COLUMN bcdelta.freeze_leaks.feeds IS 'feeds that have captured the changes';
COMMENT ON COLUMN bcdelta.freeze_leaks.changes IS
'changed rows; of several feeds, what the one that captured most has; those that statements made before the freeze began are not counted';
COMMENT ON COLUMN bcdelta.freeze_leaks.application IS
'who made the last change: the application_name of the session, the name of a background process, or a subscription; null: it had none, or is not known, because no worker ran at that time';
COMMENT ON COLUMN bcdelta.freeze_leaks.by_role IS 'the name of the role that had logged in; null: not known';
COMMENT ON COLUMN bcdelta.freeze_leaks.since IS 'when the freeze began';
SELECT pg_catalog.pg_extension_config_dump('bcdelta.stage', '');
SELECT pg_catalog.pg_extension_config_dump('bcdelta.authority', 'WHERE server IS NOT NULL');
SELECT pg_catalog.pg_extension_config_dump('bcdelta.cutover', '');
SELECT pg_catalog.pg_extension_config_dump('bcdelta.cutover_step', '');
SELECT pg_catalog.pg_extension_config_dump('bcdelta.criterion', '');
SELECT pg_catalog.pg_extension_config_dump('bcdelta.signature', '');
SELECT pg_catalog.pg_extension_config_dump(
	pg_catalog.pg_get_serial_sequence('bcdelta.cutover', 'plan_id')::pg_catalog.regclass, '');

CREATE FUNCTION bcdelta.stage(server name, stage text, note text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_stage';
COMMENT ON FUNCTION bcdelta.stage(name, text, text) IS
'says which stage of the cutover a store is in: prepare, freeze, live, watch or closed, or null for none; what the source may still write is in bcdelta.authority_now; rows that waited for another stage are pushed; needs USAGE on the server and membership in the owners of its feeds';

CREATE FUNCTION bcdelta.preflight(server name DEFAULT NULL)
RETURNS TABLE (no integer, fact text, verdict text, found text, next_step text)
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_preflight';
COMMENT ON FUNCTION bcdelta.preflight(name) IS
'what speaks against pushing to a store, one row per fact: verdict is ok, warning, problem or unknown, and next_step says what to do; asks the store through the worker, in a few requests that write nothing, and reads the sources of all feeds that the caller may act for; needs USAGE on the server';

CREATE FUNCTION bcdelta.set_authority(server name, stage text, resource text, owner text, field text DEFAULT NULL, note text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_set_authority';
COMMENT ON FUNCTION bcdelta.set_authority(name, text, text, text, text, text) IS
'says who owns the records of a resource, or a field of them, at a stage: feed, source, store, newest, review, or relative for inventory; null: as it comes with bcdelta; needs USAGE on the server and membership in the owners of its feeds';

CREATE FUNCTION bcdelta.plan_cutover(server name, go_live timestamptz, hours text DEFAULT '01:00-05:30', time_zone text DEFAULT NULL,
	before interval[] DEFAULT '{7 days,2 days,1 day,4 hours}', after interval[] DEFAULT '{1 hour,24 hours,7 days}',
	freeze interval DEFAULT '1 hour', watch interval DEFAULT '30 days', stop jsonb DEFAULT NULL, dry_run boolean DEFAULT false)
RETURNS SETOF bcdelta.cutover_step LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_plan_cutover';
COMMENT ON FUNCTION bcdelta.plan_cutover(name, timestamptz, text, text, interval[], interval[], interval, interval, jsonb, boolean) IS
'plans how a store goes live, and returns the steps, which the worker carries out: sweeps before and after go_live, a freeze before, comparisons for the time of watch after it; hours: those of little traffic, in time_zone (null: that of the session); stop: criteria that stop a run; dry_run: only shows the steps; needs USAGE on the server and membership in the owners of its feeds';

CREATE FUNCTION bcdelta.go(server name, note text DEFAULT NULL, override boolean DEFAULT false) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_go';
COMMENT ON FUNCTION bcdelta.go(name, text, boolean) IS
'lets a cutover that waits go on: the final sweep begins, and then stage live, not before the planned time; refused if a criterion of bcdelta.go_live_check() that must be met is not, unless override says so, with a note; needs USAGE on the server and membership in the owners of its feeds';

CREATE FUNCTION bcdelta.hold_cutover(server name, reason text) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_hold_cutover';
COMMENT ON FUNCTION bcdelta.hold_cutover(name, text) IS
'takes go() back: the steps from there on wait for it again, and sweeps go on meanwhile; after stage live has begun, the steps that are left wait; needs USAGE on the server and membership in the owners of its feeds';

CREATE FUNCTION bcdelta.move_cutover(server name, go_live timestamptz, reason text) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_move_cutover';
COMMENT ON FUNCTION bcdelta.move_cutover(name, timestamptz, text) IS
'plans another time at which a store goes live, and moves the steps that have not begun; a freeze that has begun ends, unless the next one would have begun, too; needs USAGE on the server and membership in the owners of its feeds';

CREATE FUNCTION bcdelta.abort_cutover(server name, reason text) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_abort_cutover';
COMMENT ON FUNCTION bcdelta.abort_cutover(name, text) IS
'ends a plan: its steps are skipped, and the store is in stage prepare, unless stage live has begun; a run that is under way goes on; needs USAGE on the server and membership in the owners of its feeds';

CREATE INDEX run_immediate ON bcdelta.run (run_id) WHERE mode = 'immediate';
CREATE INDEX pending_review ON bcdelta.pending (feed, key) WHERE state = 'review';

CREATE FUNCTION bcdelta.feed_capture(feed text) RETURNS text
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'bcdelta_feed_capture';
COMMENT ON FUNCTION bcdelta.feed_capture(text) IS
'what keeps changes of the tables of a feed from being captured, such as a trigger that is missing or disabled on a partition, in words; null: nothing; use the view bcdelta.status';

CREATE FUNCTION bcdelta.disk_free() RETURNS bigint
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'bcdelta_disk_free';
COMMENT ON FUNCTION bcdelta.disk_free() IS
'bytes that are free where the server keeps its data; null: not known; for go_live_check()';

CREATE FUNCTION bcdelta.go_live_blockers(server name) RETURNS bigint
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'bcdelta_go_live_blockers';
COMMENT ON FUNCTION bcdelta.go_live_blockers(name) IS
'how many criteria of go_live_check() must be met and are not, without the estimate and the queries of people; use the view bcdelta.metrics';

CREATE VIEW bcdelta.metrics AS
WITH t AS (SELECT * FROM bcdelta.totals()),
s AS (SELECT s.oid, s.srvname AS server FROM pg_catalog.pg_foreign_server AS s
	JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw WHERE w.fdwname = 'bcdelta'),
-- what its store owns as a whole at its stage is not sent, and needs no decision
f AS (SELECT f.feed, f.feed_id, f.resource, f.server, EXISTS (SELECT FROM bcdelta.authority_now AS a
		WHERE a.server = f.server AND a.resource = f.resource AND a.field IS NULL AND a.owner = 'store') AS withheld
	FROM bcdelta.feed AS f),
-- requests that were answered, by operation
r AS (SELECT t.server, t.label AS operation, t.bucket, sum(t.n) AS n, sum(t.seconds) AS seconds FROM t JOIN s USING (server)
	WHERE t.what = 'request' AND t.code <> 'none' GROUP BY t.server, t.label, t.bucket),
m (name, labels, value) AS (
	SELECT 'bcdelta_info', jsonb_build_object('version', e.extversion), 1::double precision FROM pg_catalog.pg_extension AS e WHERE e.extname = 'bcdelta'
	UNION ALL SELECT 'bcdelta_up', jsonb_build_object('server', server), CASE WHEN bcdelta.worker_state() = 'running' THEN 1 ELSE 0 END FROM s
	UNION ALL SELECT 'bcdelta_worker_start_timestamp_seconds', jsonb_build_object('server', server), extract(epoch FROM w.at)
	FROM s CROSS JOIN bcdelta.worker_started() AS w (at) WHERE w.at IS NOT NULL
	UNION ALL SELECT 'bcdelta_feed_paused', jsonb_build_object('server', f.server, 'feed', f.feed), CASE h.state WHEN 'active' THEN 0 ELSE 1 END
	FROM f CROSS JOIN LATERAL bcdelta.feed_state(f.feed) AS h
	UNION ALL SELECT 'bcdelta_pending_rows', jsonb_build_object('server', f.server, 'feed', f.feed, 'state', w.state), greatest(coalesce(sum(c.n), 0), 0)
	FROM f CROSS JOIN unnest(ARRAY['ready', 'waiting', 'in_flight', 'deferred', 'failed', 'review', 'withheld']) AS w (state)
	LEFT JOIN bcdelta.tally AS c ON c.feed = f.feed AND w.state = CASE WHEN c.what = 'review' AND f.withheld THEN 'withheld' ELSE c.what END
	GROUP BY f.server, f.feed, w.state
	UNION ALL SELECT 'bcdelta_linked_rows', jsonb_build_object('server', f.server, 'feed', f.feed), greatest(coalesce(sum(c.n), 0), 0)
	FROM f LEFT JOIN bcdelta.tally AS c ON c.feed = f.feed AND c.what = 'linked' GROUP BY f.server, f.feed
	UNION ALL SELECT 'bcdelta_oldest_change_timestamp_seconds', jsonb_build_object('server', o.server, 'feed', o.feed), extract(epoch FROM o.at)
	FROM (SELECT f.server, f.feed, least(
			(SELECT min(p.changed_at) FROM bcdelta.pending AS p WHERE p.feed = f.feed AND p.state <> 'in_flight'),
			(SELECT min(p.changed_at) FROM bcdelta.pending AS p WHERE p.feed = f.feed AND p.state = 'in_flight'), c.oldest) AS at
		FROM f LEFT JOIN (
			-- in a large backlog, 400 pages are read, as in bcdelta.status
			SELECT c.feed_id, c.oldest FROM (
				SELECT least(100, 100 * 400 * 8192.0 / greatest(1, pg_catalog.pg_relation_size('bcdelta.change')
					+ pg_catalog.pg_relation_size('bcdelta.change_1') + pg_catalog.pg_relation_size('bcdelta.change_2')))
			) AS p (percent)
			CROSS JOIN LATERAL (SELECT feed_id, min(changed_at) AS oldest FROM bcdelta.change
				TABLESAMPLE SYSTEM (p.percent) REPEATABLE (0) GROUP BY feed_id) AS c
		) AS c USING (feed_id) WHERE NOT f.withheld) AS o WHERE o.at IS NOT NULL
	UNION ALL SELECT 'bcdelta_captured_bytes', '{}', pg_catalog.pg_relation_size('bcdelta.change')
		+ pg_catalog.pg_relation_size('bcdelta.change_1') + pg_catalog.pg_relation_size('bcdelta.change_2')
	UNION ALL SELECT 'bcdelta_rows_total', jsonb_build_object('server', f.server, 'feed', f.feed, 'outcome', w.outcome), coalesce(sum(t.n), 0)
	FROM f CROSS JOIN unnest(ARRAY['created', 'updated', 'deleted', 'hidden', 'linked', 'unchanged', 'failed', 'retry', 'deferred', 'invalid']) AS w (outcome)
	LEFT JOIN t ON t.what = 'row' AND t.server = f.server AND t.feed = f.feed AND t.label = w.outcome GROUP BY f.server, f.feed, w.outcome
	UNION ALL SELECT 'bcdelta_api_requests_total', jsonb_build_object('server', q.server, 'operation', q.operation, 'code', q.code), sum(q.n)
	FROM (SELECT t.server, t.label AS operation, CASE t.code WHEN '429' THEN '4xx' ELSE t.code END AS code, t.n
		FROM t JOIN s USING (server) WHERE t.what = 'request') AS q GROUP BY q.server, q.operation, q.code
	UNION ALL SELECT 'bcdelta_api_throttled_total', jsonb_build_object('server', t.server, 'operation', t.label), coalesce(sum(t.n) FILTER (WHERE t.code = '429'), 0)
	FROM t JOIN s USING (server) WHERE t.what = 'request' GROUP BY t.server, t.label
	UNION ALL SELECT 'bcdelta_api_request_duration_seconds_bucket', jsonb_build_object('server', r.server, 'operation', r.operation, 'le', w.le), sum(r.n) FILTER (WHERE r.bucket < w.nth)
	FROM r CROSS JOIN unnest(ARRAY['0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '30', '60', '+Inf']) WITH ORDINALITY AS w (le, nth)
	GROUP BY r.server, r.operation, w.le
	UNION ALL SELECT 'bcdelta_api_request_duration_seconds_sum', jsonb_build_object('server', server, 'operation', operation), sum(seconds) FROM r GROUP BY server, operation
	UNION ALL SELECT 'bcdelta_api_request_duration_seconds_count', jsonb_build_object('server', server, 'operation', operation), sum(n) FROM r GROUP BY server, operation
	UNION ALL SELECT 'bcdelta_quota_requests', jsonb_build_object('server', s.server), q.quota FROM s JOIN bcdelta.worker_quota() AS q ON q.server = s.oid WHERE q.quota IS NOT NULL
	UNION ALL SELECT 'bcdelta_quota_left_requests', jsonb_build_object('server', s.server), q.quota_left FROM s JOIN bcdelta.worker_quota() AS q ON q.server = s.oid WHERE q.quota IS NOT NULL
	UNION ALL SELECT 'bcdelta_quota_others_ratio', jsonb_build_object('server', s.server), coalesce(q.others, 0) FROM s JOIN bcdelta.worker_quota() AS q ON q.server = s.oid
	UNION ALL SELECT 'bcdelta_runs_total', jsonb_build_object('server', s.server, 'kind', k.kind, 'state', w.state), coalesce(sum(t.n), 0)
	FROM s CROSS JOIN unnest(ARRAY['push', 'link', 'verify', 'rollback', 'preflight']) AS k (kind) CROSS JOIN unnest(ARRAY['succeeded', 'failed', 'cancelled']) AS w (state)
	LEFT JOIN t ON t.what = 'run' AND t.server = s.server AND t.label = k.kind AND t.code = w.state GROUP BY s.server, k.kind, w.state
	UNION ALL SELECT 'bcdelta_last_success_timestamp_seconds', jsonb_build_object('server', t.server, 'kind', t.label), extract(epoch FROM max(t.at))
	FROM t JOIN s USING (server) WHERE t.what = 'run' AND t.code = 'succeeded' GROUP BY t.server, t.label
	UNION ALL SELECT 'bcdelta_run_rows', jsonb_build_object('server', u.server, 'kind', u.kind, 'rows', w.rows), w.n
	FROM bcdelta.worker_progress() AS p JOIN bcdelta.run AS u USING (run_id) CROSS JOIN LATERAL (VALUES ('done', p.done), ('total', p.total)) AS w (rows, n)
	UNION ALL SELECT 'bcdelta_run_remaining_seconds', jsonb_build_object('server', u.server, 'kind', u.kind), extract(epoch FROM p.eta)
	FROM bcdelta.worker_progress() AS p JOIN bcdelta.run AS u USING (run_id) WHERE p.eta IS NOT NULL
	UNION ALL SELECT 'bcdelta_discrepancies', jsonb_build_object('server', f.server, 'feed', f.feed),
		(SELECT count(*) FROM bcdelta.discrepancy AS d WHERE d.run_id = v.run_id AND d.feed = f.feed AND d.decided IS NULL)
	FROM f JOIN bcdelta.proven AS v ON v.server = f.server AND v.resource = f.resource
	UNION ALL SELECT 'bcdelta_conflicts_open', jsonb_build_object('server', f.server, 'feed', f.feed),
		(SELECT count(*) FROM bcdelta.conflict AS c WHERE c.feed = f.feed AND c.is_current AND c.state = 'open') FROM f
	UNION ALL SELECT 'bcdelta_adjustments', jsonb_build_object('server', f.server, 'feed', f.feed),
		(SELECT count(*) FROM bcdelta.adjustment AS a WHERE a.feed = f.feed AND a.state <> 'ended') FROM f
	-- as bcdelta.stock_balance has it, by way of the few levels that are too high
	UNION ALL SELECT 'bcdelta_stock_unexplained_units', jsonb_build_object('server', f.server), coalesce(sum(b.units), 0)
	FROM f JOIN bcdelta.feed AS g USING (feed) LEFT JOIN (
		SELECT l.feed, s.level - s.first - s.adjusted AS units FROM bcdelta.stock_level AS s
		JOIN bcdelta.link AS l ON l.feed = s.feed AND l.key = s.key AND (l.payload ->> 'quantity')::numeric = s.first + s.adjusted
		WHERE s.level > s.first + s.adjusted) AS b ON b.feed = f.feed
	WHERE f.resource = 'inventory' AND (g.options ->> 'adjustment' = 'relative' OR EXISTS (
		SELECT FROM bcdelta.authority_now AS a WHERE a.server = f.server AND a.resource = f.resource AND a.field IS NULL AND a.owner = 'relative')) GROUP BY f.server
	UNION ALL SELECT 'bcdelta_proof_timestamp_seconds', jsonb_build_object('server', v.server, 'resource', v.resource), extract(epoch FROM v.proven_at)
	FROM bcdelta.proven AS v JOIN s USING (server)
	UNION ALL SELECT 'bcdelta_silent_edits_total', jsonb_build_object('server', t.server, 'resource', t.label), sum(t.n)
	FROM t JOIN s USING (server) WHERE t.what = 'silent edit' GROUP BY t.server, t.label
	UNION ALL SELECT 'bcdelta_health', jsonb_build_object('server', s.server), CASE WHEN bcdelta.worker_state() <> 'running' THEN 2 ELSE greatest(
		(SELECT max(CASE e.severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 END) FROM bcdelta.event AS e
			WHERE e.over_at IS NULL AND e.event <> 'cutover' AND (e.server = s.server OR e.server IS NULL)),
		(SELECT 1 FROM f JOIN bcdelta.tally AS c ON c.feed = f.feed WHERE f.server = s.server AND (c.what = 'failed' OR c.what = 'review' AND NOT f.withheld)
			HAVING sum(c.n) > 0), 0) END
	FROM s
	UNION ALL SELECT 'bcdelta_cutover_stage', jsonb_build_object('server', s.server, 'stage', w.stage), CASE WHEN g.stage = w.stage THEN 1 ELSE 0 END
	FROM s CROSS JOIN unnest(ARRAY['prepare', 'freeze', 'live', 'watch', 'closed']) AS w (stage) LEFT JOIN bcdelta.stage AS g ON g.server = s.server
	UNION ALL SELECT 'bcdelta_cutover_state', jsonb_build_object('server', p.server, 'state', w.state),
		CASE WHEN w.state = CASE WHEN p.held AND p.state IN ('planned', 'live') THEN 'held' ELSE p.state END THEN 1 ELSE 0 END
	FROM (SELECT DISTINCT ON (c.server) c.server, c.state, c.held FROM bcdelta.cutover AS c JOIN s USING (server) ORDER BY c.server, c.plan_id DESC) AS p
	CROSS JOIN unnest(ARRAY['planned', 'held', 'live', 'done', 'aborted']) AS w (state)
	UNION ALL SELECT 'bcdelta_cutover_timestamp_seconds', jsonb_build_object('server', c.server), extract(epoch FROM c.go_live)
	FROM bcdelta.cutover AS c JOIN s USING (server) WHERE c.state IN ('planned', 'live')
	UNION ALL SELECT 'bcdelta_go_live_blockers', jsonb_build_object('server', c.server), bcdelta.go_live_blockers(c.server)
	FROM bcdelta.cutover AS c JOIN s USING (server) WHERE c.state = 'planned'
)
SELECT m.name, d.type, d.help, m.labels, m.value
FROM m JOIN (VALUES
	('bcdelta_info', 'gauge', 'Version of the extension.'),
	('bcdelta_up', 'gauge', 'Whether a worker serves this database.'),
	('bcdelta_worker_start_timestamp_seconds', 'gauge', 'When the worker was started.'),
	('bcdelta_feed_paused', 'gauge', 'Whether the feed is paused.'),
	('bcdelta_pending_rows', 'gauge', 'Rows that have to be pushed, by state.'),
	('bcdelta_linked_rows', 'gauge', 'Rows that are in the store.'),
	('bcdelta_oldest_change_timestamp_seconds', 'gauge', 'Time of the oldest change that is not in the store; missing: there is none.'),
	('bcdelta_captured_bytes', 'gauge', 'Size of the tables of captured changes.'),
	('bcdelta_rows_total', 'counter', 'Results of rows, by outcome.'),
	('bcdelta_api_requests_total', 'counter', 'Requests to the store, by operation and class of status; none: without a whole reply.'),
	('bcdelta_api_throttled_total', 'counter', 'Requests that the store refused with status 429.'),
	('bcdelta_api_request_duration_seconds', 'histogram', 'Time from the start of a request to the end of its reply.'),
	('bcdelta_quota_requests', 'gauge', 'Requests that the store allows per window, for all apps together.'),
	('bcdelta_quota_left_requests', 'gauge', 'Requests left in the present window.'),
	('bcdelta_quota_others_ratio', 'gauge', 'Part of the quota that other apps have used in each of the last three windows at least.'),
	('bcdelta_runs_total', 'counter', 'Runs that have ended, by kind and state.'),
	('bcdelta_last_success_timestamp_seconds', 'gauge', 'When a run of this kind last succeeded.'),
	('bcdelta_run_rows', 'gauge', 'Rows of the active run: done, and all that are known so far.'),
	('bcdelta_run_remaining_seconds', 'gauge', 'Time until the active run is done, at its present rate.'),
	('bcdelta_discrepancies', 'gauge', 'Differences that the last verify of mode full or changed has found, without those that somebody has decided to leave.'),
	('bcdelta_conflicts_open', 'gauge', 'Conflicts that a person has to decide.'),
	('bcdelta_adjustments', 'gauge', 'Values of the store that are declared as meant.'),
	('bcdelta_stock_unexplained_units', 'gauge', 'Stock that the store has and nobody can explain, while both shops sell; missing: it is sent as it is.'),
	('bcdelta_proof_timestamp_seconds', 'gauge', 'When the last verify of mode full or changed began.'),
	('bcdelta_silent_edits_total', 'counter', 'Edits in the store that no date had shown.'),
	('bcdelta_health', 'gauge', 'The worst trouble that is not over: 0 none, 1 warning, 2 critical.'),
	('bcdelta_cutover_stage', 'gauge', 'Whether the store is in this stage of its cutover.'),
	('bcdelta_cutover_state', 'gauge', 'Whether the last plan of a cutover is in this state.'),
	('bcdelta_cutover_timestamp_seconds', 'gauge', 'When the shop is to go live; missing: there is no plan.'),
	('bcdelta_go_live_blockers', 'gauge', 'Criteria that must be met before the shop goes live, and are not; missing: no plan waits for that.')
) AS d (family, type, help) ON d.family = regexp_replace(m.name, '^(bcdelta_api_request_duration_seconds)_.*', '\1');
COMMENT ON VIEW bcdelta.metrics IS
'figures for monitoring, named and typed as Prometheus has them; who may read the view sees the figures of all feeds and servers';
COMMENT ON COLUMN bcdelta.metrics.name IS 'name of the sample; of a histogram, with the suffix _bucket, _sum or _count';
COMMENT ON COLUMN bcdelta.metrics.type IS
'gauge, counter (never goes back, whatever is removed or restarted), or histogram';
COMMENT ON COLUMN bcdelta.metrics.labels IS 'label -> value';
COMMENT ON COLUMN bcdelta.metrics.value IS 'in the unit that the name ends with: seconds, bytes, rows, requests, units; times are seconds since 1970';

CREATE FUNCTION bcdelta.openmetrics(strict boolean DEFAULT false) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1
SET standard_conforming_strings = on AS $$
SELECT coalesce(string_agg(o.block, '' ORDER BY o.family), '') || '# EOF'
FROM (
	SELECT m.family, format(CASE WHEN strict THEN E'# TYPE %1$s %2$s\n%4$s# HELP %1$s %3$s\n' ELSE E'# HELP %1$s %3$s\n# TYPE %1$s %2$s\n' END,
			m.header, m.type, m.help, '# UNIT ' || m.header || ' ' || substring(m.header, '_(seconds|bytes|ratio|rows|requests|units)$') || E'\n')
		|| string_agg(format(E'%s%s %s\n', m.name, '{' || nullif(l.list, '') || '}',
			CASE m.value WHEN 'Infinity' THEN '+Inf' WHEN '-Infinity' THEN '-Inf' ELSE m.value::text END), ''
			ORDER BY (m.labels - 'le')::text, m.name, nullif(m.labels ->> 'le', '+Inf')::numeric) AS block
	FROM (
		SELECT v.*, n.family, CASE WHEN strict AND v.type = 'counter' THEN regexp_replace(n.family, '_total$', '') ELSE n.family END AS header
		FROM bcdelta.metrics AS v
		CROSS JOIN LATERAL (SELECT CASE v.type WHEN 'histogram' THEN regexp_replace(v.name, '_(bucket|sum|count)$', '') ELSE v.name END) AS n (family)) AS m
	CROSS JOIN LATERAL (
		SELECT string_agg(format('%s="%s"', e.key, replace(replace(replace(e.value, '\', '\\'), '"', '\"'), E'\n', '\n')), ',' ORDER BY e.key = 'le', e.key) AS list
		FROM jsonb_each_text(m.labels) AS e) AS l
	GROUP BY m.family, m.header, m.type, m.help) AS o
$$;
COMMENT ON FUNCTION bcdelta.openmetrics(boolean) IS
'the view bcdelta.metrics as text for Prometheus, ending with # EOF; strict: in the format OpenMetrics 1.0, whose headers have units, and the name of a counter without _total; needs the right to read that view';

CREATE VIEW bcdelta.go_live_fact AS
SELECT s.server, c.criterion, c.met, c.found, c.unknown, c.next_step
FROM (
	SELECT f.srvname AS server, p.plan_id, p.freeze_for, p.time_zone, w.at AS begins,
		-- the end of that night
		CASE WHEN e.ends > w.at THEN e.ends ELSE e.next END AS ends
	FROM pg_catalog.pg_foreign_server AS f
	JOIN pg_catalog.pg_foreign_data_wrapper AS d ON d.oid = f.srvfdw AND d.fdwname = 'bcdelta'
	LEFT JOIN bcdelta.cutover AS p ON p.server = f.srvname AND p.state IN ('planned', 'live')
	CROSS JOIN LATERAL (SELECT greatest(p.go_live, now())) AS w (at)
	CROSS JOIN LATERAL (SELECT (w.at AT TIME ZONE p.time_zone)::date + split_part(p.hours, '-', 2)::time) AS t (at)
	CROSS JOIN LATERAL (SELECT t.at AT TIME ZONE p.time_zone, (t.at + interval '1 day') AT TIME ZONE p.time_zone) AS e (ends, next)
) AS s
CROSS JOIN LATERAL (
	SELECT 'pending' AS criterion, w.n = 0 OR w.oldest > now() - interval '30 minutes' AS met,
		CASE WHEN w.n = 0 THEN 'nothing' ELSE format('%s %s%s', w.n, CASE w.n WHEN 1 THEN 'row' ELSE 'rows' END, ', the oldest since ' || date_trunc('second', w.oldest)) END AS found,
		NULL AS unknown, format('SELECT * FROM bcdelta.push(server => %L);', s.server) AS next_step
	FROM (SELECT coalesce(sum(n), 0) AS n, min(oldest) AS oldest FROM (
			SELECT (SELECT greatest(sum(t.n), 0) FROM bcdelta.tally AS t WHERE t.feed = f.feed AND t.what IN ('ready', 'waiting', 'in_flight')) AS n,
				least((SELECT min(p.changed_at) FROM bcdelta.pending AS p WHERE p.feed = f.feed AND p.state IN ('ready', 'waiting')),
					(SELECT min(p.changed_at) FROM bcdelta.pending AS p WHERE p.feed = f.feed AND p.state = 'in_flight')) AS oldest
			FROM bcdelta.feed AS f WHERE f.server = s.server
			UNION ALL
			SELECT count(*), min(c.changed_at) FROM (
				SELECT h.changed_at FROM bcdelta.change AS h JOIN bcdelta.feed AS f USING (feed_id) WHERE f.server = s.server LIMIT 10000) AS c) AS n) AS w
	UNION ALL
	SELECT 'failed', w.n = 0, CASE w.n WHEN 0 THEN 'none' WHEN 1 THEN '1 row' ELSE w.n || ' rows' END, NULL,
		format('SELECT feed, key, reason, call FROM bcdelta.dead_letter WHERE server = %L;', s.server)
	FROM (SELECT greatest(coalesce(sum(t.n), 0), 0) AS n FROM bcdelta.tally AS t JOIN bcdelta.feed AS f USING (feed)
		WHERE f.server = s.server AND t.what = 'failed') AS w
	UNION ALL
	SELECT 'deferred', w.n = 0, CASE w.n WHEN 0 THEN 'none' WHEN 1 THEN '1 row' ELSE w.n || ' rows' END, NULL,
		format('SELECT p.feed, p.key, p.last_error FROM bcdelta.pending AS p JOIN bcdelta.feed USING (feed) WHERE p.state = ''deferred'' AND server = %L;', s.server)
	FROM (SELECT greatest(coalesce(sum(t.n), 0), 0) AS n FROM bcdelta.tally AS t JOIN bcdelta.feed AS f USING (feed)
		WHERE f.server = s.server AND t.what = 'deferred') AS w
	UNION ALL
	SELECT 'conflicts', w.n = 0, CASE w.n WHEN 0 THEN 'none' ELSE w.n || ' open' END, NULL,
		format('SELECT r.* FROM bcdelta.review AS r JOIN bcdelta.feed USING (feed) WHERE server = %L;', s.server)
	FROM (SELECT count(*) AS n FROM bcdelta.conflict AS c JOIN bcdelta.feed AS f USING (feed)
		WHERE f.server = s.server AND c.is_current AND c.state = 'open') AS w
	UNION ALL
	SELECT 'verified', CASE WHEN w.n > 0 THEN w.missing = 0 AND w.at > now() - interval '7 days' END,
		CASE WHEN w.missing > 0 THEN format('%s of %s resources were never compared', w.missing, w.n) ELSE 'the oldest of ' || date_trunc('second', w.at) END,
		'no feed is tracked', format('SELECT * FROM bcdelta.verify(server => %L, mode => ''full'');', s.server)
	FROM (SELECT count(*) AS n, count(*) FILTER (WHERE p.full_at IS NULL) AS missing, min(p.full_at) AS at
		FROM bcdelta.proof AS p WHERE p.server = s.server) AS w
	UNION ALL
	SELECT 'proof', w.at > now() - interval '1 hour', 'the oldest of ' || date_trunc('second', w.at),
		'not all resources were verified as they are now', format('SELECT * FROM bcdelta.verify(server => %L, mode => ''changed'');', s.server)
	FROM (SELECT CASE WHEN count(*) = count(p.proven_at) THEN min(p.proven_at) END AS at FROM bcdelta.proof AS p WHERE p.server = s.server) AS w
	UNION ALL
	SELECT 'differences', CASE WHEN w.n = w.proven AND w.n > 0 OR w.different > 0 THEN w.different = 0 END,
		CASE WHEN w.different > 0 THEN format('%s %s: %s', w.different, CASE w.different WHEN 1 THEN 'row differs' ELSE 'rows differ' END, w.resources)
			WHEN w.n = w.proven AND w.n > 0 THEN 'none' END,
		'not all resources were verified as they are now',
		CASE WHEN w.different > 0 THEN format('SELECT * FROM bcdelta.discrepancy WHERE run_id IN (%s) AND decided IS NULL;', w.runs)
			ELSE format('SELECT * FROM bcdelta.verify(server => %L, mode => ''full'');', s.server) END
	FROM (SELECT count(*) AS n, count(p.proven_at) AS proven, coalesce(sum(p.different), 0) AS different,
			string_agg(p.resource, ', ' ORDER BY p.resource) FILTER (WHERE p.different > 0) AS resources,
			string_agg(DISTINCT p.run_id::text, ', ') FILTER (WHERE p.different > 0) AS runs
		FROM bcdelta.proof AS p WHERE p.server = s.server) AS w
	UNION ALL
	SELECT 'silent_edits', CASE WHEN w.n = w.proven AND w.n > 0 OR w.edits > 0 THEN w.edits = 0 END,
		CASE WHEN w.edits > 0 THEN w.edits || ' so far' WHEN w.n = w.proven AND w.n > 0 THEN 'none' END, 'not all resources were verified as they are now',
		format('SELECT * FROM bcdelta.verify(server => %L, mode => ''full'');', s.server)
	FROM (SELECT count(*) AS n, count(p.proven_at) AS proven, coalesce(sum(p.silent_edits), 0) AS edits
		FROM bcdelta.proof AS p WHERE p.server = s.server) AS w
	UNION ALL
	SELECT 'capture', w.words IS NULL, coalesce(w.words, 'everywhere'), NULL, format('SELECT bcdelta.resume(%L);', w.feed)
	FROM (SELECT string_agg(format('feed "%s": %s', f.feed, t.words), '; ' ORDER BY f.feed) AS words, min(f.feed) AS feed
		FROM bcdelta.feed AS f CROSS JOIN LATERAL bcdelta.feed_capture(f.feed) AS t (words) WHERE f.server = s.server AND t.words IS NOT NULL) AS w
	UNION ALL
	SELECT 'feeds', w.n > 0 AND w.words IS NULL, CASE w.n WHEN 0 THEN 'no feed is tracked' ELSE coalesce(w.words, w.n || ' active') END, NULL,
		CASE WHEN w.n > 0 THEN format('SELECT bcdelta.resume(%L);', w.feed) ELSE 'SELECT bcdelta.track(...);' END
	-- a reason that several feeds have is told once
	FROM (SELECT coalesce(sum(g.n), 0) AS n, min(g.feed) FILTER (WHERE g.words IS NOT NULL) AS feed,
			string_agg(CASE g.n WHEN 1 THEN format('feed "%s"', g.feed) WHEN g.total THEN format('all %s feeds', g.n) ELSE 'feeds ' || g.names END
				|| ': ' || g.words, '; ' ORDER BY g.feed) AS words
		FROM (SELECT t.words, count(*) AS n, min(f.feed) AS feed, string_agg(format('"%s"', f.feed), ', ' ORDER BY f.feed) AS names, sum(count(*)) OVER () AS total
			FROM bcdelta.feed AS f LEFT JOIN LATERAL (SELECT CASE WHEN h.state IS DISTINCT FROM 'active' THEN coalesce(h.paused_reason, h.state, 'it cannot be read') END
				FROM bcdelta.feed_state(f.feed) AS h) AS t (words) ON true
			WHERE f.server = s.server GROUP BY t.words) AS g) AS w
	UNION ALL
	-- what is told already is not repeated
	SELECT 'mappings', w.words IS NULL, coalesce(w.words, 'valid'), NULL, format('SELECT feed, trouble FROM bcdelta.status WHERE server = %L;', s.server)
	FROM (SELECT string_agg(format('feed "%s": %s', f.feed, t.words), '; ' ORDER BY f.feed) AS words
		FROM bcdelta.feed AS f CROSS JOIN LATERAL bcdelta.feed_state(f.feed) AS h CROSS JOIN LATERAL bcdelta.feed_trouble(f.feed) AS t (words)
		WHERE f.server = s.server AND h.state = 'active' AND t.words IS NOT NULL AND bcdelta.feed_capture(f.feed) IS NULL) AS w
	UNION ALL
	SELECT 'store', w.words IS NULL, coalesce(w.words, 'no trouble'), NULL, format('SELECT feed, trouble FROM bcdelta.status WHERE server = %L;', s.server)
	FROM (SELECT nullif(concat_ws('; ', (SELECT o.trouble FROM bcdelta.worker_store() AS o WHERE o.server = f.oid),
			(SELECT format('nothing is sent before %s, at its request', date_trunc('second', o.blocked_until))
				FROM bcdelta.worker_store() AS o WHERE o.server = f.oid AND o.blocked_until > now() + interval '1 minute'),
			(SELECT format('another server seems to push to it: the last %s changes were there already', q.twins)
				FROM bcdelta.worker_quota() AS q WHERE q.server = f.oid AND q.twins >= 3 AND q.twin_at > now() - interval '1 hour')), '') AS words
		FROM pg_catalog.pg_foreign_server AS f WHERE f.srvname = s.server) AS w
	UNION ALL
	SELECT 'token', w.at > now() - interval '1 hour' OR NULL, 'accepted at ' || date_trunc('second', w.at),
		CASE WHEN w.at IS NULL THEN 'the store was never asked' ELSE 'the store was last asked at ' || date_trunc('second', w.at) END,
		format('SELECT * FROM bcdelta.verify(server => %L, mode => ''count'');', s.server)
	FROM (SELECT max(t.at) AS at FROM bcdelta.total AS t WHERE t.server = s.server AND t.what = 'request' AND t.code = '2xx') AS w
	UNION ALL
	-- as the view trouble tells it
	SELECT 'quota_taken', w.others < coalesce(w.alert, 0.5), round((100 * w.others)::numeric) || ' %' || coalesce(format(' (others_alert: %s)', w.alert), ''),
		'the store was not asked since the worker was started, or shows no quota', format('SELECT * FROM bcdelta.verify(server => %L, mode => ''count'');', s.server)
	FROM (SELECT max(q.others) AS others, max(o.option_value::double precision) AS alert FROM pg_catalog.pg_foreign_server AS f
		JOIN bcdelta.worker_quota() AS q ON q.server = f.oid
		LEFT JOIN LATERAL pg_catalog.pg_options_to_table(f.srvoptions) AS o ON o.option_name = 'others_alert'
		WHERE f.srvname = s.server) AS w
	UNION ALL
	SELECT 'refusals', w.throttled <= 0.01 * w.calls, CASE WHEN w.calls > 0 THEN format('%s of %s requests', w.throttled, w.calls) END, 'the store was not asked within the last day',
		format('SELECT at, calls, throttled, others FROM bcdelta.sample WHERE server = %L ORDER BY at DESC LIMIT 20;', s.server)
	FROM (SELECT sum(m.throttled) AS throttled, nullif(sum(m.calls + m.throttled), 0) AS calls FROM bcdelta.sample AS m
		WHERE m.server = s.server AND m.at > now() - interval '1 day') AS w
	UNION ALL
	SELECT 'estimate', w.ends <= s.ends,
		CASE WHEN w.rows IS NOT NULL THEN format('%s rows in about %s seconds: until %s', w.rows, w.seconds, to_char(w.ends AT TIME ZONE s.time_zone, 'YYYY-MM-DD HH24:MI')) END,
		'there is no plan', CASE WHEN s.plan_id IS NULL THEN format('SELECT * FROM bcdelta.plan_cutover(%L, now() + interval ''8 days'', dry_run => true);', s.server)
			ELSE format('SELECT * FROM bcdelta.push(server => %L);', s.server) END
	FROM (SELECT) AS o LEFT JOIN LATERAL (
		SELECT e.rows, e.seconds, s.begins + e.seconds * interval '1 second' AS ends FROM bcdelta.estimate(s.server) AS e
		WHERE s.plan_id IS NOT NULL) AS w ON true
	UNION ALL
	SELECT 'leaks', CASE WHEN t.stage = 'freeze' THEN w.n = 0 WHEN s.freeze_for = interval '0' THEN true END,
		CASE WHEN t.stage IS DISTINCT FROM 'freeze' THEN CASE s.freeze_for WHEN interval '0' THEN 'no freeze is planned' END WHEN w.all_n = 0 THEN 'none'
			WHEN w.all_n = 1 THEN format('1 change, at %s: %s', date_trunc('second', w.last_at), w.who)
			ELSE format('%s changes, the last at %s: %s', w.all_n, date_trunc('second', w.last_at), w.who) END,
		'the freeze has not begun', CASE WHEN t.stage = 'freeze' THEN format('SELECT * FROM bcdelta.freeze_leaks WHERE server = %L;', s.server)
			ELSE format('SELECT bcdelta.stage(%L, ''freeze'');', s.server) END
	FROM (SELECT count(*) FILTER (WHERE l.last_at > now() - interval '15 minutes') AS n, coalesce(sum(l.changes), 0) AS all_n, max(l.last_at) AS last_at,
			string_agg(concat_ws(' by ', l.source, coalesce(l.application, l.by_role)), ', ' ORDER BY l.last_at DESC) AS who
		FROM bcdelta.freeze_leaks AS l WHERE l.server = s.server) AS w
	LEFT JOIN bcdelta.stage AS t ON t.server = s.server
	UNION ALL
	SELECT 'worker', w.words = 'running', w.words, NULL, 'SHOW bcdelta.databases;'
	FROM bcdelta.worker_state() AS w (words)
	UNION ALL
	SELECT 'clock', abs(w.offset_ms) < 5000, round(w.offset_ms / 1000.0, 1) || ' seconds', 'the store was not asked since the worker was started',
		format('SELECT * FROM bcdelta.verify(server => %L, mode => ''count'');', s.server)
	FROM (SELECT max(q.clock_ms) AS offset_ms FROM bcdelta.worker_quota() AS q JOIN pg_catalog.pg_foreign_server AS f ON f.oid = q.server
		WHERE f.srvname = s.server) AS w
	UNION ALL
	SELECT 'undo', w.days > 0, w.days || ' days', 'the library is not loaded', 'ALTER SYSTEM SET bcdelta.undo_retention = 30;'
	FROM (SELECT nullif(current_setting('bcdelta.undo_retention', true), '')::integer AS days) AS w
	UNION ALL
	SELECT 'afterwards', w.steps + w.schedules > 0, format('%s steps of the plan, %s schedules', w.steps, w.schedules), NULL,
		format('SELECT bcdelta.schedule(''daily proof'', server => %L, kind => ''verify'', mode => ''changed'', every => ''1 day'');', s.server)
	FROM (SELECT (SELECT count(*) FROM bcdelta.cutover_step AS t WHERE t.plan_id = s.plan_id AND t.kind IN ('push', 'verify')
				AND t.apart > interval '0' AND t.state = 'planned') AS steps,
			(SELECT count(*) FROM bcdelta.schedule AS h WHERE h.server = s.server AND h.next_run_at IS NOT NULL) AS schedules) AS w
	UNION ALL
	SELECT 'disk', w.free >= 1073741824, pg_size_pretty(w.free), 'the system does not say', 'SELECT pg_size_pretty(pg_database_size(current_database()));'
	FROM bcdelta.disk_free() AS w (free)
	UNION ALL
	SELECT 'stock', CASE WHEN w.n = 0 THEN true WHEN w.units > 0 OR w.doubts > 0 THEN false WHEN w.unread = 0 THEN true END,
		CASE w.n WHEN 0 THEN 'quantities are set, not counted'
			ELSE format('%s units more than there should be, %s differences in doubt', w.units, w.doubts) END,
		format('the levels of %s rows were not read', w.unread),
		CASE WHEN w.units > 0 OR w.doubts > 0
			THEN format('SELECT * FROM bcdelta.stock_balance WHERE server = %L AND (unexplained > 0 OR in_doubt IS NOT NULL);', s.server)
			ELSE format('SELECT * FROM bcdelta.verify(server => %L, mode => ''full'');', s.server) END
	FROM (SELECT count(*) AS n, coalesce(sum(b.unexplained), 0) AS units, count(b.in_doubt) AS doubts,
			count(*) FILTER (WHERE b.level IS NULL) AS unread
		FROM bcdelta.stock_balance AS b WHERE b.server = s.server) AS w
	UNION ALL
	SELECT 'rehearsal', w.at > now() - interval '7 days' OR NULL, 'of ' || date_trunc('second', w.at),
		CASE WHEN w.at IS NULL THEN 'nothing was ever rolled back' ELSE 'the last rollback was at ' || date_trunc('second', w.at) END,
		'SELECT * FROM bcdelta.rollback_preview(run_id => (SELECT run_id FROM bcdelta.undoable ORDER BY run_id DESC LIMIT 1));'
	FROM (SELECT max(r.finished_at) AS at FROM bcdelta.run AS r
		WHERE r.server = s.server AND r.kind = 'rollback' AND r.state = 'succeeded') AS w
) AS c;
COMMENT ON VIEW bcdelta.go_live_fact IS
'what bcdelta measures before a store goes live, one row per server and criterion; go_live_check() says what is required, and why; a reader needs the right to read bcdelta.status, too';
COMMENT ON COLUMN bcdelta.go_live_fact.met IS 'whether it is as required; null: not known';
COMMENT ON COLUMN bcdelta.go_live_fact.found IS 'what was measured, in words';
COMMENT ON COLUMN bcdelta.go_live_fact.unknown IS 'why it may not be known, in words';
COMMENT ON COLUMN bcdelta.go_live_fact.next_step IS 'a statement to copy, if it is not met';

CREATE FUNCTION bcdelta.go_live_check(server name)
RETURNS TABLE (no integer, criterion text, severity text, verdict text, found text, required text, why text, next_step text)
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_go_live_check';
COMMENT ON FUNCTION bcdelta.go_live_check(name) IS
'what speaks for and against going live now, one row per criterion: verdict go, no-go, unknown, waived or signed, what was found and is required, why, and a statement to copy; asks nothing of the store; for roles that may read bcdelta.status, or may act for the owners of all feeds of the server';

CREATE FUNCTION bcdelta.criterion(server name, criterion text, question text DEFAULT NULL, severity text DEFAULT 'must', query text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_criterion';
COMMENT ON FUNCTION bcdelta.criterion(name, text, text, text, text) IS
'adds a criterion to go_live_check(), or replaces it: a question that a person answers with sign(), or a query that returns one row, whether it is met (boolean) and what was found (text), run as the calling role, read-only, for five seconds at most; severity must or should; without both, removes it; needs USAGE on the server and membership in the owners of its feeds';

CREATE FUNCTION bcdelta.sign(server name, criterion text, verdict text DEFAULT 'go', note text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_sign';
COMMENT ON FUNCTION bcdelta.sign(name, text, text, text) IS
'answers a question of go_live_check() in the name of the role that has logged in: go or no-go; the answer counts until the plan ends, and while all measured criteria are met that were met then; needs what go_live_check() needs';

CREATE FUNCTION bcdelta.waive(server name, criterion text, reason text, until timestamptz DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_waive';
COMMENT ON FUNCTION bcdelta.waive(name, text, text, timestamptz) IS
'a criterion of go_live_check() need not be met until a time (null: until the plan ends), for this reason; needs USAGE on the server and membership in the owners of its feeds';

CREATE TABLE bcdelta.template (
	event text NOT NULL CHECK (event IN ('planned', 'tomorrow', 'freeze', 'delay', 'go', 'no_go', 'stopped', 'rolled_back', 'live', 'day_after',
		'week_after')),
	audience text NOT NULL CHECK (audience IN ('internal', 'support', 'customers')),
	language text NOT NULL,
	subject text NOT NULL,
	body text NOT NULL,
	by_role text,
	set_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (event, audience, language)
);
COMMENT ON TABLE bcdelta.template IS
'messages about cutovers in the words of the merchant, set by set_template(); where there is none, message() uses the one that comes with bcdelta';
COMMENT ON COLUMN bcdelta.template.subject IS 'one line, with placeholders in braces, such as {go_live}';
COMMENT ON COLUMN bcdelta.template.body IS 'text with placeholders in braces';
COMMENT ON COLUMN bcdelta.template.by_role IS 'the name of the role that had logged in; null: it was dropped';
COMMENT ON COLUMN bcdelta.template.set_at IS 'when it was set';

SELECT pg_catalog.pg_extension_config_dump('bcdelta.template', '');

CREATE FUNCTION bcdelta.set_template(event text, audience text, language text, subject text, body text) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bcdelta_set_template';
COMMENT ON FUNCTION bcdelta.set_template(text, text, text, text, text) IS
'sets the text of a message about cutovers, for all stores; {name} stands for a value, {{ for a brace; a null subject and body: the one that comes with bcdelta; an error names placeholders that do not exist; needs USAGE on all servers';

CREATE FUNCTION bcdelta.message(server name, event text, audience text DEFAULT 'internal', language text DEFAULT 'en')
RETURNS TABLE (subject text, body text)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'bcdelta_message';
COMMENT ON FUNCTION bcdelta.message(name, text, text, text) IS
'what to tell people of the plan of a server, as it is now: event is planned, tomorrow, freeze, delay, go, no_go, stopped, rolled_back, live, day_after or week_after, audience internal, support or customers, language en, de, or one of set_template(); times are in the time zone of the plan; nothing is sent; needs USAGE on the server';

CREATE FUNCTION bcdelta.runbook(server name) RETURNS text
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'bcdelta_runbook';
COMMENT ON FUNCTION bcdelta.runbook(name) IS
'the plan of a server as it is now, as Markdown to print: its steps with the calls of each, what speaks against going live, who is in charge of what, what stops a run, what to do if something goes wrong and what that takes, and who decided what; times are in the time zone of the plan; an error without a plan; needs USAGE on the server';

CREATE FUNCTION bcdelta.sop(server name) RETURNS text
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'bcdelta_sop';
COMMENT ON FUNCTION bcdelta.sop(name) IS
'how a server is synced from now on, as Markdown to print: feeds, schedules, who is in charge of what, what to look at every day, what each trouble means, orders and customers in the transition; times are in the time zone of the plan, or of the session; needs USAGE on the server';

CREATE FUNCTION bcdelta.handler() RETURNS fdw_handler
LANGUAGE c STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'bcdelta_handler';
COMMENT ON FUNCTION bcdelta.handler() IS
'makes foreign tables of the foreign-data wrapper bcdelta show the records of a store';
ALTER FOREIGN DATA WRAPPER bcdelta HANDLER bcdelta.handler;
COMMENT ON FUNCTION bcdelta.validator(text[], oid) IS
'checks the options of servers, user mappings, foreign tables and their columns; an error names the invalid option';
CREATE FUNCTION bcdelta.compare(feed text) RETURNS text
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'bcdelta_compare';
COMMENT ON FUNCTION bcdelta.compare(text) IS
'the text of a query that shows the rows of a feed beside their records in the store''s foreign table, field by field, and which fields differ; for \gexec and CREATE VIEW';
