-- Entries as they are told, and whether they are due.

-- What was written in the future was written before a clock went back: it is due.
local function due_by(visible_at, updated_at) return tonumber(visible_at) <= now or tonumber(updated_at) > now end

-- An entry in JSON, from the answer to HMGET of READ, but for the owner, who is in JSON or empty.
local READ = {'version', 'state', 'rank', 'visible_at', 'updated_at', 'lease_owner', 'lease_token', 'attempts', 'facts',
  'launch', 'history', 'report', 'message', 'turn'}
local function text(id, version, state, rank, visible_at, updated_at, owner, token, attempts,
                    facts, launch, history, report)
  return '["' .. id .. '","' .. version .. '","' .. state .. '",' .. rank .. ',' .. visible_at .. ',' .. updated_at ..
    ',' .. (owner ~= '' and owner or 'null') .. ',' .. token .. ',' .. attempts .. ',' .. facts .. ',' .. launch ..
    ',[' .. history .. '],' .. (report or 'null') .. ']'
end
