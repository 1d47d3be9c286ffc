-- needs due streams groups clock turns
-- Give an entry's place among what is due, then what is delayed; 0 where it waits for nothing, null where it is
-- unknown.
-- ARGV: its id.

local id = ARGV[4]
local held = call('HMGET', ENTRY .. id, 'state', 'turn')
if not held[1] then return answer('ok', 'null') end
local first = expired()
for place, each in ipairs(first) do
  if each == id then return answer('ok', place) end
end
local at = held[2] and held[2] ~= '' and call('ZRANK', DUE, held[2])
if at then return answer('ok', #first + at + 1) end
if held[1] ~= 'ready' then return answer('ok', 0) end
local due = #first + call('ZCARD', DUE)
if not jumped then
  local passed = call('ZCOUNT', STATE .. 'ready', '-inf', now_text)
  return answer('ok', due + call('ZRANK', STATE .. 'ready', id) + 1 - passed)
end
for place, each in ipairs(of_state('ready', false, 1000000)) do
  if each == id then return answer('ok', due + place) end
end
