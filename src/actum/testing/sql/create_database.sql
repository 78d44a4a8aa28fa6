-- Returns the command that makes a database from a template; called for every test that needs one.
select format('create database %I template %I', $1::text, $2::text)
