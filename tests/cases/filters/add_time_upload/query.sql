SELECT count(DISTINCT t) AS times, min(t) > '2020-01-01T00:00:00Z' AS is_now FROM d.t
