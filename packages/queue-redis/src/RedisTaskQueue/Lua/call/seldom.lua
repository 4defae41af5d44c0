-- Few steps encounter a paused execution or a timed-out wait: whether any exists is read once per
-- call.
local function lookForRare()
  if somePaused ~= nil then return end
  local some = call('EXISTS', PAUSED, TIMEOUTS) > 0
  somePaused = some and call('EXISTS', PAUSED) == 1
  someFired = some and call('EXISTS', TIMEOUTS) == 1
end
local function isPaused(execution)
  lookForRare()
  return somePaused and call('HEXISTS', PAUSED, execution) == 1
end
local function hasFired()
  lookForRare()
  return someFired
end
