// Generated from the .lua files beside it by `npm run generate`: edit those.

export const reserve: string = `local ttl, input, least, output = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
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
`

export const settle: string = `local names = { "requests", "tokens", "nanoUsd" }
for e = 1, #KEYS do
  for d = 1, 3 do
    redis.call("HINCRBY", KEYS[e], "reserved:" .. names[d], string.format("%.0f", 0 - tonumber(ARGV[d * 2])))
    redis.call("HINCRBY", KEYS[e], "spent:" .. names[d], ARGV[d * 2 + 1])
  end
  redis.call("PEXPIRE", KEYS[e], tonumber(ARGV[1]))
end
`
