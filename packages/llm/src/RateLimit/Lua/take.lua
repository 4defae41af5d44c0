-- Takes tokens from a bucket that refills by the clock of the Redis server.
-- KEYS: the bucket, a hash.
-- ARGV: tokens to take, milliseconds per refilled token, capacity of the bucket, 1 if the bucket
-- may go into debt.
-- Returns the tokens left (negative: debt), the milliseconds since the last refill, and the current
-- time in milliseconds since 1970.
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local tokens, refill, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call("HMGET", KEYS[1], "tokens", "last")
local current, last = tonumber(known[1]), tonumber(known[2])
if not current or not last then
  current, last = limit, now
end
-- After a failover the clock may be behind: existing debt must not be forgiven.
if last > now then last = now end
local refills = math.floor((now - last) / refill)
if refills > 0 then
  current = math.min(limit, current + refills)
  last = last + refills * refill
end
if current >= limit then last = now end
local left = current - tokens
if ARGV[4] == "1" or left >= 0 then
  redis.call("HSET", KEYS[1], "tokens", string.format("%.17g", left), "last", string.format("%.3f", last))
  redis.call("PEXPIRE", KEYS[1], math.ceil(math.max(1, limit - left) * refill) + 60000)
end
return { string.format("%.17g", left), string.format("%.3f", math.max(0, now - last)), string.format("%.3f", now) }
