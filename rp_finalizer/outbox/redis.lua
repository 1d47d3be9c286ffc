-- An outbox in Redis: its steps, each of them done whole or not at all. What becomes of an entry is decided by whoever
-- calls (`write`), but for the claim, which has to find the entries at the same moment.
--
-- KEYS[1] is the prefix P, with the hash tag that keeps all keys in one slot. The keys:
--   P:about            hash     `version` of this dictionary; `latest`: when something was written last; `jumped`: there
--                               while entries lie where a clock that went back has put them
--   P:counters         hash     how often each thing happened, by "KIND NAME"
--   P:entry:ID         hash     an entry; its fence: `version`, new with every write, and `lease_token`; `message` is its
--                               message in a stream, empty where it has none; `claims` what they add to its history
--   P:launch:UUID      hash     the ids of a launch's entries, by "ENDPOINT#PROJECT"
--   P:state:STATE      zset     the ids of a state's entries, all of score 0, so in the order of the ids
--   P:due:RANK         stream   a priority's entries that are due, and those delivered to workers; field `id`
--   P:waiting:RANK     zset     its other owed entries, by when they come due: open, delayed, or taken by name
--   P:runs             zset     the open ones of all priorities, by when the lease of their run ends
--   P:done             zset     the finished ones, by when that was
-- Each stream has the one group `workers`, begun at 0. What is delivered stays in the stream until it is settled. The
-- time of a delivery is not when that was, but when its lease ends, less AHEAD: idle for AHEAD is a lease run out.
--
-- ARGV: the step, the dictionary's version, the time (empty: the server's), whether it is called again (1) because the
-- answer was lost, and the arguments of the step, as a list of texts in JSON.
-- The answer, in JSON: a word, the time, and what the step gives. Times are seconds since the epoch.

local P, GROUP, RANKS, AHEAD = KEYS[1], 'workers', {'0', '1', '2', '3'}, 315360000000
local AGEING = 600
local call = redis.call
local arguments = cjson.decode(ARGV[5])
local clock = call('TIME')
local server_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
local now = tonumber(ARGV[3]) or (clock[1] + clock[2] / 1000000)

local function exact(number) return string.format('%.17g', number) end

local now_text = exact(now)

local function key(what, which) return P .. ':' .. what .. (which and ':' .. which or '') end

local function entry(id) return P .. ':entry:' .. id end

local function answer(word, ...) return cjson.encode({word, exact(now), ...}) end

local about = call('HMGET', key('about'), 'version', 'latest', 'jumped')
local latest = tonumber(about[2] or 0)

local function note_time()
  if now > latest then call('HSET', key('about'), 'version', ARGV[2], 'latest', now_text) end
end

-- Entries may lie elsewhere than their times say.
local function jumped() return now < latest or about[3] end

local function times(id)
  local found = call('HMGET', entry(id), 'visible_at', 'updated_at')
  return tonumber(found[1] or nil), tonumber(found[2] or nil)
end

local function is_due(id)
  local visible_at, updated_at = times(id)
  return visible_at ~= nil and (visible_at <= now or updated_at > now)
end

local function count(name, number) call('HINCRBY', key('counters'), name, number) end

local function ids(state) return call('ZRANGE', key('state', state), 0, -1) end

local function owed()
  return call('ZCARD', key('state', 'open')) + call('ZCARD', key('state', 'ready')) + call('ZCARD', key('state', 'leased'))
end

-- The id of the last message that was delivered, and how many of these are not settled, before this step delivered
-- any; nil of an empty stream.
local groups = {}
local function group(rank)
  if groups[rank] then return groups[rank][1], groups[rank][2] end
  local stream = key('due', rank)
  if call('XLEN', stream) == 0 then return nil end
  for _, each in ipairs(call('XINFO', 'GROUPS', stream)) do
    local told = {}
    for i = 1, #each, 2 do told[each[i]] = each[i + 1] end
    if told['name'] == GROUP then
      groups[rank] = {told['last-delivered-id'], told['pending']}
      return told['last-delivered-id'], told['pending']
    end
  end
  -- Somebody removed the group: who holds what stands in the entries, and is seen to as they are delivered again.
  call('XGROUP', 'CREATE', stream, GROUP, '0')
  return '0-0', 0
