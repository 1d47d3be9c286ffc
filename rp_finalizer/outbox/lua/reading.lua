-- Entries as they are.

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
