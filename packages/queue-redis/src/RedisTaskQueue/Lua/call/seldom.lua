-- Few steps meet a paused execution or a wait that timed out: whether there is any is asked for once per call.
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
