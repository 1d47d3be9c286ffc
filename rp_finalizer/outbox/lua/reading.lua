-- Reads entries.

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
