-- Stores a part of an execution that is too large for one call, until `submit` activates it. It
-- expires if that does not happen.
--
-- KEYS[1]  where the execution is staged
-- ARGV[1]  alternating names and values of fields of its hash, as JSON
-- ARGV[2]  how long the staged execution is kept, in milliseconds
local function run(keys, args)
  local fields = cjson.decode(args[1])
  for from = 1, #fields, 1000 do redis.call('HSET', keys[1], unpack(fields, from, math.min(from + 999, #fields))) end
  redis.call('PEXPIRE', keys[1], args[2])
  return 1
end
