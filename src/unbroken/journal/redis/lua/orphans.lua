#!lua flags=allow-oom
-- ARGV: 3 limit
local limit = tonumber(ARGV[3])

-- Of workers that are gone; one after the other, in steps of 200 streams.
local from = '-'
while true do
  local member = redis.call('ZRANGEBYLEX', base .. ':crew', from, '+', 'LIMIT', 0, 1)[1]
  if not member then break end
  local worker = member:match('^%S+')
  if is_gone(worker) then
    for _, each in ipairs(redis.call('ZRANGEBYLEX', base .. ':crew', '[' .. worker .. ' ', '(' .. worker .. '!',
      'LIMIT', 0, 200)) do
      local s = load(each:sub(#worker + 2))
      redis.call('ZREM', base .. ':crew', each)
      if s and s.status == 'live' and s.worker == worker then open(s) end
    end
  end
  from = '(' .. worker .. '!'
end

-- Whose time has run out. The index has a time that is not later than the true one.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. ':due', '-inf', now, 'LIMIT', 0, 200)) do
  local s = load(id)
  if not s or s.status ~= 'live' then
    redis.call('ZREM', base .. ':due', id)
  elseif s.deadline > now then
    redis.call('ZADD', base .. ':due', s.deadline, id)
  else
    open(s)
  end
end

local found, at = {}, 0
while #found < limit do
  local ids = redis.call('ZRANGE', base .. ':open', at, at + limit - 1)
  for _, id in ipairs(ids) do
    local s = load(id)
    if s and s.status == 'live' then
      at = at + 1
      if #found < limit then found[#found + 1] = id end
    else
      redis.call('ZREM', base .. ':open', id)
    end
  end
  if #ids < limit then break end
end
return found
