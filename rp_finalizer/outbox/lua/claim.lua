-- needs text streams groups clock
-- Take what is due: first what others let the lease run out of, then what is new, the most urgent first. Called again,
-- tell the ids of what the first call took.
-- ARGV: the worker, the same in JSON, how many, for how many seconds, and the version that the entries get.

local owner, owner_text, limit, seconds, version = ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local until_text, taken = exact(now + seconds), {}

-- Write into an entry that it is leased, as `Entry.claimed` says.
local function lease(id, held)
  local _, was, rank, _, _, holder, token, attempts, facts, launch, history, report, message = unpack(held)
  local what = was == 'ready' and '"claimed"' or cjson.encode('taken over from ' .. holder)
  local event = '[' .. now_text .. ',' .. what .. ',' .. owner_text .. ']'
  history = history == '' and event or history .. ',' .. event
  token, attempts = token + 1, attempts + 1
  call('HSET', ENTRY .. id, 'version', version, 'state', 'leased', 'visible_at', until_text, 'updated_at', now_text,
    'lease_owner', owner, 'lease_token', token, 'attempts', attempts, 'history', history, 'turn', '')
  if was ~= 'leased' then call('ZREM', STATE .. was, id) end
  call('ZADD', STATE .. 'leased', until_text, id)
  if was ~= 'ready' then call('HINCRBY', COUNTERS, 'event recovered', 1) end
  hold(message, rank, owner, now + seconds)
  taken[#taken + 1] = text(id, version, 'leased', rank, until_text, now_text, owner_text, token, attempts, facts, launch,
    history, report)
end

if ARGV[3] == '1' then
  local order, ids = {}, {}
  for _, id in ipairs(call('ZRANGE', STATE .. 'leased', 0, -1)) do
    local held = call('HMGET', ENTRY .. id, 'version', 'rank', 'message')
    if held[1] == version then
      ids[#ids + 1] = id
      order[id] = held[2] .. sortable(held[3])
    end
  end
  table.sort(ids, function(a, b) return order[a] < order[b] end)
  if #ids > 0 then return answer('taken', cjson.encode(ids)) end
end

if jumped or next_ <= now then
  promote_due(1000)
  local function take_over(id)
    local held = call('HMGET', ENTRY .. id, unpack(READ))
    if #taken < limit and held[2] == 'leased' and held[13] ~= '' and held[14] == '' and due_by(held[4], held[5]) then
      lease(id, held)
    end
  end
  local idle = exact(math.max(0, math.floor(true_now * 1000) - math.floor(now * 1000) + AHEAD))
  for _, rank in ipairs(RANKS) do
    local stream, cursor, found = STREAM .. rank, '-', {}
    repeat
      if call('XLEN', stream) == 0 then break end
      found = grouped(rank, 'XPENDING', stream, GROUP, 'IDLE', idle, cursor, '+', 100)
      for _, each in ipairs(found) do
        local message, consumer = each[1], each[2]
        local read = call('XRANGE', stream, message, message)[1]
        if read then take_over(read[2][2]) else settle(message, rank) end
        if consumer ~= owner then remove_idle(rank, consumer) end
        cursor = '(' .. message
      end
    until #found == 0 or #taken >= limit
  end
  -- Where a group was lost, it no longer tells of them.
  for _, id in ipairs(call('ZRANGEBYSCORE', STATE .. 'leased', '-inf', now_text, 'LIMIT', 0, limit)) do
    take_over(id)
  end
  local waiting = call('ZRANGE', WAITING, 0, 0, 'WITHSCORES')[2]
  local leased = call('ZRANGE', STATE .. 'leased', 0, 0, 'WITHSCORES')[2]
  next_ = math.min(tonumber(waiting or 1e300), tonumber(leased or 1e300))
  call('HSET', ABOUT, 'next', exact(next_))
end

while #taken < limit do
  local turns = call('ZPOPMIN', DUE, limit - #taken)
  if #turns == 0 then break end
  for i = 1, #turns, 2 do
    local id = id_of(turns[i])
    local held = call('HMGET', ENTRY .. id, unpack(READ))
    if held[1] and due_by(held[4], held[5]) then
      lease(id, held)
    elseif held[1] then
      demote(id, held[3], held[13], held[4])
    end
  end
end
if #taken > 0 then
  note_time()
  note_next(until_text)
end
return answer('ok', '[' .. table.concat(taken, ',') .. ']')
