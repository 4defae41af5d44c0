-- The most common steps: only settling and claiming tasks. It is smaller than `step` and starts
-- faster. Keys and arguments: `call/given`, then `call/answer`.
-- include: call/given
local run = (function()
  -- include: operations/claim
  -- include: operations/settle
  return function(givenKeys, givenArgs)
    receive(givenKeys, givenArgs)
    return answer()
  end
end)()
