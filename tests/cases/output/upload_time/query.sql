SELECT s, time > now() - INTERVAL '1 hour' AND time <= now() AS recent FROM d.t ORDER BY s
