-- Entries as they are told.

-- An entry in JSON, from the answer to HMGET of READ.
local READ = {'version', 'state', 'rank', 'visible_at', 'updated_at', 'lease_owner', 'lease_token', 'attempts', 'facts',
  'launch', 'history', 'report', 'message', 'turn'}
local function text(id, version, state, rank, visible_at, updated_at, owner, token, attempts, facts, launch, history, report)
  owner = owner ~= '' and cjson.encode(owner) or 'null'
  return '["' .. id .. '","' .. version .. '","' .. state .. '",' .. rank .. ',' .. visible_at .. ',' .. updated_at ..
    ',' .. owner .. ',' .. token .. ',' .. attempts .. ',' .. facts .. ',' .. launch .. ',[' .. history .. '],' ..
    (report or 'null') .. ']'
end
