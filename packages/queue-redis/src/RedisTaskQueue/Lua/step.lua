-- Performs several operations at once, after expired leases and timers. Keys and arguments:
-- `call/given`, then `call/answer`.
-- include: call/given
local run = (function()
  -- include: operations/beat
  -- include: operations/claim
  -- include: operations/dismiss
  -- include: operations/enlist
  -- include: operations/forget
  -- include: operations/heard
  -- include: operations/inspect
  -- include: operations/release
  -- include: operations/settle
  -- include: operations/suspend
  -- include: operations/tell
  return function(givenKeys, givenArgs)
    receive(givenKeys, givenArgs)
    return answer()
  end
end)()
