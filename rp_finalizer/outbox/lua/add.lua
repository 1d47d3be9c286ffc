-- needs streams
-- Write a new entry, where its launch has none and the time was right; tell 0 then, else 1.
-- ARGV: how many entries there is room for, how far the time may be behind (empty: it is as told), the launch's uuid
-- and target, what is counted, the id, and the entry's values in the order in which they are written below.

local room, tolerance, uuid, target, counted, id = tonumber(ARGV[4]), unpack(ARGV, 5, 9)
local version, state, rank, visible_at = unpack(ARGV, 10, 13)
if tolerance ~= '' then
  told_time = true_text
  -- Never ahead: what was written in the future is due at once.
  if now > true_now or true_now - now > tonumber(tolerance) then return answer('ok', 1) end
end
-- Those that are over are counted only where it matters.
if call('ZCARD', IDS) >= room
  and call('ZCARD', STATE .. 'open') + call('ZCARD', STATE .. 'ready') + call('ZCARD', STATE .. 'leased') >= room
  and call('HEXISTS', LAUNCH .. uuid, target) == 0 then
  return answer('full')
end
if call('HSETNX', LAUNCH .. uuid, target, id) == 0 then
  local there = call('HGET', LAUNCH .. uuid, target)
  -- The answer to the same call was lost.
  return answer('ok', call('HGET', ENTRY .. there, 'version') == version and 0 or 1)
end
local message, turn = '', ''
if state == 'ready' and tonumber(visible_at) <= now then
  promote_due(100)
  message, turn = enqueue(id, rank, visible_at)
else
  call('ZADD', WAITING, visible_at, id)
  note_next(visible_at)
end
call('HSET', ENTRY .. id, 'version', version, 'state', state, 'rank', rank, 'visible_at', visible_at,
  'updated_at', ARGV[14], 'lease_owner', ARGV[15], 'lease_token', ARGV[16], 'attempts', ARGV[17], 'facts', ARGV[18],
  'launch', ARGV[19], 'history', ARGV[20], 'message', message, 'turn', turn)
call('ZADD', IDS, 0, id)
call('ZADD', STATE .. state, visible_at, id)
count(counted)
note_time()
return answer('ok')
