-- Returns the command that drops a database together with whoever is still connected; called after every test.
select format('drop database if exists %I with (force)', $1::text)
