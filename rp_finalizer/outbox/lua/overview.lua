-- needs due streams groups clock turns
-- Say what lists show: how many entries are in each state; what waits, what is due first; and who works on what.
-- ARGV: how many of each list.

local limit, states, waiting, active = tonumber(ARGV[4]), {}, {}, {}
for _, state in ipairs({'open', 'ready', 'leased', 'done', 'dead'}) do
  states[#states + 1] = '"' .. state .. '",' .. call('ZCARD', STATE .. state)
end

local function wait(ids)
  for _, id in ipairs(ids) do
    local held = call('HMGET', ENTRY .. id, 'rank', 'attempts', 'facts', 'launch')
    if held[1] then waiting[#waiting + 1] = '["' .. id .. '",' .. table.concat(held, ',') .. ']' end
  end
end
wait(in_turn(limit))
if #waiting < limit then wait(of_state('ready', false, limit - #waiting)) end

for _, id in ipairs(call('ZRANGEBYSCORE', STATE .. 'leased', '(' .. now_text, '+inf', 'LIMIT', 0, limit)) do
  local owner, attempts, launch, history = unpack(
    call('HMGET', ENTRY .. id, 'lease_owner', 'attempts', 'launch', 'history'))
  active[#active + 1] = '["' .. id .. '",' .. cjson.encode(owner) .. ',' .. attempts .. ',' .. launch ..
    ',[' .. history .. ']]'
end

local function list(texts) return '[' .. table.concat(texts, ',') .. ']' end
return answer('ok', list(states) .. ',' .. list(waiting) .. ',' .. list(active))
