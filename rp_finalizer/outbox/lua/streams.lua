-- What is due lies in the streams, and may be delivered from there.

-- A message so that it sorts among others.
local function sortable(message) return string.sub(message, 1, 14) .. string.format('%8s', string.sub(message, 15)) end

-- The id at the end of a turn, whose parts are of one length each.
local function id_of(turn) return string.sub(turn, 26) end

-- Let an entry be claimed; give its message and its turn, to be written into it.
local function enqueue(id, rank, visible_at)
  local message = call('XADD', STREAM .. rank, '*', 'id', id)
  local turn = rank .. ' ' .. sortable(message) .. ' ' .. id
  call('ZADD', DUE, exact(visible_at + rank * AGEING), turn)
  return message, turn
end

local function settle(message, rank)
  call('XACK', STREAM .. rank, GROUP, message)
  call('XDEL', STREAM .. rank, message)
end

-- Let an entry be claimed that waits, or whose message was lost.
local function promote(id)
  local held = call('HMGET', ENTRY .. id, 'rank', 'visible_at')
  call('ZREM', WAITING, id)
  if held[1] then
    local message, turn = enqueue(id, held[1], held[2])
    call('HSET', ENTRY .. id, 'message', message, 'turn', turn)
  end
end

local function promote_due(limit)
  if now < next_ and not jumped then return end
  local ids = call('ZRANGEBYSCORE', WAITING, '-inf', now_text, 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do promote(id) end
  if #ids > 0 then note_time() end
end

-- Count things that happened at once, each in a line of its own.
local function count(counted)
  if counted ~= '' then call('HINCRBY', COUNTERS, counted, 1) end
end
