-- Returns the oldest bells that have not been delivered.
--
-- KEYS[1..14], ARGV[1..2]  `call/given`
-- ARGV[3]                  the maximum number of bells
-- include: call/given
local function run(givenKeys, givenArgs)
  receive(givenKeys, givenArgs)
  return call('LRANGE', OUTBOX, 0, args[3] - 1)
end
