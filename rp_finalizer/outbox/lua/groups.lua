-- The groups of the streams: who holds what was delivered.

-- Do a command of a stream's group; who destroyed that finds it made anew. Who holds what stands in the entries, and is
-- seen to as they are delivered again.
local function grouped(rank, command, ...)
  local result = redis.pcall(command, ...)
  if type(result) ~= 'table' or not result.err then return result end
  if not string.find(result.err, 'NOGROUP', 1, true) then error(result.err) end
  call('XGROUP', 'CREATE', STREAM .. rank, GROUP, '0', 'MKSTREAM')
  return call(command, ...)
end

-- Have a consumer hold a message until a time: where nobody has it yet, this delivers it. So does XREADGROUP tell its
-- replicas of each message; here the most urgent of all streams is delivered, and at once with its lease.
local function hold(message, rank, owner, until_)
  grouped(rank, 'XCLAIM', STREAM .. rank, GROUP, owner, 0, message,
    'TIME', string.format('%.0f', math.ceil(until_ * 1000) - AHEAD), 'FORCE', 'JUSTID', 'LASTID', message)
end

-- A consumer is removed with all that it has: only one that has nothing may be.
local function remove_idle(rank, owner)
  if #grouped(rank, 'XPENDING', STREAM .. rank, GROUP, '-', '+', 1, owner) == 0 then
    call('XGROUP', 'DELCONSUMER', STREAM .. rank, GROUP, owner)
  end
end