end

-- Messages behind one, as {message, id}.
local function behind(rank, message, limit)
  local found = {}
  local from = '(' .. message
  for i, each in ipairs(call('XRANGE', key('due', rank), from, '+', 'COUNT', limit)) do
    found[i] = {each[1], each[2][2]}
  end
  return found
end

local function enqueue(id, rank)
  local stream = key('due', rank)
  if call('EXISTS', stream) == 0 then call('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM') end
  call('HSET', entry(id), 'message', call('XADD', stream, '*', 'id', id))
end

local function settle(message, rank)
  call('XACK', key('due', rank), GROUP, message)
  call('XDEL', key('due', rank), message)
end

-- Have a consumer hold a message until a time.
local function hold(message, rank, owner, until_)
  group(rank)
  call('XCLAIM', key('due', rank), GROUP, owner, 0, message,
    'TIME', exact(math.ceil(until_ * 1000) - AHEAD), 'FORCE', 'JUSTID')
end

local function delivered(message, rank)
  return group(rank) ~= nil and #call('XPENDING', key('due', rank), GROUP, message, message, 1) > 0
end

-- A consumer is removed with all that it has: only one that has nothing may be.
local function remove_idle(rank, owner)
  if group(rank) and #call('XPENDING', key('due', rank), GROUP, '-', '+', 1, owner) == 0 then
    call('XGROUP', 'DELCONSUMER', key('due', rank), GROUP, owner)
  end
end

-- Put a waiting entry where it is claimed.
local function promote(id, rank)
  call('ZREM', key('waiting', rank), id)
  enqueue(id, rank)
end

local function promote_due(rank, limit)
  for _, id in ipairs(call('ZRANGEBYSCORE', key('waiting', rank), '-inf', now_text, 'LIMIT', 0, limit)) do
    promote(id, rank)
  end
end

-- Take an entry out of where it lies, told as {state, rank, message}.
local function remove(id, held)
  if held[3] ~= '' then settle(held[3], held[2]) else call('ZREM', key('waiting', held[2]), id) end
  call('ZREM', key('state', held[1]), id)
  if held[1] == 'open' then call('ZREM', key('runs'), id) end
  if held[1] == 'done' then call('ZREM', key('done'), id) end
end

-- Put an entry where it belongs.
local function place(id, state, rank, visible_at, updated_at)
  call('ZADD', key('state', state), 0, id)
  if state == 'open' then call('ZADD', key('runs'), visible_at, id) end
  if state == 'done' then call('ZADD', key('done'), updated_at, id) end
  if state == 'ready' and tonumber(visible_at) <= now then
    promote_due(rank, 100)
    enqueue(id, rank)
  elseif state == 'ready' or state == 'open' or state == 'leased' then
    call('ZADD', key('waiting', rank), visible_at, id)
  end
end

