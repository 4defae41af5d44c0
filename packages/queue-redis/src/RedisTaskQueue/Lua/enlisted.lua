-- Returns the descriptions that workers registered.
--
-- KEYS[1..14], ARGV[1..2]  `call/given`
-- include: call/given
local function run(givenKeys, givenArgs)
  receive(givenKeys, givenArgs)
  return call('HVALS', INFOS)
end
