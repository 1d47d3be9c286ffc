-- needs entries
-- What is due lies in the streams.

-- Do a command of a stream's group; who destroyed that finds it made anew. Who holds what stands in the entries, and is
-- seen to as they are delivered again.
local function grouped(rank, command, ...)
  local result = redis.pcall(command, ...)
  if type(result) ~= 'table' or not result.err then return result end
  if not string.find(result.err, 'NOGROUP', 1, true) then error(result.err) end
  call('XGROUP', 'CREATE', STREAM .. rank, GROUP, '0', 'MKSTREAM')
  return call(command, ...)
end

-- A message so that it sorts among others.
local function sortable(message) return string.sub(message, 1, 14) .. string.format('%8s', string.sub(message, 15)) end

local function enqueue(id, rank, visible_at)
  local message = call('XADD', STREAM .. rank, '*', 'id', id)
  local turn = rank .. ' ' .. sortable(message) .. ' ' .. id
  call('ZADD', DUE, exact(visible_at + rank * AGEING), turn)
  call('HSET', ENTRY .. id, 'message', message, 'turn', turn)
end

local function settle(message, rank)
  call('XACK', STREAM .. rank, GROUP, message)
  call('XDEL', STREAM .. rank, message)
end

-- Have a consumer hold a message until a time.
local function hold(message, rank, owner, until_)
  grouped(rank, 'XCLAIM', STREAM .. rank, GROUP, owner, 0, message,
    'TIME', string.format('%.0f', math.ceil(until_ * 1000) - AHEAD), 'FORCE', 'JUSTID')
end

-- A consumer is removed with all that it has: only one that has nothing may be.
local function remove_idle(rank, owner)
  if #grouped(rank, 'XPENDING', STREAM .. rank, GROUP, '-', '+', 1, owner) == 0 then
    call('XGROUP', 'DELCONSUMER', STREAM .. rank, GROUP, owner)
  end
end

-- Put a waiting entry where it is claimed.
local function promote(id)
  local held = call('HMGET', ENTRY .. id, 'rank', 'visible_at')
  call('ZREM', WAITING, id)
  if held[1] then enqueue(id, held[1], held[2]) end
end

local function promote_due(limit)
  local ids = call('ZRANGEBYSCORE', WAITING, '-inf', now_text, 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do promote(id) end
  if #ids > 0 then note_time() end
end

-- Let an entry that is not due after all wait.
local function demote(id, rank, message, turn, visible_at)
  call('ZREM', DUE, turn)
  settle(message, rank)
  call('HSET', ENTRY .. id, 'message', '', 'turn', '')
  call('ZADD', WAITING, visible_at, id)
end

-- Put an entry where it belongs. It has no message.
local function place(id, state, rank, visible_at)
  call('ZADD', STATE .. state, visible_at, id)
  if state == 'ready' and tonumber(visible_at) <= now then
    promote_due(100)
    enqueue(id, rank, visible_at)
  elseif state == 'ready' or state == 'open' or state == 'leased' then
    call('ZADD', WAITING, visible_at, id)
  end
end
