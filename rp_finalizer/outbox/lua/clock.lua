-- Puts all entries where their times say, where a clock has gone back, or has caught up.

-- Let an entry wait that is not due after all. It has no turn.
local function demote(id, rank, message, visible_at)
  settle(message, rank)
  call('HSET', ENTRY .. id, 'message', '', 'turn', '')
  call('ZADD', WAITING, visible_at, id)
  note_next(visible_at)
end

if jumped then
  local function is_due(id)
    local held = call('HMGET', ENTRY .. id, 'visible_at', 'updated_at')
    return held[1] and (tonumber(held[1]) <= now or tonumber(held[2]) > now)
  end

  for _, id in ipairs(call('ZRANGE', WAITING, 0, -1)) do
    if is_due(id) then promote(id) end
  end
  for _, turn in ipairs(call('ZRANGE', DUE, 0, -1)) do
    local id = id_of(turn)
    if not is_due(id) then
      local held = call('HMGET', ENTRY .. id, 'rank', 'message', 'visible_at')
      call('ZREM', DUE, turn)
      demote(id, held[1], held[2], held[3])
    end
  end
  for _, id in ipairs(call('ZRANGE', STATE .. 'leased', 0, -1)) do
    local held = call('HMGET', ENTRY .. id, 'message', 'rank', 'lease_owner', 'updated_at', 'visible_at', 'turn')
    if held[1] ~= '' and held[6] == '' then
      local until_ = tonumber(held[4]) > now and math.min(now, held[5]) or tonumber(held[5])
      hold(held[1], held[2], held[3], until_)
    end
  end
  if now < latest then call('HSET', ABOUT, 'jumped', 1) else call('HDEL', ABOUT, 'jumped') end
end
