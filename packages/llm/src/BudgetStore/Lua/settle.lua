-- Replaces a reservation with the actual usage.
-- KEYS: one hash per entry.
-- ARGV: time to live in milliseconds, then per dimension (requests, tokens, nano dollars) the
-- amount reserved and the amount used.
local names = { "requests", "tokens", "nanoUsd" }
for e = 1, #KEYS do
  for d = 1, 3 do
    redis.call("HINCRBY", KEYS[e], "reserved:" .. names[d], string.format("%.0f", 0 - tonumber(ARGV[d * 2])))
    redis.call("HINCRBY", KEYS[e], "spent:" .. names[d], ARGV[d * 2 + 1])
  end
  redis.call("PEXPIRE", KEYS[e], tonumber(ARGV[1]))
end
