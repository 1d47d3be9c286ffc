-- The order of the claim.

promote_due(1000000)

-- The ids of the deliveries whose lease has run out, in the order in which they are taken over.
local function expired()
  local ids, order = {}, {}
  for _, id in ipairs(of_state('leased', true, 1000000)) do
    local held = call('HMGET', ENTRY .. id, 'rank', 'message', 'turn')
    if held[2] ~= '' and held[3] == '' then
      ids[#ids + 1] = id
      order[id] = held[1] .. sortable(held[2])
    end
  end
  table.sort(ids, function(a, b) return order[a] < order[b] end)
  return ids
end

-- The first ids of what is due, in the order of the claim.
local function in_turn(limit)
  local ids = {}
  for _, id in ipairs(expired()) do
    if #ids < limit then ids[#ids + 1] = id end
  end
  if #ids < limit then
    for _, turn in ipairs(call('ZRANGE', DUE, 0, limit - #ids - 1)) do ids[#ids + 1] = id_of(turn) end
  end
  return ids
end
