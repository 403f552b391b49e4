SELECT * FROM d.t ORDER BY hour, hits DESC
