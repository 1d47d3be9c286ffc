-- needs text reading
-- Give the entries of some ids, null for those that are not there.
-- ARGV: the ids.

return answer('ok', wholes({unpack(ARGV, 4)}))
