-- needs text reading due streams groups clock turns
-- Give what is due, in the order of the claim.
-- ARGV: how many.

return answer('ok', wholes(in_turn(tonumber(ARGV[4]))))
