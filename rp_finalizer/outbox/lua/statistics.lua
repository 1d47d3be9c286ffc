-- needs due
-- Count: the states, what is due, the counters.

local states, due = {}, 0
for _, state in ipairs({'open', 'ready', 'leased', 'done', 'dead'}) do
  states[#states + 1] = '"' .. state .. '",' .. call('ZCARD', STATE .. state)
  if state ~= 'done' and state ~= 'dead' then
    due = due + (jumped and #of_state(state, true, 1000000) or call('ZCOUNT', STATE .. state, '-inf', now_text))
  end
end
local counters = call('HGETALL', COUNTERS)
return answer('ok', '[' .. table.concat(states, ',') .. '],' .. due .. ',' ..
  (#counters > 0 and cjson.encode(counters) or '[]'))
