-- Sets the timer of a delayed or suspended task, `millis` from now. A timer is a kind, SEP and a
-- member. The kind is `d` for a delay, or the number of the waiting run.
-- include: call/counters
local function setTimer(millis, timer)
  call('ZADD', TIMERS, now + millis, timer)
  local due = meta().due
  sooner = sooner or due == 0 or now + millis < due
  becomesDue(now + millis) -- guard: due-with-every-timer
end
