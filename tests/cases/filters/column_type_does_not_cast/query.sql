SELECT b + 0 AS b FROM d.t
