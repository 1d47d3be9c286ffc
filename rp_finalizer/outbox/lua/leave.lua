-- needs groups
-- Remove a worker's consumers, where nothing is theirs any more.
-- ARGV: the worker.

for _, rank in ipairs(RANKS) do
  if call('EXISTS', STREAM .. rank) == 1 then remove_idle(rank, ARGV[4]) end
end
return answer('ok')
