-- needs text streams demote groups consumers clock
-- Take what is due: first what others let the lease run out of, then what is new, the most urgent first. Called again,
-- tell the ids of what the first call took.
-- ARGV: the worker, how many, for how many seconds, and the version that the entries get.

local owner, limit, seconds, version = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local owner_text, until_text, taken = cjson.encode(owner), exact(now + seconds), {}

-- Write into an entry that it is leased, as `Entry.claimed` says.
local function lease(id, message, held)
  local _, was, rank, _, _, holder, token, attempts, facts, launch, history, report = unpack(held)
  local what = was == 'ready' and '"claimed"' or cjson.encode('taken over from ' .. holder)
  local event = '[' .. now_text .. ',' .. what .. ',' .. owner_text .. ']'
  history = history == '' and event or history .. ',' .. event
  token, attempts = token + 1, attempts + 1
  call('HSET', ENTRY .. id, 'version', version, 'state', 'leased', 'visible_at', until_text, 'updated_at', now_text,
    'lease_owner', owner, 'lease_token', token, 'attempts', attempts, 'history', history, 'turn', '')
  if was ~= 'leased' then call('ZREM', STATE .. was, id) end
  call('ZADD', STATE .. 'leased', until_text, id)
  if held[14] ~= '' then call('ZREM', DUE, held[14]) end
  if was ~= 'ready' then call('HINCRBY', COUNTERS, 'event recovered', 1) end
  hold(message, rank, owner, now + seconds)
  taken[#taken + 1] = text(id, version, 'leased', rank, until_text, now_text, owner, token, attempts, facts, launch,
    history, report)
end

-- See to a message that was delivered; tell whether its entry was taken.
local function deliver(message, id, rank)
  local held = call('HMGET', ENTRY .. id, unpack(READ))
  if not held[1] or held[13] ~= message then
    settle(message, rank)
  elseif tonumber(held[4]) <= now or tonumber(held[5]) > now then
    lease(id, message, held)
    return true
  elseif held[14] ~= '' then
    demote(id, rank, message, held[14], held[4])
  else
    -- The group was lost, and with it who holds this one.
    hold(message, rank, held[6], tonumber(held[4]))
  end
end

-- Take deliveries of a priority whose lease has run out.
local function take_over(rank)
  local stream, cursor = STREAM .. rank, '-'
  local server_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
  local idle = exact(math.max(0, server_ms - math.floor(now * 1000) + AHEAD))
  while #taken < limit do
    local found = grouped(rank, 'XPENDING', stream, GROUP, 'IDLE', idle, cursor, '+', limit - #taken)
    if #found == 0 then return end
    for _, each in ipairs(found) do
      local message, consumer = each[1], each[2]
      local read = call('XRANGE', stream, message, message)[1]
      if not read then
        settle(message, rank)
      elseif deliver(message, read[2][2], rank) and consumer ~= owner then
        remove_idle(rank, consumer)
      end
      cursor = '(' .. message
    end
  end
end

-- Take what workers let the lease run out of.
local function take_expired()
  for _, rank in ipairs(RANKS) do
    if call('XLEN', STREAM .. rank) > 0 then take_over(rank) end
  end
  -- Where a group was lost, it no longer tells of them.
  for _, id in ipairs(call('ZRANGEBYSCORE', STATE .. 'leased', '-inf', now_text, 'LIMIT', 0, limit)) do
    local held = call('HMGET', ENTRY .. id, 'message', 'turn', 'rank')
    if #taken < limit and held[1] ~= '' and held[2] == '' then deliver(held[1], id, held[3]) end
  end
end

-- The next messages of a stream, which are delivered by that.
local function read(rank, number)
  local found = grouped(rank, 'XREADGROUP', 'GROUP', GROUP, owner, 'COUNT', number, 'STREAMS', STREAM .. rank, '>')
  return found and found[1][2] or {}
end

-- Take the next by urgency: how many there are of each priority is told by whose turn it is.
local function take_next()
  local turns, numbers, messages = call('ZRANGE', DUE, 0, limit - #taken - 1), {}, {}
  for _, turn in ipairs(turns) do
    local rank = string.sub(turn, 1, 1)
    numbers[rank] = (numbers[rank] or 0) + 1
  end
  for rank, number in pairs(numbers) do messages[rank] = {read(rank, number), 0} end
  for _, turn in ipairs(turns) do
    local rank = string.sub(turn, 1, 1)
    local next_ = messages[rank]
    next_[2] = next_[2] + 1
    local message = next_[1][next_[2]]
    if message then
      deliver(message[1], message[2][2], rank)
    else
      -- Somebody removed the message: it gets another one.
      call('ZREM', DUE, turn)
      promote(string.match(turn, '%S+$'))
    end
  end
  return #turns > 0
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
promote_due(1000)
if jumped or #call('ZRANGEBYSCORE', STATE .. 'leased', '-inf', now_text, 'LIMIT', 0, 1) > 0 then take_expired() end
while #taken < limit and take_next() do end
if #taken > 0 then note_time() end
return answer('ok', '[' .. table.concat(taken, ',') .. ']')
