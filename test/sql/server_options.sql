--
-- Stores: servers, user mappings and their options
--
SET client_min_messages = warning;
CREATE EXTENSION bcdelta;
CREATE ROLE regress_bcdelta_user;

-- a server needs a store hash, and nothing else
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta;
CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash 'abc123');

-- options are checked by name and by value
ALTER SERVER shop OPTIONS (store_id '1');
ALTER SERVER shop OPTIONS (access_token 'secret');
ALTER SERVER shop OPTIONS (SET store_hash '');
ALTER SERVER shop OPTIONS (SET store_hash 'abc/../def');
ALTER SERVER shop OPTIONS (SET store_hash 'abc?x=1');
ALTER SERVER shop OPTIONS (SET store_hash 'a b');
ALTER SERVER shop OPTIONS (DROP store_hash);
ALTER SERVER shop OPTIONS (api_url 'ftp://example.com');
ALTER SERVER shop OPTIONS (api_url 'example.com');
ALTER SERVER shop OPTIONS (api_url 'http://example.com');
ALTER SERVER shop OPTIONS (api_url 'http://127.0.0.1.example.com');
ALTER SERVER shop OPTIONS (api_url 'http://localhost@example.com');
ALTER SERVER shop OPTIONS (api_url 'https://example.com/?a=b');
ALTER SERVER shop OPTIONS (api_url 'https://');
ALTER SERVER shop OPTIONS (api_url 'https://user:pw@example.com');
ALTER SERVER shop OPTIONS (api_url 'http://127.0.0.1:1234');
ALTER SERVER shop OPTIONS (SET api_url 'http://[::1]:1234');
ALTER SERVER shop OPTIONS (SET api_url 'http://localhost:1234');
ALTER SERVER shop OPTIONS (SET api_url 'https://api.example.com/prefix/');
ALTER SERVER shop OPTIONS (quota_share '0');
ALTER SERVER shop OPTIONS (quota_share '1.5');
ALTER SERVER shop OPTIONS (quota_share 'nan');
ALTER SERVER shop OPTIONS (quota_share 'half');
ALTER SERVER shop OPTIONS (quota_share '0.5');
ALTER SERVER shop OPTIONS (others_alert '0');
ALTER SERVER shop OPTIONS (others_alert '0.7');
ALTER SERVER shop OPTIONS (max_concurrency '0');
ALTER SERVER shop OPTIONS (max_concurrency 'many');
ALTER SERVER shop OPTIONS (max_concurrency '4', timeout '30', max_attempts '3', error_limit '10');
ALTER SERVER shop OPTIONS (SET timeout '-1');
ALTER SERVER shop OPTIONS (SET timeout '1 min');
ALTER SERVER shop OPTIONS (ca_file 'relative.pem');
ALTER SERVER shop OPTIONS (ca_file '/etc/ssl/my-ca.pem');

-- a user mapping needs a token, or a file that holds one
CREATE USER MAPPING FOR CURRENT_USER SERVER shop;
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (token 'secret');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (store_hash 'abc');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token '');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'two words');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token E'line\nfeed: 1');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'a', access_token_file '/b');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token_file 'b');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'secret');

-- the wrapper itself has no options
ALTER FOREIGN DATA WRAPPER bcdelta OPTIONS (debug 'on');

-- a user may bring a token, but not name a file of the server
GRANT USAGE ON FOREIGN SERVER shop TO regress_bcdelta_user;
SET ROLE regress_bcdelta_user;
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token_file '/etc/passwd');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token 'mine');
-- ... and does not see those of others
SELECT usename = CURRENT_USER AS mine, umoptions FROM pg_user_mappings WHERE srvname = 'shop' ORDER BY 1;
RESET ROLE;

DROP EXTENSION bcdelta CASCADE;
DROP ROLE regress_bcdelta_user;
