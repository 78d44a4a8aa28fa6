-- Tells the referee the moves that are legal; called once, when the template database is made.
insert into actum_referee.moves (machine, before, move, after)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
