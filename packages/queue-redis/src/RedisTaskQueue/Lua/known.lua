-- Returns the ids of known executions, in order.
--
-- KEYS[1..14], ARGV[1..2]  `call/given`
-- ARGV[3]                  the id to start after; empty: from the first
-- ARGV[4]                  the maximum number of ids
-- include: call/given
local function run(givenKeys, givenArgs)
  receive(givenKeys, givenArgs)
  local from = args[3] == '' and '-' or '[' .. args[3] .. AFTER
  return call('ZRANGEBYLEX', KNOWN, from, '+', 'LIMIT', 0, args[4])
end
