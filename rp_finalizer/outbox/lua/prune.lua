-- needs groups
-- Forget some entries that were finished so many seconds ago, and consumers that have been of no use for an hour.
-- ARGV: the seconds, and how many entries.

local old = call('ZRANGEBYSCORE', STATE .. 'done', '-inf', '(' .. exact(now - ARGV[4]), 'LIMIT', 0, ARGV[5])
for _, id in ipairs(old) do
  local endpoint, project, uuid = unpack(cjson.decode(call('HGET', ENTRY .. id, 'launch')))
  call('HDEL', LAUNCH .. uuid, endpoint .. '#' .. project)
  call('DEL', ENTRY .. id)
  call('ZREM', STATE .. 'done', id)
  call('ZREM', IDS, id)
end
for _, rank in ipairs(RANKS) do
  if call('EXISTS', STREAM .. rank) == 1 then
    for _, each in ipairs(grouped(rank, 'XINFO', 'CONSUMERS', STREAM .. rank, GROUP)) do
      if each[6] > 3600000 then remove_idle(rank, each[2]) end
    end
  end
end
return answer('ok', #old)
