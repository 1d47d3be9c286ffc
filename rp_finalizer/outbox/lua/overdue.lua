-- needs text reading due
-- Give what runs let the lease run out of, by when that was.
-- ARGV: how many.

return answer('ok', wholes(of_state('open', true, ARGV[4])))
