-- wrk: each request is the next student's, from the next of 10,000 addresses, for fifty of a hundred videos.
-- LOAD_COOKIES: a file with a cookie line a student; LOAD_PATH: the address before the ids; LOAD_WINDOWS: how many sets of
-- videos there are (1: what is asked for is in every cache after a round; 51: a set comes back after 255,000 requests).
local cookies, paths, addresses = {}, {}, {}
for line in io.lines(os.getenv("LOAD_COOKIES")) do cookies[#cookies + 1] = line end
for first = 1, tonumber(os.getenv("LOAD_WINDOWS")) do
  local videos = {}
  for video = first, first + 49 do videos[#videos + 1] = video end
  paths[first] = os.getenv("LOAD_PATH") .. table.concat(videos, ",")
end
for n = 0, 9999 do addresses[n] = "10.1." .. math.floor(n / 100) .. "." .. n % 100 end
local n = 0

function request()
  local student, window = n % #cookies, math.floor(n / #cookies) % #paths
  local asked = "GET " .. paths[window + 1] .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\nAccept-Encoding: gzip\r\n"
    .. "X-Forwarded-For: " .. addresses[n % 10000] .. "\r\nCookie: " .. cookies[student + 1] .. "\r\n\r\n"
  n = n + 1
  return asked
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("FIGURES %f %f %f %d\n", summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, errors.status + errors.read + errors.connect + errors.timeout))
end
