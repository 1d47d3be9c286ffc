-- needs due
-- Give when something comes due, null where nothing is owed.

local first
for _, state in ipairs({'open', 'ready', 'leased'}) do
  local at = tonumber(call('ZRANGE', STATE .. state, 0, 0, 'WITHSCORES')[2])
  if jumped and #of_state(state, true, 1) > 0 then at = now end
  if at and (not first or at < first) then first = at end
end
return answer('ok', first and exact(first) or 'null')
