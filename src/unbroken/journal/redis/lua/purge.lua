#!lua flags=allow-oom
-- ARGV: 3 "id", 4 id; or 3 "owner", 4 owner; or 3 "over", 4 retention, 5 orphan retention.
-- Returns how many were deleted, and whether there may be more.
local erased, step = 0, 100

local function erase(id)
  local s = redis.call('HMGET', key(id), 'worker', 'status')
  local there = redis.call('UNLINK', key(id), log(id))
  let_go({id = id, worker = s[1] or ''})
  redis.call('ZREM', base .. ':live', id)
  redis.call('ZREM', base .. ':ended', id)
  there = there + redis.call('ZREM', base .. ':ids', id)
  disown(id)
  if s[2] == 'live' then ring(id) end
  if there > 0 then erased = erased + 1 end
end

if ARGV[3] == 'id' then
  erase(ARGV[4])
  return {erased, 0}
end

if ARGV[3] == 'owner' then
  local owner = ARGV[4]
  local members = redis.call('ZRANGEBYLEX', base .. ':owners', '[' .. owner .. ' ', '(' .. owner .. '!', 'LIMIT', 0,
    step)
  for _, member in ipairs(members) do erase(member:sub(#owner + 2)) end
  return {erased, #members == step and 1 or 0}
end

local ended = redis.call('ZRANGEBYSCORE', base .. ':ended', '-inf', now - tonumber(ARGV[4]), 'LIMIT', 0, step)
for _, id in ipairs(ended) do erase(id) end

local cutoff = now - tonumber(ARGV[5])
local old = redis.call('ZRANGEBYSCORE', base .. ':live', '-inf', cutoff, 'LIMIT', 0, step)
for _, id in ipairs(old) do
  local s = load(id)
  if not s or (is_orphaned(s) and s.touched <= cutoff) then
    erase(id)
  else
    redis.call('ZADD', base .. ':live', s.touched > cutoff and s.touched or now, id)
  end
end

local marks = redis.call('HGETALL', base .. ':absent')
for i = 1, #marks, 2 do
  if now - marks[i + 1]:match('%d+ (%d+)') > 3600000 then redis.call('HDEL', base .. ':absent', marks[i]) end
end
return {erased, (#ended == step or #old == step) and 1 or 0}
