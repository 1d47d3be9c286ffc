-- needs text reading due
-- Give what is ready and not due, by when it comes due.
-- ARGV: how many.

return answer('ok', wholes(of_state('ready', false, ARGV[4])))
