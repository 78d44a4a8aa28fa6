-- Tells whether so many connections, our own, are all there are; called after every test.
select actum_blank.are_alone($1)
