-- Replaces a reservation by what was used.
-- KEYS: one hash per entry.
-- ARGV: milliseconds to live, then per dimension (requests, tokens, nano dollars) what was reserved and what was used.
local names = { "requests", "tokens", "nanoUsd" }
for e = 1, #KEYS do
  for d = 1, 3 do
    redis.call("HINCRBY", KEYS[e], "reserved:" .. names[d], string.format("%.0f", 0 - tonumber(ARGV[d * 2])))
    redis.call("HINCRBY", KEYS[e], "spent:" .. names[d], ARGV[d * 2 + 1])
  end
  redis.call("PEXPIRE", KEYS[e], tonumber(ARGV[1]))
end
