-- needs text reading
-- Give the entries that an id or a launch's uuid names.
-- ARGV: the name.

local name = ARGV[4]
if call('EXISTS', ENTRY .. name) == 1 then return answer('ok', wholes({name})) end
return answer('ok', wholes(call('HVALS', LAUNCH .. name)))
