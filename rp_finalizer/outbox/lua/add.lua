-- needs entries streams
-- Write a new entry, where its launch has none and the time was right; else give the one that is there.
-- ARGV: how many entries there is room for, how far the time may be behind (empty: it is as told), the launch's uuid and
-- target, what is counted, the id, and the entry's values in the order in which they are written below.

local room, tolerance, uuid, target, counted, id = unpack(ARGV, 4, 9)
local version, state, rank, visible_at = unpack(ARGV, 10, 13)
local there = call('HGET', LAUNCH .. uuid, target)
if there and call('HGET', ENTRY .. there, 'version') == version then return answer('ok') end
-- Never ahead: what was written in the future is due at once.
if there or tolerance ~= '' and not (now <= true_now and true_now - now <= tonumber(tolerance)) then
  if tolerance ~= '' then now_text = exact(true_now) end
  return answer('changed', whole(there))
end
if owed() >= tonumber(room) then return answer('full') end
call('HSET', LAUNCH .. uuid, target, id)
call('HSET', ENTRY .. id, 'version', version, 'state', state, 'rank', rank, 'visible_at', visible_at,
  'updated_at', ARGV[14], 'lease_owner', ARGV[15], 'lease_token', ARGV[16], 'attempts', ARGV[17], 'facts', ARGV[18],
  'launch', ARGV[19], 'history', ARGV[20],
  'message', '', 'turn', '')
call('ZADD', IDS, 0, id)
place(id, state, rank, visible_at)
count(counted)
note_time()
return answer('ok')
