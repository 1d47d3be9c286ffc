-- Reads entries.

-- An entry in JSON, `null` where there is none.
local function whole(id)
  local held = id and call('HMGET', ENTRY .. id, unpack(READ))
  if not held or not held[1] then return 'null' end
  if held[6] ~= '' then held[6] = cjson.encode(held[6]) end
  return text(id, unpack(held))
end

local function wholes(ids)
  local all = {}
  for i, id in ipairs(ids) do all[i] = whole(id) end
  return '[' .. table.concat(all, ',') .. ']'
end
