-- Answers executions that are known, in the order of their ids.
--
-- KEYS[1..14], ARGV[1..2]  `call/given`
-- ARGV[3]                  after which id; empty: from the first
-- ARGV[4]                  at most how many
-- include: call/given
local function run(givenKeys, givenArgs)
  receive(givenKeys, givenArgs)
  local from = args[3] == '' and '-' or '[' .. args[3] .. AFTER
  return call('ZRANGEBYLEX', KNOWN, from, '+', 'LIMIT', 0, args[4])
end
