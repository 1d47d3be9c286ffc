-- needs text reading
-- Give a launch's entry, null where it has none.
-- ARGV: the launch's uuid and target.

return answer('ok', whole(call('HGET', LAUNCH .. ARGV[4], ARGV[5])))
