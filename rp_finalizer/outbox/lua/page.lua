-- needs text reading
-- Give a page of entries by their ids.
-- ARGV: the state (empty: all), how many, and the id behind which it begins.

local state, limit, after = ARGV[4], tonumber(ARGV[5]), ARGV[6]
local ids = {}
if state ~= '' and call('ZCARD', STATE .. state) <= 1000 then
  -- The few are sorted.
  local all = call('ZRANGE', STATE .. state, 0, -1)
  table.sort(all)
  for _, id in ipairs(all) do
    if #ids < limit and id > after then ids[#ids + 1] = id end
  end
  return answer('ok', wholes(ids))
end
-- The many are met often enough where all are gone through in their order.
while #ids < limit do
  local some = call('ZRANGEBYLEX', IDS, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, limit)
  if #some == 0 then break end
  for _, id in ipairs(some) do
    after = id
    if #ids < limit and (state == '' or call('ZSCORE', STATE .. state, id)) then ids[#ids + 1] = id end
  end
end
return answer('ok', wholes(ids))
