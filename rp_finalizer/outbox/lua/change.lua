-- needs entries streams
-- Write what became of entries, each where it still is what that was decided of, and the time was right; give for each 0,
-- or what it is now, or null where it is gone.
-- ARGV: how many entries there is room for (empty: none is opened anew), how far the time may be behind (empty: it is as
-- told), and for each entry the arguments of `change`, in their order.

local SIZE = 15
local room, tolerance = ARGV[4], ARGV[5]
-- Never ahead: what was written in the future is due at once.
local in_time = tolerance == '' or (now <= true_now and true_now - now <= tonumber(tolerance))
local written, full = false, false

-- Of the JSON, what is empty stays as it is. An event begins with +, and is added to the history.
local function change(id, expected, counted, version, state, visible_at, updated_at, owner, token, attempts,
                      facts, launch, report, event, history)
  local name = ENTRY .. id
  local held = call('HMGET', name, 'version', 'state', 'rank', 'lease_token', 'message', 'turn', 'history')
  local was, rank, message, turn = held[2], held[3], held[5], held[6]
  -- The answer to the same call was lost.
  if held[1] == version then return '0' end
  if not in_time or held[1] ~= expected then return whole(id) end
  if room ~= '' and owed() >= tonumber(room) then
    full = true
    return 'null'
  end
  if event ~= '' then history = held[7] == '' and event or held[7] .. ',' .. event end
  local values = {'version', version, 'state', state, 'visible_at', visible_at, 'updated_at', updated_at,
    'lease_owner', owner, 'lease_token', token, 'attempts', attempts}
  local n = #values
  if facts ~= '' then values[n + 1], values[n + 2], n = 'facts', facts, n + 2 end
  if launch ~= '' then values[n + 1], values[n + 2], n = 'launch', launch, n + 2 end
  if report ~= '' then values[n + 1], values[n + 2], n = 'report', report, n + 2 end
  if history ~= '' then values[n + 1], values[n + 2], n = 'history', history, n + 2 end
  if state == 'leased' and was == state and held[4] == token and message ~= '' and turn == '' then
    -- A delivery whose lease is renewed stays one.
    call('HSET', name, unpack(values))
    call('ZADD', STATE .. state, visible_at, id)
    hold(message, rank, owner, tonumber(visible_at))
  else
    if message == '' then
      call('ZREM', WAITING, id)
    else
      if turn ~= '' then call('ZREM', DUE, turn) end
      settle(message, rank)
      values[n + 1], values[n + 2], values[n + 3], values[n + 4] = 'message', '', 'turn', ''
    end
    call('HSET', name, unpack(values))
    if was ~= state then call('ZREM', STATE .. was, id) end
    place(id, state, rank, visible_at)
  end
  count(counted)
  written = true
  return '0'
end

local results = {}
for at = 6, #ARGV, SIZE do results[#results + 1] = change(unpack(ARGV, at, at + SIZE - 1)) end
if full then return answer('full') end
if written then note_time() end
if not in_time then now_text = exact(true_now) end
return answer('ok', '[' .. table.concat(results, ',') .. ']')
