-- Which entries are due.

-- What was written in the future was written before a clock went back: it is due.
local function is_due(id)
  local held = call('HMGET', ENTRY .. id, 'visible_at', 'updated_at')
  return held[1] and (tonumber(held[1]) <= now or tonumber(held[2]) > now)
end

-- Of a state, what is due (or is not), by when that is or was.
local function of_state(state, due, limit)
  if not jumped then
    local from, to = '-inf', now_text
    if not due then from, to = '(' .. now_text, '+inf' end
    return call('ZRANGEBYSCORE', STATE .. state, from, to, 'LIMIT', 0, limit)
  end
  local found = {}
  for _, id in ipairs(call('ZRANGE', STATE .. state, 0, -1)) do
    if #found < tonumber(limit) and (is_due(id) or false) == due then found[#found + 1] = id end
  end
  return found
end
