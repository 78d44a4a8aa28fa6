-- Empties the database and returns what became of it; called after every test. `spoilt` is a database to give up.
select actum_blank.make_blank()
