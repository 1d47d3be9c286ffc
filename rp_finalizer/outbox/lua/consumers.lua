-- Whom things are delivered to.

-- A consumer is removed with all that it has: only one that has nothing may be.
local function remove_idle(rank, owner)
  if #grouped(rank, 'XPENDING', STREAM .. rank, GROUP, '-', '+', 1, owner) == 0 then
    call('XGROUP', 'DELCONSUMER', STREAM .. rank, GROUP, owner)
  end
end
