/* sql/bcdelta--0.1.0--0.2.0.sql: what ALTER EXTENSION bcdelta UPDATE does to 0.1.0 */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION bcdelta UPDATE" to load this file. \quit