-- Write an entry as it was decided, where it still is what that was decided of (`expected`, empty of a new one) and
-- the time was right, but for a `tolerance`; else give what it is. `same`: whether its lease is only renewed.
local function write_entry(id, uuid, target, expected, tolerance, room, same, counted,
                           version_, state, rank, visible_at, updated_at, owner, token, attempts, body)
  local there = expected ~= '' and id or call('HGET', key('launch', uuid), target)
  local held = there and call('HMGET', entry(there), 'state', 'rank', 'message', 'version') or {}
  local version = held[4] or ''
  -- The answer to the same call was lost.
  if version == version_ then return answer('ok') end
  local true_now = clock[1] + clock[2] / 1000000
  -- Never ahead: what was written in the future is due at once.
  local in_time = tolerance == '' or (now <= true_now and true_now - now <= tonumber(tolerance))
  if version ~= expected or not in_time then
    if tolerance ~= '' then now = true_now end
    return answer('changed', there and call('HGETALL', entry(there)) or {})
  end
  if room ~= '' and owed() >= tonumber(room) then return answer('full') end
  local function write(message)
    call('HSET', entry(id), 'version', version_, 'state', state, 'rank', rank, 'visible_at', visible_at,
      'updated_at', updated_at, 'lease_owner', owner, 'lease_token', token, 'attempts', attempts, 'body', body,
      'claims', '', 'message', message)
  end
  if same == '1' and state == 'leased' and held[3] ~= '' and delivered(held[3], rank) then
    write(held[3])
    hold(held[3], rank, owner, tonumber(visible_at))
  else
    if held[1] then
      remove(id, held)
    else
      call('HSET', key('launch', uuid), target, id)
      call('HSET', entry(id), 'uuid', uuid, 'target', target)
    end
    write('')
    place(id, state, rank, visible_at, updated_at)
  end
  for name in string.gmatch(counted, '[^\n]+') do count(name, 1) end
  note_time()
  return answer('ok')
end

-- What comes below is made for the other steps only: a function takes as long to make as a call.
if about[1] and about[1] ~= ARGV[2] then return answer('version', about[1]) end
if ARGV[1] == 'write' then return write_entry(unpack(arguments)) end

-- Put all entries where their times say, by a clock that went back, or has caught up.
local function relocate()
  for _, rank in ipairs(RANKS) do
    for _, id in ipairs(call('ZRANGE', key('waiting', rank), 0, -1)) do
      if is_due(id) then promote(id, rank) end
    end
    local last = group(rank)
    for _, each in ipairs(last and behind(rank, last, 1000000) or {}) do
      if not is_due(each[2]) then
        settle(each[1], rank)
        call('HSET', entry(each[2]), 'message', '')
        call('ZADD', key('waiting', rank), exact(times(each[2])), each[2])
      end
    end
  end
  for _, id in ipairs(ids('leased')) do
    local held = call('HMGET', entry(id), 'message', 'rank', 'lease_owner', 'updated_at', 'visible_at')
    if held[1] ~= '' and delivered(held[1], held[2]) then
      local until_ = tonumber(held[4]) > now and math.min(now, held[5]) or tonumber(held[5])
      hold(held[1], held[2], held[3], until_)
    end
  end
  if now < latest then call('HSET', key('about'), 'jumped', 1) else call('HDEL', key('about'), 'jumped') end
end

-- Write into an entry that it is leased, as `Entry.claimed` says; give what it was before.
local function lease(id, message, owner, seconds, version)
  local before = call('HGETALL', entry(id))
  local was = {}
  for i = 1, #before, 2 do was[before[i]] = before[i + 1] end
  local held = was.state ~= 'ready'
  local what = held and 'taken over from ' .. was.lease_owner or 'claimed'
  local event = '[' .. now_text .. ',' .. cjson.encode(what) .. ',' .. cjson.encode(owner) .. ']'
  local claims = was.claims == '' and event or was.claims .. ',' .. event
  call('HSET', entry(id), 'state', 'leased', 'lease_owner', owner, 'lease_token', was.lease_token + 1,
    'visible_at', exact(now + seconds), 'updated_at', now_text, 'attempts', was.attempts + 1,
    'claims', claims, 'version', version, 'message', message)
  if was.state ~= 'leased' then
    call('ZREM', key('state', was.state), id)
    call('ZADD', key('state', 'leased'), 0, id)
  end
  if was.state == 'open' then call('ZREM', key('runs'), id) end
  if held then count('event recovered', 1) end
  hold(message, was.rank, owner, now + seconds)
  return before
end

