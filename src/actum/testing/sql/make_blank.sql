-- Empties the database; called after every test. False where that is not enough to make it blank.
select actum_blank.make_blank()
