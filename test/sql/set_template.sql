--
-- Messages of cutovers in the words of the merchant
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
\set VERBOSITY default
-- there has to be a store
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', 'it is open');
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');

-- words that are checked
SELECT bcdelta.set_template('opened', 'internal', 'en', 'open', 'it is open');
SELECT bcdelta.set_template('live', 'everybody', 'en', 'open', 'it is open');
SELECT bcdelta.set_template('live', 'internal', 'english', 'open', 'it is open');
SELECT bcdelta.set_template('live', 'internal', 'de-', 'open', 'it is open');
SELECT bcdelta.set_template('live', 'internal', '', 'open', 'it is open');
SELECT bcdelta.set_template('live', 'internal', NULL, 'open', 'it is open');
SELECT bcdelta.set_template('live', 'internal', 'en', NULL, 'it is open');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', NULL);
SELECT bcdelta.set_template('live', 'internal', 'en', ' ', 'it is open');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', E' \n');
SELECT bcdelta.set_template('live', 'internal', 'en', E'open\nBcc: all@example.com', 'it is open');
SELECT bcdelta.set_template('live', 'internal', 'en', repeat('ä', 201), 'it is open');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', repeat('x', 10001));

-- placeholders and braces
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', 'Grüße: {goo_live}');
SELECT bcdelta.set_template('live', 'internal', 'en', '{ server }', 'it is open');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', 'a{}');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', '{SERVER}');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', '{' || repeat('sérver', 100) || '}');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', 'ä {server');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', E'{server\n}');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', '{server {server}}');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', 'ä server}');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', '{{{');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', '{server}}');
SELECT * FROM bcdelta.template;

-- what is right
SELECT bcdelta.set_template('live', 'internal', 'en', 'open: {server}', '{{a}} %s %n {server}{server} $1 \1');
SELECT bcdelta.set_template('live', 'internal', 'en', '{server} is open', repeat('ä', 10000));
SELECT bcdelta.set_template('live', 'customers', 'pt-BR', '{server}', '{go_live_date}');
SELECT event, audience, language, subject, length(body), by_role = session_user AS me FROM bcdelta.template ORDER BY 1, 2, 3;
SELECT what, server, feed, reason, detail FROM bcdelta.journal ORDER BY journal_id;
SELECT bcdelta.set_template('live', 'internal', 'en', NULL, NULL);
SELECT bcdelta.set_template('live', 'internal', 'en', NULL, NULL);
SELECT event, audience, language FROM bcdelta.template;
\set VERBOSITY terse
INSERT INTO bcdelta.template VALUES ('ended', 'internal', 'en', 'a', 'b');
\set VERBOSITY default

-- a message needs a plan, and words that exist
SELECT * FROM bcdelta.message('shop', 'live');
SELECT * FROM bcdelta.message('shop', 'opened');
SELECT * FROM bcdelta.message('shop', 'live', 'nobody');
SELECT * FROM bcdelta.message('shop', NULL);
SELECT * FROM bcdelta.message(NULL, 'live');
SELECT * FROM bcdelta.message('nowhere', 'live');
INSERT INTO bcdelta.cutover (server, go_live, hours, time_zone, freeze_for, watch_for, stop, owner, home)
	VALUES ('shop', '2027-01-16 05:10+01', '01:00-05:30', 'Europe/Berlin', '1 hour', '30 days', '{}', current_user::regrole, 'x');
SELECT * FROM bcdelta.message('shop', 'live', 'internal', 'fr');
SELECT * FROM bcdelta.message('shop', 'live', 'customers', 'es');
SELECT subject FROM bcdelta.message('shop', 'live', 'customers', 'de-CH');
SELECT * FROM bcdelta.message('shop', 'live', 'customers', 'pt-BR');
SET TimeZone = 'Asia/Tokyo';
SELECT * FROM bcdelta.message('shop', 'planned', 'customers');
SHOW TimeZone;
RESET TimeZone;

-- rights: of the store for a message, of all stores for a template
CREATE ROLE regress_bcdelta_clerk;
CREATE SERVER other FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'def456');
GRANT USAGE ON SCHEMA bcdelta TO regress_bcdelta_clerk;
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_clerk;
SET ROLE regress_bcdelta_clerk;
SELECT subject FROM bcdelta.message('shop', 'planned', 'customers', 'de');
SELECT subject FROM bcdelta.message('other', 'planned', 'customers', 'de');
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', 'it is open');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER other TO regress_bcdelta_clerk;
SET ROLE regress_bcdelta_clerk;
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', 'it is open');
BEGIN READ ONLY;
SELECT bcdelta.set_template('live', 'internal', 'en', 'open', 'it is shut');
ROLLBACK;
RESET ROLE;

-- a plan whose zone does not exist any more
UPDATE bcdelta.cutover SET time_zone = 'Mars/Phobos';
SELECT subject FROM bcdelta.message('shop', 'planned', 'customers');
-- a template that somebody has written past the check
UPDATE bcdelta.cutover SET time_zone = 'UTC';
UPDATE bcdelta.template SET body = 'Opens {whenever}' WHERE language = 'pt-BR';
SELECT * FROM bcdelta.message('shop', 'live', 'customers', 'pt-BR');

DROP SERVER shop CASCADE;
DROP SERVER other CASCADE;
DROP EXTENSION bcdelta CASCADE;
DROP ROLE regress_bcdelta_clerk;
