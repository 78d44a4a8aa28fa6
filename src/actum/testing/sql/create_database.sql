-- Returns the command that makes a database from a template, in one of the server's ways to copy; called for every test
-- that needs one.
select format('create database %I template %I strategy %I', $1::text, $2::text, $3::text)
