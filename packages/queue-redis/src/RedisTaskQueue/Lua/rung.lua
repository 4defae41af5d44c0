-- Removes bells that were delivered.
--
-- KEYS[1..14], ARGV[1..2]  `call/given`
-- ARGV[3]                  the bells as JSON
-- include: call/given
local function run(givenKeys, givenArgs)
  receive(givenKeys, givenArgs)
  for _, bell in ipairs(cjson.decode(args[3])) do call('LREM', OUTBOX, 1, bell) end
  return 1
end
