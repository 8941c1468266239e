#!lua
-- ARGV: 3 id, 4 call, 5 fence, 6 head, 7 created, 8 lease, 9 force, 10 time to live, 11 entry
local id, call, fence, head = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local s = load(id)
if not s then return 0 end
if s.call == call and s.fence == fence + 1 and s.head == head + 1 then return 1 end -- the same call again
if s.fence ~= fence or s.head ~= head or s.created ~= tonumber(ARGV[7]) then return 0 end
if s.status == 'complete' or s.status == 'cancelled' then return 0 end
if s.status == 'live' and ARGV[9] == '0' and not is_orphaned(s) then return 0 end
fence, head = fence + 1, head + 1
redis.call('XADD', log(id), fence .. '-' .. head, 'd', ARGV[11])
redis.call('HSET', key(id), 'fence', fence, 'head', head, 'status', 'live', 'size', s.size + #ARGV[11], 'stop', 0,
  'call', call, 'starts', s.starts .. ',' .. fence .. ':' .. head, 'touched', now)
redis.call('HDEL', key(id), 'ended')
let_go(s)
give(s, me, tonumber(ARGV[8]))
redis.call('ZADD', base .. ':live', now, id)
redis.call('ZREM', base .. ':ended', id)
expire(id, ARGV[10])
return 1
