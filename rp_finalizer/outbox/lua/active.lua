-- needs text reading
-- Give what workers hold, by when the lease ends.
-- ARGV: how many.

return answer('ok', wholes(call('ZRANGEBYSCORE', STATE .. 'leased', '(' .. now_text, '+inf', 'LIMIT', 0, ARGV[4])))
