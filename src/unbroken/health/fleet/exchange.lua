#!lua
-- One exchange of one process with its fleet. KEYS[1] begins the names of all keys; ARGV: who asks, and what it says.
-- Times are by this server's clock, and go in and out as milliseconds from now.
local base, worker, said = KEYS[1], ARGV[1], cjson.decode(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local DAY, HOUR, AWAY, MOST = 86400000, 3600000, 10000, 1000
local OPEN, EPOCHS, COOL = base .. ':open', base .. ':epochs', base .. ':cool'
local BUDGET, HERE, DEAD = base .. ':budget', base .. ':here', base .. ':dead'

local function epoch(name) return tonumber(redis.call('HGET', EPOCHS, name) or '0') end
local function dead(name) return tonumber(redis.call('HGET', DEAD, name) or '-1') == epoch(name) end
local function window(name) return base .. ':window:' .. name end
local function probe(name) return base .. ':probe:' .. name end

-- What nobody has cared for, for an hour, is forgotten.
redis.call('ZREMRANGEBYSCORE', OPEN, '-inf', now - HOUR)
redis.call('ZREMRANGEBYSCORE', COOL, '-inf', now)
redis.call('ZREMRANGEBYSCORE', HERE, '-inf', now - AWAY)
redis.call('ZADD', HERE, now, worker)

-- Breakers. The epoch counts openings: what was said of an earlier one is not heeded, and a second process that opens
-- does not set the clock anew; unless it has found that nothing succeeds, while the first did not know that.
for name, it in pairs(said.opened) do
  local at, is_dead = it[1], it[3] == 1
  local is_open = redis.call('ZSCORE', OPEN, name)
  if not is_open then redis.call('HINCRBY', EPOCHS, name, 1) end
  local news = is_dead and at == epoch(name) - 1 and not dead(name)
  if not is_open or at == epoch(name) or news then
    redis.call('ZADD', OPEN, now + it[2], name)
    redis.call('DEL', window(name), probe(name))
    if is_dead then redis.call('HSET', DEAD, name, epoch(name)) end
  end
end
for name, at in pairs(said.closed) do
  if at == epoch(name) and redis.call('ZREM', OPEN, name) == 1 then
    redis.call('DEL', window(name), probe(name))
    redis.call('HDEL', DEAD, name)
  end
end

local step = said.window / 10
local number = math.floor(now / step)
for name, it in pairs(said.counts) do
  if it[1] == epoch(name) and not redis.call('ZSCORE', OPEN, name) then
    redis.call('HINCRBY', window(name), number .. ':r', it[2])
    redis.call('HINCRBYFLOAT', window(name), number .. ':f', it[3])
    redis.call('PEXPIRE', window(name), said.window + math.ceil(step))
  end
end

-- One probe.
local reserved = {}
for name, ms in pairs(said.probing) do
  if redis.call('ZSCORE', OPEN, name) then
    local holder = redis.call('GET', probe(name))
    if not holder or holder == worker then redis.call('SET', probe(name), worker, 'PX', math.max(1, ms)) end
  end
end
for name, ms in pairs(said.reserve) do
  if redis.call('ZSCORE', OPEN, name) and redis.call('SET', probe(name), worker, 'NX', 'PX', math.max(1, ms)) then
    reserved[name] = ms
  end
end

-- Cool-downs: the longest holds.
for name, ms in pairs(said.cools) do
  local till = redis.call('ZSCORE', COOL, name)
  if not till or tonumber(till) < now + ms then redis.call('ZADD', COOL, now + ms, name) end
end

-- The budget: most, retries a second, what is given back, and how many are wanted.
local most, per_second, given, wanted = unpack(said.budget)
local left, at = unpack(redis.call('HMGET', BUDGET, 'left', 'at'))
left, at = tonumber(left or most), tonumber(at or now)
left = math.min(most, left + given + math.max(0, now - at) / 1000 * per_second)
local got = math.min(wanted, math.floor(left))
left = left - got
redis.call('HSET', BUDGET, 'left', left, 'at', now)

for _, key in ipairs({OPEN, EPOCHS, DEAD, COOL, BUDGET, HERE}) do redis.call('PEXPIRE', key, DAY) end

-- What the fleet knows.
local function rest(key)
  local found, pairs_ = {}, redis.call('ZRANGE', key, 0, MOST - 1, 'WITHSCORES')
  for i = 1, #pairs_, 2 do found[pairs_[i]] = math.max(0, tonumber(pairs_[i + 1]) - now) end
  return found
end
local open = {}
for name, ms in pairs(rest(OPEN)) do open[name] = {epoch(name), ms, dead(name) and 1 or 0} end
local watch = {}
for _, name in ipairs(said.watch) do
  local requests, failures = 0, 0
  local counted = redis.call('HGETALL', window(name))
  for i = 1, #counted, 2 do
    local which, kind = string.match(counted[i], '^(%d+):(.)$')
    if tonumber(which) <= number - 10 then
      redis.call('HDEL', window(name), counted[i])
    elseif kind == 'r' then
      requests = requests + tonumber(counted[i + 1])
    else
      failures = failures + tonumber(counted[i + 1])
    end
  end
  watch[name] = {epoch(name), requests, failures}
end
return cjson.encode({
  processes = redis.call('ZCARD', HERE), budget = {got, left},
  open = open, cool = rest(COOL), watch = watch, reserved = reserved,
})