-- Take deliveries whose lease has run out, up to a number.
local function take_expired(taken, rank, owner, limit, seconds, version)
  local last, pending = group(rank)
  if not last or pending == 0 then return end
  local stream, cursor = key('due', rank), '-'
  local idle = exact(math.max(0, server_ms - math.floor(now * 1000) + AHEAD))
  while #taken < limit do
    local found = call('XPENDING', stream, GROUP, 'IDLE', idle, cursor, '+', limit - #taken)
    if #found == 0 then return end
    for _, each in ipairs(found) do
      local message, consumer = each[1], each[2]
      local read = call('XRANGE', stream, message, message)[1]
      local id = read and read[2][2]
      if not id or call('HGET', entry(id), 'message') ~= message then
        settle(message, rank)
      elseif is_due(id) then
        taken[#taken + 1] = lease(id, message, owner, seconds, version)
        if consumer ~= owner then remove_idle(rank, consumer) end
      end
      cursor = '(' .. message
    end
  end
end

-- Deliver the next message of a stream to a worker; give the entry, or nil where it is not to be had.
local function deliver(rank, message, id, owner, seconds, version)
  call('XREADGROUP', 'GROUP', GROUP, owner, 'COUNT', 1, 'STREAMS', key('due', rank), '>')
  local held = call('HMGET', entry(id), 'message', 'state', 'lease_owner', 'visible_at')
  if held[1] ~= message then
    settle(message, rank)
  elseif is_due(id) then
    return lease(id, message, owner, seconds, version)
  else
    -- The group was lost, and with it who holds this one.
    hold(message, rank, held[3] ~= '' and held[3] or owner, tonumber(held[4]) or now)
  end
end

-- The rank whose next message is the most urgent, of lists of {message, id}.
local function most_urgent(queues)
  local best, least
  for _, rank in ipairs(RANKS) do
    local head = queues[rank][1]
    local urgency = head and (times(head[2]) or 0) + rank * AGEING
    if urgency and (not least or urgency < least) then best, least = rank, urgency end
  end
  return best
end

local function wholes(found)
  local all = {}
  for i, id in ipairs(found) do all[i] = call('HGETALL', entry(id)) end
  return all
end

-- Where an entry stands among those delivered: priority first, then its message.
local function position(id)
  local held = call('HMGET', entry(id), 'rank', 'message')
  local at, number = string.match(held[2], '(%d+)-(%d+)')
  return string.format('%s %20s %20s', held[1], at or '', number or '')
end

-- The ids of a table, by its values.
local function sorted(values, limit)
  local found, first = {}, {}
  for id in pairs(values) do found[#found + 1] = id end
  table.sort(found, function(a, b)
    if values[a] ~= values[b] then return values[a] < values[b] end
    return a < b
  end)
  for i = 1, math.min(limit, #found) do first[i] = found[i] end
  return first
end

local OWED = {'open', 'ready', 'leased'}
local steps = {}

-- Take what is due: first what others let the lease run out of, then what is new, the most urgent first.
function steps.claim(owner, limit, seconds, version)
  limit, seconds = tonumber(limit), tonumber(seconds)
  if jumped() then relocate() end
  local taken, queues = {}, {}
  if ARGV[4] == '1' then
    -- What the first call took, as it is.
    local had = {}
    for _, id in ipairs(ids('leased')) do
      if call('HGET', entry(id), 'version') == version then had[id] = position(id) end
    end
    if next(had) then return answer('ok', wholes(sorted(had, limit))) end
  end
  for _, rank in ipairs(RANKS) do promote_due(rank, limit) end
  for _, rank in ipairs(RANKS) do take_expired(taken, rank, owner, limit, seconds, version) end
  for _, rank in ipairs(RANKS) do
    local last = #taken < limit and group(rank)
    queues[rank] = last and behind(rank, last, limit) or {}
  end
  while #taken < limit do
    local rank = most_urgent(queues)
    if not rank then break end
    local head = table.remove(queues[rank], 1)
    taken[#taken + 1] = deliver(rank, head[1], head[2], owner, seconds, version)
    if #queues[rank] == 0 and #taken < limit then queues[rank] = behind(rank, head[1], limit) end
  end
  if #taken > 0 then note_time() end
  return answer('ok', taken)
end

if ARGV[1] == 'claim' then return steps.claim(unpack(arguments)) end

-- All that is due although the clock went back, by urgency.
local function due_after_jump(states)
  local found = {}
  for _, state in ipairs(states) do
    for _, id in ipairs(ids(state)) do
      if is_due(id) then found[id] = times(id) + call('HGET', entry(id), 'rank') * AGEING end
    end
  end
  return found
end

-- Give the entry of an id.
function steps.look(id) return answer('ok', call('HGETALL', entry(id))) end

-- Give a launch's entry.
function steps.look_for(uuid, target)
  local id = call('HGET', key('launch', uuid), target)
  return answer('ok', id and call('HGETALL', entry(id)) or {})
end

-- The ids of what is due, in the order of the claim.
local function in_turn(limit)
  if jumped() then return sorted(due_after_jump(OWED), limit) end
  local expired, queues = {}, {}
  for _, id in ipairs(ids('leased')) do
    local message, rank = unpack(call('HMGET', entry(id), 'message', 'rank'))
    if message ~= '' and is_due(id) and delivered(message, rank) then expired[id] = position(id) end
  end
  local found = sorted(expired, limit)
  for _, rank in ipairs(RANKS) do
    local last = group(rank)
    queues[rank] = last and behind(rank, last, limit) or {}
    for _, id in ipairs(call('ZRANGEBYSCORE', key('waiting', rank), '-inf', exact(now), 'LIMIT', 0, limit)) do
      queues[rank][#queues[rank] + 1] = {'', id}
    end
  end
  while #found < limit do
    local rank = most_urgent(queues)
    if not rank then break end
    found[#found + 1] = table.remove(queues[rank], 1)[2]
  end
  return found
end

-- The ids of what is ready and not due, by when it comes due.
local function later(limit)
  local found = {}
  for _, rank in ipairs(RANKS) do
    local from = jumped() and '-inf' or '(' .. now_text
    local number, at = 0, 0
    while number < limit do
      local page = call('ZRANGEBYSCORE', key('waiting', rank), from, '+inf', 'LIMIT', at, 1000)
      if #page == 0 then break end
      for _, id in ipairs(page) do
        if call('HGET', entry(id), 'state') == 'ready' and not is_due(id) then
          number = number + 1
          found[id] = times(id)
        end
      end
      at = at + #page
    end
  end
  return sorted(found, limit)
end

-- Give what is due, in the order of the claim.
function steps.queue(limit) return answer('ok', wholes(in_turn(tonumber(limit)))) end

-- Give what is ready and not due.
function steps.delayed(limit) return answer('ok', wholes(later(tonumber(limit)))) end

-- Give whether an entry is there, and its place among what is due, then what is delayed; 0 where it waits for nothing.
function steps.position(id)
  local there = call('EXISTS', entry(id)) == 1
  local found = there and in_turn(1000000) or {}
  for place, each in ipairs(found) do
    if each == id then return answer('ok', there, place) end
  end
  for place, each in ipairs(there and later(1000000) or {}) do
    if each == id then return answer('ok', there, #found + place) end
  end
  return answer('ok', there, 0)
end

-- Give what runs let the lease run out of, by when that was.
function steps.overdue(limit)
  if not jumped() then
    return answer('ok', wholes(call('ZRANGEBYSCORE', key('runs'), '-inf', exact(now), 'LIMIT', 0, limit)))
  end
  local found = due_after_jump({'open'})
  for id in pairs(found) do found[id] = times(id) end
  return answer('ok', wholes(sorted(found, tonumber(limit))))
end

-- Give what workers hold, by when the lease ends.
function steps.active(limit)
  local found = {}
  for _, id in ipairs(ids('leased')) do
    local until_ = times(id)
    if until_ > now then found[id] = until_ end
  end
  return answer('ok', wholes(sorted(found, tonumber(limit))))
end

-- Give the entries that an id or a launch's uuid names.
function steps.find(name)
  if call('EXISTS', entry(name)) == 1 then return answer('ok', wholes({name})) end
  return answer('ok', wholes(call('HVALS', key('launch', name))))
end

-- Give a page of entries of some states by their ids.
function steps.page(states, limit, after)
  local found, first = {}, {}
  for state in string.gmatch(states, '%a+') do
    local from = after == '' and '-' or '(' .. after
    for _, id in ipairs(call('ZRANGEBYLEX', key('state', state), from, '+', 'LIMIT', 0, limit)) do
      found[#found + 1] = id
    end
  end
  table.sort(found)
  for i = 1, math.min(limit, #found) do first[i] = found[i] end
  return answer('ok', wholes(first))
end

-- Forget some entries that were finished so many seconds ago, and consumers that have been of no use for an hour.
function steps.prune(keep, limit)
  local old = call('ZRANGEBYSCORE', key('done'), '-inf', '(' .. exact(now - keep), 'LIMIT', 0, limit)
  for _, id in ipairs(old) do
    local launch = call('HMGET', entry(id), 'uuid', 'target', 'state', 'rank', 'message')
    remove(id, {launch[3], launch[4], launch[5]})
    call('HDEL', key('launch', launch[1]), launch[2])
    call('DEL', entry(id))
  end
  for _, rank in ipairs(RANKS) do
    for _, each in ipairs(group(rank) and call('XINFO', 'CONSUMERS', key('due', rank), GROUP) or {}) do
      if each[6] > 3600000 then remove_idle(rank, each[2]) end
    end
  end
  return answer('ok', #old)
end

-- Count: the states, what is due, the counters.
function steps.statistics()
  local states, due = {}, 0
  for _, state in ipairs({'open', 'ready', 'leased', 'done', 'dead'}) do
    states[#states + 1] = state
    states[#states + 1] = call('ZCARD', key('state', state))
  end
  if jumped() then
    for _ in pairs(due_after_jump(OWED)) do due = due + 1 end
  else
    for _, id in ipairs(ids('leased')) do
      local message, rank = unpack(call('HMGET', entry(id), 'message', 'rank'))
      if message ~= '' and is_due(id) and delivered(message, rank) then due = due + 1 end
    end
    for _, rank in ipairs(RANKS) do
      local last, pending = group(rank)
      due = due + call('ZCOUNT', key('waiting', rank), '-inf', exact(now))
      if last then due = due + call('XLEN', key('due', rank)) - pending end
    end
  end
  return answer('ok', states, due, call('HGETALL', key('counters')))
end

-- Give when something comes due, nil where nothing is owed.
function steps.next_due()
  local first
  local function take(at) if at and (not first or at < first) then first = at end end
  for _, rank in ipairs(RANKS) do
    local last, pending = group(rank)
    if last and call('XLEN', key('due', rank)) > pending and not jumped() then take(now) end
    take(tonumber(call('ZRANGE', key('waiting', rank), 0, 0, 'WITHSCORES')[2]))
  end
  for _, id in ipairs(ids('leased')) do take((times(id))) end
  if jumped() then
    for _, state in ipairs(OWED) do
      for _, id in ipairs(ids(state)) do take(is_due(id) and now or (times(id))) end
    end
  end
  return answer('ok', first and exact(first) or '')
end

-- Remove a worker's consumers, where nothing is theirs any more.
function steps.leave(owner)
  for _, rank in ipairs(RANKS) do remove_idle(rank, owner) end
  return answer('ok')
end

return steps[ARGV[1]](unpack(arguments))
