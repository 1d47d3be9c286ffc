-- An outbox in Redis. Each step is one script, done whole or not at all: this file, those that the step's first line
-- says it needs, and the step's own. What becomes of an entry is decided by whoever calls, and written where it still
-- is what that was decided of; but for the claim, which has to find the entries at the same moment.
--
-- KEYS[1] is the prefix P, with the hash tag that keeps all keys in one slot. The keys:
--   P:about         hash    `version` of this dictionary; `latest`: when something was written last, but for a moment;
--                           `jumped`: there while entries lie where a clock that went back has put them; `next`: no
--                           entry of P:waiting or P:state:leased comes due before, so until then none is looked for
--   P:counters      hash    how often things happened at once, by a line "KIND NAME" for each
--   P:entry:ID      hash    an entry. Its fence: `version`, new with every write, and `lease_token`. What steps look
--                           at: `state rank visible_at updated_at lease_owner attempts`; `message`, that in a stream;
--                           `turn`, its member of P:due. What they do not, in JSON: `launch`, `facts`, `report`, and
--                           `history`, the events alone, for claims add to it
--   P:launch:UUID   hash    the ids of a launch's entries, by "ENDPOINT#PROJECT"
--   P:ids           zset    all ids, all of score 0, so in their order
--   P:state:STATE   zset    a state's ids, by when they come due: a delay, the end of a lease; of what is over, by its
--                           end
--   P:stream:RANK   stream  a priority's entries that are due, and those delivered to workers; field `id`. Its one
--                           group is `workers`, begun at 0. What is delivered stays until it is settled. The time of
--                           a delivery is not when that was, but when its lease ends, less AHEAD: idle for AHEAD is a
--                           lease run out
--   P:due           zset    "RANK MESSAGE ID" of what is in a stream and not delivered, by its urgency
--   P:waiting       zset    ids of the other owed entries, by when they come due: open, delayed, or taken by name
--
-- ARGV: the dictionary's version, the time (empty: the server's), whether it is called again (1) because the answer was
-- lost, and from ARGV[4] on what the step's first lines say.
-- The answer, in JSON: a word, the time, and what the step gives. Times are seconds since the epoch.

local P, GROUP, AHEAD, AGEING = KEYS[1], 'workers', 315360000000, 600
local RANKS = {'0', '1', '2', '3'}
local ABOUT, COUNTERS, IDS, DUE, WAITING = P .. ':about', P .. ':counters', P .. ':ids', P .. ':due', P .. ':waiting'
local ENTRY, LAUNCH, STATE, STREAM = P .. ':entry:', P .. ':launch:', P .. ':state:', P .. ':stream:'
local call = redis.call

-- As text, without loss.
local function exact(number) return string.format('%.17g', number) end

local clock = call('TIME')
local true_text = string.format('%d.%06d', clock[1], clock[2])
local now_text = ARGV[2] ~= '' and ARGV[2] or true_text
local true_now, now, told_time = tonumber(true_text), tonumber(now_text), now_text

local function answer(word, given) return '["' .. word .. '",' .. told_time .. ',' .. (given or '0') .. ']' end

local about = call('HMGET', ABOUT, 'version', 'latest', 'jumped', 'next')
if about[1] and about[1] ~= ARGV[1] then return answer('version', cjson.encode(about[1])) end
local latest, next_ = tonumber(about[2] or 0), tonumber(about[4] or 0)

-- Entries may lie elsewhere than their times say.
local jumped = now < latest or about[3]

-- Have it known that something comes due.
local function note_next(at)
  if tonumber(at) < next_ then
    next_ = tonumber(at)
    call('HSET', ABOUT, 'next', at)
  end
end

-- Once in a moment is enough: what is as old as this is due in a moment, too.
local function note_time()
  if now > latest + 0.05 then call('HSET', ABOUT, 'version', ARGV[1], 'latest', now_text) end
end
