-- For many streams at a time; what becomes of one is no matter to the others.
-- ARGV: 3 most bytes of a stream, 4 time to live, 5 the same after the end; then for each stream id, fence, head,
-- whether the same may have been done before, end, the number of entries, and these.
-- Returns for each: 0 done, 1 done, and somebody asks for its end, 2 another has it, 3 gone, 4 full.
local most, results, at = tonumber(ARGV[3]), {}, 6

-- Whether these very entries stand behind `head`, and nothing else.
local function is_done(id, fence, head, count, reached)
  if reached ~= head + count then return false end
  if count == 0 then return true end
  local found = redis.call('XRANGE', log(id), fence .. '-' .. (head + 1), fence .. '-' .. reached)
  if #found ~= count then return false end
  for i, entry in ipairs(found) do
    if entry[2][2] ~= ARGV[at + 5 + i] then return false end
  end
  return true
end

local function append()
  local id, fence, head, again, ending = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3],
    ARGV[at + 4]
  local count = tonumber(ARGV[at + 5])
  local stream, entries = key(id), log(id)
  local v = redis.call('HMGET', stream, 'fence', 'head', 'status', 'worker', 'size', 'stop', 'lease', 'deadline',
    'created')
  if not v[1] then return 3 end
  local its_fence, reached = tonumber(v[1]), tonumber(v[2])
  -- Below what it was told: the server has forgotten what it had acknowledged.
  if its_fence < fence or (its_fence == fence and reached < head) then return 3 end
  -- After that, two workers may have the same fence.
  if its_fence > fence or v[4] ~= me then return 2 end
  if redis.call('XLEN', entries) ~= reached then return 3 end
  local done = v[6] == '1' and 1 or 0
  if again == '1' and v[3] == (ending == '' and 'live' or ending) and is_done(id, fence, head, count, reached) then
    if count > 0 or ending ~= '' then return done end
  end
  if v[3] ~= 'live' or reached ~= head then return 2 end
  local size = tonumber(v[5])
  for i = at + 6, at + 5 + count do size = size + #ARGV[i] end
  if size > most and ending == '' then return 4 end -- what says that it has ended always finds room

  for i = 1, count do
    redis.call('XADD', entries, fence .. '-' .. (head + i), 'd', ARGV[at + 5 + i])
  end
  local lease = tonumber(v[7])
  if ending ~= '' then
    let_go({id = id, worker = me})
    redis.call('HSET', stream, 'head', head + count, 'size', size, 'touched', now, 'status', ending, 'ended', now,
      'lease', 0, 'deadline', 0)
    redis.call('ZREM', base .. ':live', id)
    redis.call('ZADD', base .. ':ended', now, id)
    expire(id, ARGV[5])
    if count == 0 then ring(id) end
    return done
  end
  redis.call('HSET', stream, 'head', head + count, 'size', size, 'touched', now, 'deadline',
    lease > 0 and now + lease or 0)
  if lease > 0 and v[8] == '0' then -- it was thought to be gone
    let_go({id = id, worker = me})
    give({id = id, created = tonumber(v[9])}, me, lease)
  end
  expire(id, ARGV[4])
  return done
end

while ARGV[at] do
  results[#results + 1] = append()
  at = at + 6 + tonumber(ARGV[at + 5])
end
return results
