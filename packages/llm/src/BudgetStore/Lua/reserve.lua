-- Reserves the maximum that a call can use, in all entries or in none.
-- KEYS: one hash per entry.
-- ARGV: time to live in milliseconds; input tokens; minimum and maximum output tokens; price of an
-- input and of an output token in nano dollars; then per entry the limits of requests, tokens and
-- nano dollars (-1: unlimited), followed by the known spending of each.
-- Returns 1 and the number of reserved output tokens; or 0, the index of the entry that is too
-- small, the index of its dimension, the amount left, the amount needed, 1 if the call would fit
-- without other reservations, and the amount spent.
--   is left, what is needed, and 1 if it would fit without the reservations of others.
local ttl, input, least, output = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local inputPrice, outputPrice = tonumber(ARGV[5]), tonumber(ARGV[6])
local names = { "requests", "tokens", "nanoUsd" }
local function amount(out) return { 1, input + out, input * inputPrice + out * outputPrice } end
local needed = amount(least)
for e = 1, #KEYS do
  local base = 6 + (e - 1) * 6
  for d = 1, 3 do
    local spent = tonumber(redis.call("HGET", KEYS[e], "spent:" .. names[d]) or "0")
    local known = tonumber(ARGV[base + 3 + d])
    if known > spent then
      spent = known
      redis.call("HSET", KEYS[e], "spent:" .. names[d], string.format("%.0f", spent))
      redis.call("PEXPIRE", KEYS[e], ttl)
    end
    local most = tonumber(ARGV[base + d])
    if most >= 0 then
      local left = most - spent - tonumber(redis.call("HGET", KEYS[e], "reserved:" .. names[d]) or "0")
      if needed[d] > left then
        local later = 0
        if needed[d] <= most - spent then later = 1 end
        return { 0, e - 1, d - 1, string.format("%.0f", left), string.format("%.0f", needed[d]), later, string.format("%.0f", spent) }
      end
      if d == 2 then output = math.min(output, left - input) end
      if d == 3 and outputPrice > 0 then output = math.min(output, math.floor((left - input * inputPrice) / outputPrice)) end
    end
  end
end
local reserved = amount(output)
for e = 1, #KEYS do
  for d = 1, 3 do redis.call("HINCRBY", KEYS[e], "reserved:" .. names[d], string.format("%.0f", reserved[d])) end
  redis.call("PEXPIRE", KEYS[e], ttl)
end
return { 1, output }
