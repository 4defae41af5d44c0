-- Applies facts recorded after the submission: nodes, settled tasks, signals, pause. Writes nothing
-- for an unknown execution.
--
-- Keys: ready, ring, meta, leases, leased, permits, timers, timeouts, paused, held, outbox, the execution
-- include: call/answer
-- include: record/execution
-- include: transitions/grow
-- include: transitions/pause
-- include: transitions/settle
-- include: transitions/wake
operations.tell = function(id, news)
  local x = load(id)
  if not x then return 0 end
  local free = grow(x, news.nodes or {})
  local woken = settle(x, news.settled or {})
  local lists = {}
  for _, signal in ipairs(news.signals or {}) do
    if call('HSETNX', x.key, 'a' .. signal, 1) == 1 then -- guard(true): signal-once
      lists[#lists + 1] = call('HGET', x.key, 'g' .. signal)
    end
  end
  for _, task in ipairs(arrive(x, lists)) do woken[#woken + 1] = task end
  if news.pause then pause(x, news.pause[1], news.pause[2]) end
  if news.upTo and news.upTo > tonumber(call('HGET', x.key, 'U')) then -- guard(true): told-up-to-grows
    call('HSET', x.key, 'U', news.upTo)
  end
  local states = get(x.key, prefixed('s', free))
  local ready = {}
  for i, task in ipairs(free) do
    if not states[i] then ready[#ready + 1] = task end
  end
  awake(x, ready)
  wake(x, woken)
  save(x)
  return 1
end
