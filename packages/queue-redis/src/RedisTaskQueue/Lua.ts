// Generated from the .lua files beside it by `npm run generate`: edit those.

export const stage: string = `local function run(keys, args)
  local fields = cjson.decode(args[1])
  for from = 1, #fields, 1000 do redis.call('HSET', keys[1], unpack(fields, from, math.min(from + 999, #fields))) end
  redis.call('PEXPIRE', keys[1], args[2])
  return 1
end
`
