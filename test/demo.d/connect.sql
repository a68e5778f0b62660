CREATE EXTENSION bcdelta;

CREATE SERVER shop FOREIGN DATA WRAPPER bcdelta
    OPTIONS (store_hash :'store_hash', api_url :'store_url');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (access_token :'token');
