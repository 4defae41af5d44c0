-- What most steps are: tasks are settled and taken, nothing else. With less in it than `step`, it begins sooner. Keys and arguments:
-- `call/given`, then `call/answer`.
-- include: call/given
local run = (function()
  -- include: operations/claim
  -- include: operations/settle
  return function(givenKeys, givenArgs)
    receive(givenKeys, givenArgs)
    return answer()
  end
end)()
