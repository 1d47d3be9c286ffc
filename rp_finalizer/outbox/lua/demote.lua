-- Let an entry that is not due after all wait.
local function demote(id, rank, message, turn, visible_at)
  call('ZREM', DUE, turn)
  settle(message, rank)
  call('HSET', ENTRY .. id, 'message', '', 'turn', '')
  call('ZADD', WAITING, visible_at, id)
end
