-- Entries as they are, and where they belong.

-- An entry in JSON, from the answer to HMGET of READ.
local READ = {'version', 'state', 'rank', 'visible_at', 'updated_at', 'lease_owner', 'lease_token', 'attempts', 'facts',
  'launch', 'history', 'report', 'message', 'turn'}
local function text(id, version, state, rank, visible_at, updated_at, owner, token, attempts, facts, launch, history, report)
  owner = owner ~= '' and cjson.encode(owner) or 'null'
  return '["' .. id .. '","' .. version .. '","' .. state .. '",' .. rank .. ',' .. visible_at .. ',' .. updated_at ..
    ',' .. owner .. ',' .. token .. ',' .. attempts .. ',' .. facts .. ',' .. launch .. ',[' .. history .. '],' ..
    (report or 'null') .. ']'
end

-- An entry in JSON, `null` where there is none.
local function whole(id)
  local held = id and call('HMGET', ENTRY .. id, unpack(READ))
  return held and held[1] and text(id, unpack(held)) or 'null'
end

local function wholes(ids)
  local all = {}
  for i, id in ipairs(ids) do all[i] = whole(id) end
  return '[' .. table.concat(all, ',') .. ']'
end

-- What was written in the future was written before a clock went back: it is due.
local function due_by(visible_at, updated_at) return tonumber(visible_at) <= now or tonumber(updated_at) > now end

local function is_due(id)
  local held = call('HMGET', ENTRY .. id, 'visible_at', 'updated_at')
  return held[1] and due_by(held[1], held[2])
end

-- Of a state, what is due (or is not), by when that is or was.
local function of_state(state, due, limit)
  if not jumped then
    local from, to = '-inf', now_text
    if not due then from, to = '(' .. now_text, '+inf' end
    return call('ZRANGEBYSCORE', STATE .. state, from, to, 'LIMIT', 0, limit)
  end
  local found = {}
  for _, id in ipairs(call('ZRANGE', STATE .. state, 0, -1)) do
    if #found < tonumber(limit) and (is_due(id) or false) == due then found[#found + 1] = id end
  end
  return found
end

local function owed()
  return call('ZCARD', STATE .. 'open') + call('ZCARD', STATE .. 'ready') + call('ZCARD', STATE .. 'leased')
end

-- Count each thing that stands in a line of its own.
local function count(counted)
  for name in string.gmatch(counted, '[^\n]+') do call('HINCRBY', COUNTERS, name, 1) end
end
