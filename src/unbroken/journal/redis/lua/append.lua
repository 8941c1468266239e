-- For many streams at a time; what becomes of one is no matter to the others.
-- ARGV: 3 most bytes of a stream, 4 time to live, 5 the same after the end; then for each stream id, fence, head, the
-- call by which its writer got it (empty: it was not this worker), end, the number of entries, and these.
-- Returns for each: 0 done, 1 done, and somebody asks for its end, 2 another has it, 3 gone, 4 full.
local most, results, at = tonumber(ARGV[3]), {}, 6

-- Whether this very append was made before, and its answer was lost.
local function is_done(v, id, fence, head, ending, count)
  if v[3] ~= (ending == '' and 'live' or ending) or tonumber(v[2]) ~= head + count then return false end
  if count == 0 then return true end
  local found = redis.call('XRANGE', log(id), fence .. '-' .. (head + 1), fence .. '-' .. (head + count))
  if #found ~= count then return false end
  for i, entry in ipairs(found) do
    if entry[2][2] ~= ARGV[at + 5 + i] then return false end
  end
  return true
end

local function append()
  local id, fence, head, call = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3]
  local ending, count = ARGV[at + 4], tonumber(ARGV[at + 5])
  local stream, entries = key(id), log(id)
  local v = redis.call('HMGET', stream, 'fence', 'head', 'status', 'worker', 'size', 'stop', 'lease', 'deadline',
    'created', 'call', 'kept')
  if not v[1] then return 3 end
  local its_fence, reached = tonumber(v[1]), tonumber(v[2])
  -- Below what it was told: the server has forgotten what it had acknowledged.
  if its_fence < fence or (its_fence == fence and reached < head) then return 3 end
  -- After that, two may have the same fence, and the later one is the writer.
  if its_fence > fence or (call ~= '' and v[10] ~= call) then return 2 end
  if redis.call('XLEN', entries) ~= reached then return 3 end
  local done = v[6] == '1' and 1 or 0
  if v[3] ~= 'live' or reached ~= head then
    return is_done(v, id, fence, head, ending, count) and done or 2
  end
  local size = tonumber(v[5])
  for i = at + 6, at + 5 + count do size = size + #ARGV[i] end
  if size > most and ending == '' then return 4 end -- what says that it has ended always finds room

  for i = 1, count do
    redis.call('XADD', entries, fence .. '-' .. (head + i), 'd', ARGV[at + 5 + i])
  end
  local lease = tonumber(v[7])
  if ending ~= '' then
    let_go({id = id, worker = v[4]})
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
  if lease > 0 and (v[8] == '0' or v[4] ~= me) then -- its writer was thought to be gone, or was another worker
    let_go({id = id, worker = v[4]})
    give({id = id, created = tonumber(v[9])}, me, lease)
  end
  if now - v[11] >= 60000 then expire(id, ARGV[4]) end
  return done
end

while ARGV[at] do
  results[#results + 1] = append()
  at = at + 6 + tonumber(ARGV[at + 5])
end
return results
