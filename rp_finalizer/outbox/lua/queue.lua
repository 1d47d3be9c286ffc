-- needs text reading due streams groups clock turns
-- Give what is due, in the order of the claim.
-- ARGV: how many.

local limit, ids = tonumber(ARGV[4]), {}
for _, id in ipairs(expired()) do
  if #ids < limit then ids[#ids + 1] = id end
end
if #ids < limit then
  for _, turn in ipairs(call('ZRANGE', DUE, 0, limit - #ids - 1)) do ids[#ids + 1] = id_of(turn) end
end
return answer('ok', wholes(ids))
