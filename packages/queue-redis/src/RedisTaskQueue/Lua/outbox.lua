-- Answers the oldest bells that nobody has passed on yet.
--
-- KEYS[1..14], ARGV[1..2]  `call/given`
-- ARGV[3]                  at most how many
-- include: call/given
local function run(givenKeys, givenArgs)
  receive(givenKeys, givenArgs)
  return call('LRANGE', OUTBOX, 0, args[3] - 1)
end
