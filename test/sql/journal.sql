--
-- The journal: who decided what, when and why
--
SET client_min_messages = warning;
SET application_name = 'regress';
CREATE EXTENSION bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');
CREATE ROLE regress_bcdelta_boss;
CREATE ROLE regress_bcdelta_clerk;
CREATE TABLE makers (code text PRIMARY KEY, name text);
CREATE TABLE aliases (maker text, alias text);
INSERT INTO makers VALUES ('a', 'Acme');
-- what was written since the last look; who and when, checked once below
CREATE TABLE seen AS SELECT 0::bigint AS id;
CREATE FUNCTION latest() RETURNS TABLE (server name, feed text, key text, what text, reason text, detail jsonb)
LANGUAGE sql AS $$
	WITH s AS (SELECT id FROM seen), n AS (UPDATE seen SET id = (SELECT max(journal_id) FROM bcdelta.journal))
	SELECT server, feed, key, what, replace(reason, session_user, 'me'), detail - 'owner' FROM bcdelta.journal
	WHERE journal_id > (SELECT id FROM s) ORDER BY journal_id
$$;

-- every decision about a feed
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "name", "page_title": "code"}');
SELECT bcdelta.track('makers', 'shop', 'brand', '{"name": "name", "page_title": "code"}');
SELECT * FROM latest();
SELECT bcdelta.alter_feed('makers', fields => '{"name": "upper(name)", "page_title": "code", "meta_keywords": "ARRAY[name]"}',
	filter => 'name IS NOT NULL', on_delete => 'delete');
SELECT bcdelta.alter_feed('makers', fields => '{"name": "upper(name)", "meta_keywords": "ARRAY[name]"}', filter => '');
SELECT * FROM latest();
-- nothing changes
SELECT bcdelta.alter_feed('makers', on_delete => 'delete');
SELECT * FROM latest();
SELECT bcdelta.depends('makers', 'aliases', '{maker}');
SELECT bcdelta.depends('makers', 'aliases', NULL);
SELECT bcdelta.pause('makers');
SELECT bcdelta.pause('makers', 'stock-taking');
SELECT paused_reason = format('paused by %s: stock-taking', current_user) FROM bcdelta.feed;
SELECT bcdelta.resume('makers');
SELECT * FROM latest();
SELECT bcdelta.link('makers', 'a', 17);
SELECT bcdelta.unlink('makers', 'a');
SELECT bcdelta.unlink('makers');
SELECT bcdelta.settle('makers', NULL, true);
SELECT bcdelta.schedule('nightly', 'makers', every => '1 day', hours => '01:00-05:00') IS NULL;
SELECT bcdelta.unschedule('nightly');
SELECT server, feed, key, what, reason, detail - 'time_zone' AS detail FROM latest();

-- what is rolled back was not decided
BEGIN;
SELECT bcdelta.pause('makers', 'by mistake');
ROLLBACK;
SELECT * FROM latest();

-- notes
SELECT bcdelta.note('the agency writes the texts') > 0;
SELECT bcdelta.note('the agency writes the texts', 'makers', 'a') > 0;
SELECT * FROM latest();
SELECT bcdelta.note(NULL);
SELECT bcdelta.note(E' \n');
SELECT bcdelta.note('x', 'nope');
SELECT bcdelta.note('x', key => 'a');
SELECT bcdelta.pause('makers', '');

-- who: the role that has logged in, even after it has assumed another one
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_clerk;
SET ROLE regress_bcdelta_clerk;
SELECT bcdelta.note('seen') IS NOT NULL;
\set VERBOSITY terse
SELECT bcdelta.note('seen', 'makers');
SELECT bcdelta.pause('makers');
\set VERBOSITY default
RESET ROLE;
SET SESSION AUTHORIZATION regress_bcdelta_clerk;
SELECT bcdelta.note('seen again') IS NOT NULL;
SET SESSION AUTHORIZATION regress_bcdelta_boss;
SELECT bcdelta.note('seen again');
-- nobody changes it, and reading it is a right like that of other tables
SELECT count(*) FROM bcdelta.journal;
INSERT INTO bcdelta.journal (what) VALUES ('note');
UPDATE bcdelta.journal SET reason = 'another';
DELETE FROM bcdelta.journal;
RESET SESSION AUTHORIZATION;
SELECT what, replace(by_role, session_user, 'me') AS by_role, app, reason, at > now() - interval '1 minute' AS recent
FROM bcdelta.journal WHERE reason LIKE 'seen%' ORDER BY journal_id;

-- the entries outlive the feed and the role
REVOKE USAGE ON FOREIGN SERVER shop FROM regress_bcdelta_clerk;
DROP ROLE regress_bcdelta_clerk;
SELECT bcdelta.untrack('makers');
SELECT * FROM latest();
SELECT count(*), count(DISTINCT feed) FROM bcdelta.journal;
SELECT by_role FROM bcdelta.journal WHERE reason = 'seen again';
-- no secret is in it
SELECT count(*) FROM bcdelta.journal AS j WHERE j::text LIKE '%secret%';

DROP ROLE regress_bcdelta_boss;
DROP FUNCTION latest();
DROP TABLE makers, aliases, seen;
DROP EXTENSION bcdelta CASCADE;
