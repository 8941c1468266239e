#!lua
-- ARGV: 3 id, 4 call, 5 fingerprint, 6 owner, 7 lease, 8 time to live, 9 entry
local id = ARGV[3]
local s = load(id)
if s then
  -- The same call again, whose answer was lost.
  if s.call == ARGV[4] and s.fence == 1 and s.head == 1 then return 1 end
  return state(s)
end
-- What may be left of one of that id which has expired.
redis.call('UNLINK', key(id), log(id))
disown(id)
redis.call('XADD', log(id), '1-1', 'd', ARGV[9])
redis.call('HSET', key(id), 'fence', 1, 'head', 1, 'status', 'live', 'fingerprint', ARGV[5], 'owner', ARGV[6],
  'created', now_exactly, 'size', #ARGV[9], 'stop', 0, 'call', ARGV[4], 'starts', '1:1', 'touched', now)
give({id = id, created = now_exactly}, me, tonumber(ARGV[7]))
redis.call('ZADD', base .. ':ids', 0, id)
redis.call('ZADD', base .. ':live', now, id)
redis.call('ZREM', base .. ':ended', id)
redis.call('ZADD', base .. ':owners', 0, ARGV[6] .. ' ' .. id)
redis.call('HSET', base .. ':owned', id, ARGV[6])
expire(id, ARGV[8])
return 1
