-- needs streams groups
-- Write what became of entries, each where it still is what that was decided of, and the time was right; tell for each
-- 0 then, else 1.
-- ARGV: how many entries there is room for (empty: none is opened anew), how far the time may be behind (empty: it is
-- as told), and for each entry the arguments of `change`, in their order.

local SIZE = 15
local room, tolerance = ARGV[4], ARGV[5]
local in_time, written, full = true, false, false
if tolerance ~= '' then
  told_time = true_text
  -- Never ahead: what was written in the future is due at once.
  in_time = now <= true_now and true_now - now <= tonumber(tolerance)
end

-- Of the JSON, what is empty stays as it is. An event is added to the history.
local function change(id, expected, counted, version, state, visible_at, updated_at, owner, token, attempts,
                      facts, launch, report, event, history)
  local name = ENTRY .. id
  local held = call('HMGET', name, 'version', 'state', 'rank', 'lease_token', 'message', 'turn', 'history')
  local was, rank, message, turn = held[2], held[3], held[5], held[6]
  -- The answer to the same call was lost.
  if held[1] == version then return 0 end
  if not in_time or held[1] ~= expected then return 1 end
  if room ~= '' then
    local owed = call('ZCARD', STATE .. 'open') + call('ZCARD', STATE .. 'ready') + call('ZCARD', STATE .. 'leased')
    full = owed >= tonumber(room)
    if full then return 1 end
  end
  if event ~= '' then history = held[7] == '' and event or held[7] .. ',' .. event end
  local renewed = state == 'leased' and was == state and held[4] == token and message ~= '' and turn == ''
  if renewed then
    -- A delivery stays one.
    hold(message, rank, owner, tonumber(visible_at))
    note_next(visible_at)
  else
    if message == '' then call('ZREM', WAITING, id) else settle(message, rank) end
    if turn ~= '' then call('ZREM', DUE, turn) end
    message, turn = '', ''
    if state == 'ready' and tonumber(visible_at) <= now then
      promote_due(100)
      message, turn = enqueue(id, rank, visible_at)
    elseif state == 'ready' or state == 'open' or state == 'leased' then
      call('ZADD', WAITING, visible_at, id)
      note_next(visible_at)
    end
  end
  local values = {'version', version, 'state', state, 'visible_at', visible_at, 'updated_at', updated_at,
    'lease_owner', owner, 'lease_token', token, 'attempts', attempts, 'message', message, 'turn', turn,
    'history', history ~= '' and history or held[7]}
  local n = #values
  if facts ~= '' then values[n + 1], values[n + 2], n = 'facts', facts, n + 2 end
  if launch ~= '' then values[n + 1], values[n + 2], n = 'launch', launch, n + 2 end
  if report ~= '' then values[n + 1], values[n + 2] = 'report', report end
  call('HSET', name, unpack(values))
  if was ~= state then call('ZREM', STATE .. was, id) end
  call('ZADD', STATE .. state, visible_at, id)
  count(counted)
  written = true
  return 0
end

local results = {}
for at = 6, #ARGV, SIZE do results[#results + 1] = change(unpack(ARGV, at, at + SIZE - 1)) end
if full then return answer('full') end
if written then note_time() end
return answer('ok', '[' .. table.concat(results, ',') .. ']')
